"""Files on any store that Arrow reaches: a path, or a URI like "s3://bucket/log"."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router.errors import LogError

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.fs import FileInfo, FileSystem

DECISIONS, REJECTED, JOINED = "decisions.parquet", "rejected", "rejected.jsonl"


@dataclass(frozen=True)
class Store:
    """A file or folder, by its URI; made again on each worker, since file systems can't travel."""

    root: str

    @classmethod
    def of(cls, place: str | Path) -> "Store":
        """Take a URI, or a path of this machine."""
        return cls(str(place) if "://" in str(place) else Path(place).absolute().as_uri())

    @property
    def here(self) -> Path | None:
        """The path, if this machine's own files hold it."""
        from pyarrow.fs import LocalFileSystem

        system, path = self._opened()
        return Path(path) if isinstance(system, LocalFileSystem) else None

    def files(self) -> list[str]:
        """Give the URIs of a log's parts, in the order of their names; hidden ones are none.

        :raises LogError: There is none.
        """
        from pyarrow.fs import FileSelector, FileType

        system, path = self._opened()
        info = system.get_file_info(path)
        found = (
            [info]
            if info.type == FileType.File
            else system.get_file_info(FileSelector(path, recursive=True, allow_not_found=True))
        )
        parts = sorted(one.path for one in found if _is_part(one, path))
        if not parts:
            raise LogError(f"{self.root}: no such file, or a folder without a part of a log")
        return [self.root if one == path else self.root + one.removeprefix(path) for one in parts]

    @contextmanager
    def fetched(self) -> Iterator[Path]:
        """Give a file as one of this machine, for the length of the block."""
        from pyarrow.fs import LocalFileSystem, copy_files

        system, path = self._opened()
        if isinstance(system, LocalFileSystem):
            yield Path(path)
            return
        with tempfile.TemporaryDirectory(prefix="router-") as folder:
            copy = Path(folder) / Path(path).name
            copy_files(path, str(copy), source_filesystem=system)
            yield copy

    def write(self, name: str, content: bytes) -> None:
        """Write a file below this folder, whole or not at all."""
        system, path = self._opened()
        place = f"{path}/{name}"
        system.create_dir(place.rpartition("/")[0])
        # On stores of objects a file is there once it is closed; elsewhere, once it is renamed.
        with system.open_output_stream(f"{place}.part") as file:
            file.write(content)
        system.move(f"{place}.part", place)

    def lines(self, name: str) -> Iterator[bytes]:
        """Give a file below this folder line by line."""
        import io

        system, path = self._opened()
        with system.open_input_file(f"{path}/{name}") as file:
            yield from io.BufferedReader(file)

    def table(self, name: str) -> "pyarrow.Table":
        """Read a folder of Parquet parts below this one, in the order of their names."""
        from pyarrow import parquet

        system, path = self._opened()
        return parquet.read_table(f"{path}/{name}", filesystem=system)

    def clear(self) -> None:
        """Remove what an earlier run left, and make the folder."""
        from pyarrow.fs import FileType

        system, path = self._opened()
        system.create_dir(path)
        for name in (DECISIONS, "decisions.jsonl", REJECTED, JOINED, "metrics.json", "run.json"):
            info = system.get_file_info(f"{path}/{name}")
            if info.type == FileType.Directory:
                system.delete_dir(info.path)
            elif info.type == FileType.File:
                system.delete_file(info.path)

    def join_rejected(self) -> None:
        """Make one file of the rejected lines of all chunks, in order; memory holds one chunk."""
        from pyarrow.fs import FileSelector

        system, path = self._opened()
        parts = system.get_file_info(FileSelector(f"{path}/{REJECTED}", allow_not_found=True))
        with system.open_output_stream(f"{path}/{JOINED}") as file:
            for one in sorted(parts, key=lambda part: str(part.path)):
                with system.open_input_stream(one.path) as part:
                    file.write(part.read())
        if parts:
            system.delete_dir(f"{path}/{REJECTED}")

    def _opened(self) -> tuple["FileSystem", str]:
        from pyarrow.fs import FileSystem

        try:
            system, path = FileSystem.from_uri(self.root)
        except (OSError, ValueError) as error:
            raise LogError(f"{self.root}: no store that Arrow knows: {error}") from error
        return system, path.rstrip("/")


def _is_part(info: "FileInfo", root: str) -> bool:
    from pyarrow.fs import FileType

    names: Any = info.path.removeprefix(root).strip("/").split("/")
    hidden = any(name.startswith((".", "_")) for name in names)
    return info.type == FileType.File and not hidden
