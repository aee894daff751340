"""Files that are written whole or not at all, and read back with one way to fail."""

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from router.errors import RouterError, WriteError

_T = TypeVar("_T")


class DamagedError(RouterError):
    """A file of this package is missing, or is not what was written."""


def read_json(path: Path, kind: type[_T]) -> _T:
    """Read a JSON file that this package wrote.

    :raises DamagedError: It can't be read, is damaged, or is of another version.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, ValueError, RecursionError, msgspec.DecodeError) as error:
        raise DamagedError(f"{path}: can't be read: {error}") from error


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file under a temporary name, then rename it; folders are created as needed.

    When it returns, the content is on the disk, and even a power failure leaves either the old file
    or the new one. This costs some milliseconds.

    :raises WriteError: The disk is full, or the path can't be written to.
    """
    data = content.encode() if isinstance(content, str) else content
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name[:60]}.{secrets.token_hex(6)}")
        try:
            with temporary.open("xb") as file:
                file.write(data)
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk.

    A system without a call for folders does nothing for one.
    """
    is_file = path.is_file()
    if not is_file and sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDWR if is_file else os.O_RDONLY)
    try:
        with nullcontext() if is_file else suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def replacing(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    """Replace some files and folders of a folder by rename, once the new ones are written.

    Whatever else lies in the folder stays, and no link is followed.

    :param parts: Names in the folder. The last is removed first and written last: its presence
        says that the others are complete.
    :return: A new folder, in which the block writes the new parts.
    :raises WriteError: The disk is full, or the folder can't be written to.
    """
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder, prefix=".new-"))
    try:
        new, old = temporary / "new", temporary / "old"
        with explain_write_errors(folder):
            new.mkdir()
            old.mkdir()
            yield new
            try:
                for part in reversed(parts):
                    if os.path.lexists(folder / part):
                        (folder / part).rename(old / part)
                for part in filter(lambda part: (new / part).exists(), parts):
                    (new / part).rename(folder / part)
            except BaseException:
                for path in list(old.iterdir()):
                    if os.path.lexists(folder / path.name):
                        (folder / path.name).rename(new / path.name)
                    path.rename(folder / path.name)
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def explain_write_errors(path: Path, kept: str = "") -> Iterator[None]:
    """Turn an OSError into a WriteError, which names the path and the cure.

    :param kept: A clause for the message that says what is safe in spite of the error.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, WriteError) and not kept:
            raise
        reason = "; ".join(filter(None, (error.strerror or str(error), kept)))
        raise WriteError(error.errno, reason, str(path)) from error
