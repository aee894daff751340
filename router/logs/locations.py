"""Where a log or a run lies: at a path, at a URI of a store that Arrow knows, or on stdin."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from router.errors import LogError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

STDIN = "-"


def local_path(location: str | Path | None) -> Path | None:
    """Give the path of a location on this machine; None for a location elsewhere, or for none.

    :raises LogError: It is a URI of no store that Arrow knows.
    """
    if location is None:
        return None
    if "://" not in str(location):
        return Path(location).expanduser()
    from pyarrow.fs import LocalFileSystem

    system, path = _open(str(location))
    return Path(path) if isinstance(system, LocalFileSystem) else None


def local_log(log: str | Path, work: Path) -> Path:
    """Give the path of a log; a stream, or a log elsewhere, is first copied into a folder.

    :param work: The folder, which is made when it is needed.
    :raises LogError: A store can't be read.
    """
    path = local_path(log)
    if path is None:
        return _fetch(str(log), work / "log")
    is_stdin = str(log) == STDIN
    if not is_stdin and (path.is_file() or path.is_dir() or not path.exists()):
        return path
    work.mkdir(parents=True, exist_ok=True)
    copy = work / "stdin.log"
    with sys.stdin.buffer if is_stdin else path.open("rb") as source, copy.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    return copy


def copy_to_store(source: Path, uri: str) -> None:
    """Copy a file or a folder of this machine to a URI.

    :raises LogError: The store can't be written to.
    """
    from pyarrow.fs import copy_files

    try:
        copy_files(str(source), uri)
    except OSError as error:
        raise LogError(f"{uri}: can't be written to: {error}") from error


def _fetch(uri: str, folder: Path) -> Path:
    """Copy a file, or all files of a folder, from a store."""
    from pyarrow.fs import FileType, copy_files

    system, path = _open(uri)
    try:
        is_file = system.get_file_info(path).type == FileType.File
        copy = folder / Path(path).name if is_file else folder
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy_files(path, str(copy), source_filesystem=system)
    except OSError as error:
        raise LogError(f"{uri}: can't be read: {error}") from error
    return copy


def _open(uri: str) -> tuple["FileSystem", str]:
    from pyarrow.fs import FileSystem

    try:
        system, path = FileSystem.from_uri(uri)
    except (OSError, ValueError) as error:
        raise LogError(f"{uri}: no store that Arrow knows: {error}") from error
    return system, path.rstrip("/")
