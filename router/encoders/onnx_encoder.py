"""The default encoder: a model that is exported to ONNX once, and then runs without torch."""

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
from typing import ClassVar, Literal, TypeAlias

import msgspec
import numpy as np

from router.arrays import TokenVectors, Vectors
from router.encoders.encoder import NO_TOKENS
from router.encoders.model_files import find_model, model_fingerprint, sha256_of
from router.encoders.onnx_session import (
    DamagedModelError,
    ExportedModel,
    ExportError,
    OnnxSession,
)
from router.encoders.sentence_transformer import load_sentence_transformer
from router.errors import EncoderError
from router.paths import cache_folder
from router.text import is_blank, well_formed

log = logging.getLogger(__name__)

EXPORT_FORMAT = 5
"""Part of every key. Raise it when the exporter or its calibration texts change."""

Precision: TypeAlias = Literal["fp32", "int8"]
Notify: TypeAlias = Callable[[str], None]


class OnnxEncoder:
    """A sentence-transformers model in a folder, exported to ONNX when it is first needed.

    :param model: A folder; all-MiniLM-L6-v2, which is installed with the package, if None.
    :param precision: docs/pages/explanation/encoder.md has the speed and accuracy of each.
    :param notify: Called with a sentence when something takes long.
    """

    two_layer: ClassVar[bool] = False

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
        layers = "-layered" if self.two_layer else ""
        return f"{model_fingerprint(self.folder)}:onnx{EXPORT_FORMAT}-{self.precision}{layers}"

    @cached_property
    def width(self) -> int:
        """Length of a vector."""
        return self.prepare()[1].width

    def prepare(self) -> tuple[Path, ExportedModel]:
        """Export the model unless that is done.

        :return: The folder of the exported model, and what its sidecar says.
        """
        for find_folder in (_models_folder, _temporary_folder):
            folder = find_folder()
            sidecar = folder / self._sidecar
            if export := _read_sidecar(sidecar):
                return folder, export
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with self._process_lock(folder):
                    return folder, _read_sidecar(sidecar) or self._export(sidecar)
            except OSError as error:
                log.warning("%s: can't be written: %s; using a temporary folder", folder, error)
        raise ExportError("no folder to write to; cure: set ROUTER_CACHE to a folder with 200 MB")

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch. Shape: (n_texts, width); unit rows, a zero row for a blank text."""
        return self._encode(texts, with_tokens=False)[0]

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[TokenVectors] | None]:
        """Encode a batch with the vectors of its tokens, see `router.encoders.encoder`.

        A graph of two layers gives none.
        """
        if self.two_layer:
            return self.encode(texts), None
        return self._encode(texts, with_tokens=True)

    def load_in_background(self) -> None:
        """Begin to load the model in a thread.

        An error in the thread is raised again when the first text is encoded. The thread is no
        daemon: stopping it inside onnxruntime would abort the process.
        """

        def load() -> None:
            with contextlib.suppress(EncoderError):
                self._loaded()

        threading.Thread(target=load, name="router-encoder").start()

    def _encode(
        self, texts: Sequence[str], with_tokens: bool
    ) -> tuple[Vectors, list[TokenVectors]]:
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        tokens = [NO_TOKENS] * len(texts)
        rows_of = _rows_by_text(texts)
        windows = self._loaded().encode(list(rows_of), with_tokens) if rows_of else ()
        for window, window_vectors, window_tokens in windows:
            for index, text in enumerate(window):
                for row in rows_of[text]:
                    vectors[row] = window_vectors[index]
                    if with_tokens:
                        tokens[row] = window_tokens[index]
        return vectors, tokens

    def _loaded(self) -> OnnxSession:
        with self._lock:
            return self._session

    @cached_property
    def _session(self) -> OnnxSession:
        try:
            return self._open()
        except DamagedModelError as error:
            log.warning("%s; exporting it again", error)
            self._remove_if_damaged()
        return self._open()

    def _open(self) -> OnnxSession:
        folder, export = self.prepare()
        return OnnxSession(self.folder / "tokenizer.json", folder / export.file, export)

    def _remove_if_damaged(self) -> None:
        """Remove the exported file, unless another process has replaced it by a sound one."""
        folder, export = self.prepare()
        path = folder / export.file
        try:
            with self._process_lock(folder):
                if path.is_file() and sha256_of(path) != export.sha256:
                    path.unlink()
        except OSError as error:
            raise ExportError(
                f"{path}: damaged, and can't be removed: {error}; cure: remove it"
            ) from error

    @property
    def _sidecar(self) -> str:
        return self.key.replace(":", "-") + ".json"

    @contextlib.contextmanager
    def _process_lock(self, folder: Path) -> Iterator[None]:
        """Hold a lock on the export, so that only one of two processes exports."""
        with (folder / f"{self._sidecar}.lock").open("w") as file:
            if sys.platform != "win32":
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _export(self, sidecar: Path) -> ExportedModel:
        self._report("Preparing the encoder, once: exporting the model to ONNX ...")
        with tempfile.TemporaryDirectory(dir=sidecar.parent) as folder:
            path = Path(folder) / "model.onnx"
            width, max_tokens = _export_model(self.folder, path, self.precision, self.two_layer)
            digest = sha256_of(path)
            # The name contains the hash: where locks do not work, two processes that export at the
            # same time still leave a sidecar and a file that fit together.
            name = f"{sidecar.stem}-{digest[:16]}.onnx"
            export = ExportedModel(name, digest, width, max_tokens)
            path.replace(sidecar.parent / name)
            new_sidecar = Path(folder) / "model.json"
            new_sidecar.write_bytes(msgspec.json.encode(export))
            new_sidecar.replace(sidecar)
        self._report(f"The encoder is ready: {sidecar.parent / name}")
        return export

    def _report(self, sentence: str) -> None:
        log.info(sentence)
        if self._notify is not None:
            self._notify(sentence)


def _rows_by_text(texts: Sequence[str]) -> dict[str, list[int]]:
    """Give the rows of each distinct text that is not blank."""
    rows: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        if not is_blank(text):
            rows.setdefault(well_formed(text).strip(), []).append(row)
    return rows


def _read_sidecar(sidecar: Path) -> ExportedModel | None:
    """Read a sidecar; None unless it and the file that it names exist."""
    try:
        export = msgspec.json.decode(sidecar.read_bytes(), type=ExportedModel)
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


def _export_model(
    folder: Path, path: Path, precision: Precision, two_layer: bool
) -> tuple[int, int]:
    """Write the ONNX file; give the width of its vectors and the most tokens that it takes."""
    model = load_sentence_transformer(folder)
    try:
        from router.encoders.onnx_export import export_onnx

        export_onnx(model, path, precision, two_layer)
    except OSError:
        raise
    except Exception as error:
        raise ExportError(f"{folder}: torch can't export it to ONNX: {error}") from error
    width = int(model.get_embedding_dimension())
    return 2 * width if two_layer else width, int(model.max_seq_length)
