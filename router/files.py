"""Files that are written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from router.errors import WriteError


def write_whole(path: Path, content: str | bytes, *, sync: bool = True) -> None:
    """Write a file under a temporary name, then rename it; folders are created as needed.

    :param sync: Wait until the content is on the disk, so that even a power failure leaves either
        the old file or the new one. This costs some milliseconds.
    :raises WriteError: The disk is full, or the path can't be written to.
    """
    data = content.encode() if isinstance(content, str) else content
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def explain_write_errors(path: Path, kept: str = "") -> Iterator[None]:
    """Turn an OSError into a WriteError, which names the path and the cure.

    :param kept: A clause for the message that says what is safe in spite of the error.
    """
    try:
        yield
    except OSError as error:
        reason = "; ".join(filter(None, (error.strerror or str(error), kept)))
        raise WriteError(error.errno, reason, str(path)) from error
