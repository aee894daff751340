"""Files on any store that Arrow can read and write: a path, or a URI like "s3://bucket/log"."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from router.errors import LogError
from router.evaluation.decisions_file import FORMATS

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

_DECISIONS = tuple(decisions_format.file_name for decisions_format in FORMATS.values())


@dataclass(frozen=True)
class Store:
    """A file or folder, by its URI. Each worker opens it anew, since file systems can't be sent."""

    root: str

    @classmethod
    def of(cls, location: str | Path) -> "Store":
        """Take a URI, or a path of this machine."""
        is_uri = "://" in str(location)
        return cls(str(location) if is_uri else Path(location).absolute().as_uri())

    @property
    def local_path(self) -> Path | None:
        """The path, if it is on a file system of this machine."""
        from pyarrow.fs import LocalFileSystem

        system, path = self._open()
        return Path(path) if isinstance(system, LocalFileSystem) else None

    def files(self) -> list[str]:
        """Give the URIs of a log's files, in the order of their names; hidden ones are left out.

        :raises LogError: There is none.
        """
        from pyarrow.fs import FileSelector, FileType

        system, root = self._open()
        info = system.get_file_info(root)
        if info.type == FileType.File:
            return [self.root]
        selector = FileSelector(root, recursive=True, allow_not_found=True)
        files = [file for file in system.get_file_info(selector) if _is_log_file(file, root)]
        if not files:
            raise LogError(f"{self.root}: no such file, or a folder without a part of a log")
        return [self.root + path.removeprefix(root) for path in sorted(file.path for file in files)]

    @contextmanager
    def fetched(self) -> Iterator[Path]:
        """Give a file as a file of this machine, for the length of the block."""
        from pyarrow.fs import copy_files

        if self.local_path is not None:
            yield self.local_path
            return
        system, path = self._open()
        with tempfile.TemporaryDirectory(prefix="router-") as folder:
            copy = Path(folder) / Path(path).name
            copy_files(path, str(copy), source_filesystem=system)
            yield copy

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Open a file in this folder for writing; it gets its name when it is whole."""
        system, root = self._open()
        path = f"{root}/{name}"
        system.create_dir(path.rpartition("/")[0])
        # A store of objects shows a file once it is closed; other stores, once it is renamed.
        with system.open_output_stream(f"{path}.part") as file:
            yield file
        system.move(f"{path}.part", path)

    def write(self, name: str, content: bytes) -> None:
        """Write a file in this folder, whole or not at all."""
        with self.writing(name) as file:
            file.write(content)

    def clear(self) -> None:
        """Remove what an earlier run left, and make the folder."""
        from pyarrow.fs import FileType

        system, root = self._open()
        system.create_dir(root)
        for name in (*_DECISIONS, "rejected.jsonl", "metrics.json", "run.json"):
            info = system.get_file_info(f"{root}/{name}")
            if info.type == FileType.Directory:
                system.delete_dir(info.path)
            elif info.type == FileType.File:
                system.delete_file(info.path)

    def _open(self) -> tuple["FileSystem", str]:
        from pyarrow.fs import FileSystem

        try:
            system, path = FileSystem.from_uri(self.root)
        except (OSError, ValueError) as error:
            raise LogError(f"{self.root}: no store that Arrow knows: {error}") from error
        return system, path.rstrip("/")


def _is_log_file(info: "FileInfo", root: str) -> bool:
    from pyarrow.fs import FileType

    names = str(info.path).removeprefix(root).strip("/").split("/")
    is_hidden = any(name.startswith((".", "_")) for name in names)
    return info.type == FileType.File and not is_hidden
