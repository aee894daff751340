"""The ONNX file of a model: exported once, kept in the cache folder, and described by a sidecar."""

import contextlib
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec
from msgspec import structs

from router.encoders.model_files import Precision, sha256_of
from router.encoders.sentence_transformer import load_sentence_transformer
from router.errors import EncoderError
from router.files import DamagedError, read_json
from router.paths import cache_folder, temporary_folder

log = logging.getLogger(__name__)

Notify: TypeAlias = Callable[[str], None]


class ExportError(EncoderError):
    """The model is sound, but it can't be exported to ONNX, or the export can't be run, here."""


class DamagedModelError(ExportError):
    """An exported file is not what its sidecar says."""


class ExportedModel(msgspec.Struct, frozen=True):
    """The content of the sidecar file that describes an exported model.

    :param precision: That it runs in; None if it is the one that was asked for.
    """

    file: str
    sha256: str
    width: int
    max_tokens: int
    precision: Precision | None = None

    @classmethod
    def of(cls, sidecar: Path, sha256: str, width: int, max_tokens: int) -> "ExportedModel":
        """Name the file by all that is known of it, which shows damage in a sidecar.

        The name contains the hash: where locks do not work, two processes that export at the same
        time still leave a sidecar and a file that fit together.
        """
        file = f"{sidecar.stem}-{sha256[:16]}-{width}-{max_tokens}.onnx"
        return cls(file, sha256, width, max_tokens)


@dataclass(frozen=True)
class ModelExport:
    """How a model is exported, and where the result is kept.

    :param folder: The folder of the sentence-transformers model.
    :param key: The key of the encoder, which names the files.
    :param notify: Called with a sentence when something takes long.
    """

    folder: Path
    key: str
    precision: Precision
    two_layer: bool
    notify: Notify | None

    def prepare(self) -> tuple[Path, ExportedModel]:
        """Export the model unless that is done.

        :return: The folder of the exported model, and what its sidecar says.
        """
        for find_folder in (_models_folder, temporary_folder):
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

    def remove_if_damaged(self) -> None:
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
            width, max_tokens, precision = _export_model(
                self.folder, path, self.precision, self.two_layer
            )
            export = ExportedModel.of(sidecar, sha256_of(path), width, max_tokens)
            export = structs.replace(export, precision=precision)
            path.replace(sidecar.parent / export.file)
            new_sidecar = Path(folder) / "model.json"
            new_sidecar.write_bytes(msgspec.json.encode(export))
            new_sidecar.replace(sidecar)
        self._report(f"The encoder is ready, in {precision}: {sidecar.parent / export.file}")
        return export

    def _report(self, sentence: str) -> None:
        log.info(sentence)
        if self.notify is not None:
            self.notify(sentence)


def _read_sidecar(sidecar: Path) -> ExportedModel | None:
    """Read a sidecar; None unless it is sound and the file that it names exists."""
    try:
        export = read_json(sidecar, ExportedModel)
    except DamagedError:
        return None
    named = ExportedModel.of(sidecar, export.sha256, export.width, export.max_tokens).file
    return export if export.file == named and (sidecar.parent / export.file).is_file() else None


def _models_folder() -> Path:
    return cache_folder() / "models"


def _export_model(
    folder: Path, path: Path, precision: Precision, two_layer: bool
) -> tuple[int, int, Precision]:
    """Write the ONNX file.

    :return: The width of its vectors, the most tokens that it takes, and its precision.
    """
    model = load_sentence_transformer(folder)
    try:
        from router.encoders.onnx_export import export_onnx, max_tokens

        written, width = export_onnx(model, path, precision, two_layer)
        return width, max_tokens(model), written
    except OSError:
        raise
    except Exception as error:
        raise ExportError(f"{folder}: torch can't export it to ONNX: {error}") from error
