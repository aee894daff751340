"""The same model without torch: exported once to ONNX, then run by onnxruntime and tokenizers."""

import atexit
import contextlib
import logging
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import ClassVar, Literal

import msgspec
import numpy as np

from router.arrays import TokenVectors, Vectors
from router.encoders.encoder import (
    NO_TOKENS,
    find_model,
    fingerprint,
    load_sentence_transformer,
    sha256_of,
)
from router.encoders.onnx_session import DamagedError, Export, ExportError, OnnxSession
from router.errors import EncoderError
from router.paths import cache_folder
from router.text import is_blank, well_formed

log = logging.getLogger(__name__)

FORMAT = 5  # raise it when the exporter, or its texts in data, are changed
Precision = Literal["fp32", "int8"]
Notify = Callable[[str], None]


class OnnxEncoder:
    """A sentence-transformers model of a folder, exported to ONNX when it is first needed.

    :param model: A folder; the embedded all-MiniLM-L6-v2 if None.
    :param precision: docs/pages/explanation/encoder.md has what each costs.
    :param notify: Called with a sentence when something takes long.
    """

    layered: ClassVar[bool] = False

    def __init__(
        self,
        model: str | Path | None = None,
        precision: Precision = "int8",
        notify: Notify | None = None,
    ) -> None:
        folder = find_model(model)
        if isinstance(folder, str):
            raise EncoderError(
                f"{folder}: only a model in a folder can be exported, this is a name;"
                " cure: save it to a folder, or use SentenceTransformerEncoder"
            )
        self.folder = folder
        self.precision: Precision = precision
        self._notify = notify
        self._lock = threading.Lock()

    @cached_property
    def key(self) -> str:
        """The hash of the model's files, and the precision."""
        layers = "-layered" if self.layered else ""
        return f"{fingerprint(self.folder)}:onnx{FORMAT}-{self.precision}{layers}"

    @cached_property
    def width(self) -> int:
        """Length of a vector."""
        return self.prepare()[1].width

    def prepare(self) -> tuple[Path, Export]:
        """Export the model unless that is done; give the folder it is in and what it is."""
        sidecar = self._sidecar
        places: tuple[Callable[[], Path], ...] = (_models_folder, _temporary_folder)
        for place in places:
            folder = place()
            if export := _read(folder / sidecar):
                return folder, export
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with _only_one_process(folder / f"{sidecar}.lock"):
                    export = _read(folder / sidecar) or self._export(folder / sidecar)
                    return folder, export
            except OSError as error:
                log.warning("%s: can't be written: %s; using a temporary folder", folder, error)
        raise ExportError("no folder to write to; cure: set ROUTER_CACHE to a folder with 200 MB")

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch. Shape: (n_texts, width); unit rows, a zero row for an empty text."""
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        places = _places(texts)
        for window, rows, _ in self._loaded().encode(list(places)) if places else ():
            for text, row in zip(window, rows, strict=True):
                vectors[places[text]] = row
        return vectors

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[TokenVectors] | None]:
        """Encode a batch, and give its tokens' vectors, but not of two layers.

        :return: Vectors as `encode` gives them, and of each text the unit vectors of its tokens,
            shape (n_tokens, width of the model's layers).
        """
        if self.layered:
            return self.encode(texts), None
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        tokens = [NO_TOKENS] * len(texts)
        places = _places(texts)
        for window, rows, parts in self._loaded().encode(list(places), True) if places else ():
            for text, row, part in zip(window, rows, parts, strict=True):
                for place in places[text]:
                    vectors[place], tokens[place] = row, part
        return vectors, tokens

    def load_beside(self) -> None:
        """Begin to load the model in a thread, so that the caller reads what else it needs.

        What fails there fails again, and is told, when the first text is encoded. The process ends
        after the thread has: to tear it out of onnxruntime would abort.
        """

        def load() -> None:
            with contextlib.suppress(EncoderError):
                self._loaded()

        threading.Thread(target=load, name="router-encoder").start()

    def _loaded(self) -> "OnnxSession":
        with self._lock:
            return self._runtime

    @cached_property
    def _runtime(self) -> "OnnxSession":
        folder, export = self.prepare()
        try:
            return OnnxSession(self.folder / "tokenizer.json", folder / export.file, export)
        except DamagedError as error:
            log.warning("%s; exported again", error)
            self._discard(folder, export)
        folder, export = self.prepare()
        return OnnxSession(self.folder / "tokenizer.json", folder / export.file, export)

    def _discard(self, folder: Path, export: Export) -> None:
        """Remove a damaged file, unless another process has put a good one there by now."""
        path = folder / export.file
        try:
            with _only_one_process(folder / f"{self._sidecar}.lock"):
                if path.is_file() and sha256_of(path) != export.sha256:
                    path.unlink()
        except OSError as error:
            raise ExportError(
                f"{path}: damaged, and can't be removed: {error}; cure: remove it"
            ) from error

    @property
    def _sidecar(self) -> str:
        return self.key.replace(":", "-") + ".json"

    def _export(self, sidecar: Path) -> Export:
        self._say("Preparing the encoder, once: exporting the model to ONNX ...")
        with tempfile.TemporaryDirectory(dir=sidecar.parent) as folder:
            path = Path(folder) / "model.onnx"
            width, max_tokens = _export_model(self.folder, path, self.precision, self.layered)
            digest = sha256_of(path)
            # The name holds the hash, so that whoever writes last leaves a pair that fits.
            name = f"{sidecar.stem}-{digest[:16]}.onnx"
            export = Export(file=name, sha256=digest, width=width, max_tokens=max_tokens)
            path.replace(sidecar.parent / name)
            note = Path(folder) / "model.json"
            note.write_bytes(msgspec.json.encode(export))
            note.replace(sidecar)
        self._say(f"The encoder is ready: {sidecar.parent / name}")
        return export

    def _say(self, sentence: str) -> None:
        log.info(sentence)
        if self._notify is not None:
            self._notify(sentence)


def _places(texts: Sequence[str]) -> dict[str, list[int]]:
    """Where each different text stands, but for those that show nothing."""
    places: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        if not is_blank(text):
            places.setdefault(well_formed(text).strip(), []).append(place)
    return places


def _read(sidecar: Path) -> Export | None:
    """Read a sidecar; None unless it and the file it names are there."""
    try:
        export = msgspec.json.decode(sidecar.read_bytes(), type=Export)
    except (OSError, msgspec.DecodeError):
        return None
    return export if (sidecar.parent / export.file).is_file() else None


def _models_folder() -> Path:
    return cache_folder() / "models"


@cache
def _temporary_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="router-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@contextlib.contextmanager
def _only_one_process(path: Path) -> Iterator[None]:
    """Hold a lock, so that two first starts export once; without it the last one would win."""
    with path.open("w") as file:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _export_model(folder: Path, path: Path, precision: Precision, layered: bool) -> tuple[int, int]:
    """Write the ONNX file; give the width of its vectors and the tokens it takes at most."""
    model = load_sentence_transformer(folder)
    try:
        from router.encoders.onnx_export import export

        export(model, path, precision, layered)
    except OSError:
        raise
    except Exception as error:
        raise ExportError(f"{folder}: torch can't export it to ONNX: {error}") from error
    width = int(model.get_embedding_dimension())
    return 2 * width if layered else width, int(model.max_seq_length)
