"""Text files that a stranger wrote: their size is limited, and faults are named."""

from pathlib import Path

from router.errors import PackError


def read_text_file(path: Path, what: str, max_bytes: int) -> str:
    """Read a UTF-8 file, with or without a byte order mark.

    :param what: Names such a file in the message, like "a skill".
    :raises PackError: It can't be opened, is too large or is not UTF-8; the message says where.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise PackError(f"{path}: {what} has at most {max_bytes:,} bytes, was: {size:,}")
        content = path.read_bytes()
    except OSError as error:
        reason = f"can't be read: {error.strerror}"
        raise PackError(f"{path}: {reason}; cure: mend or remove it") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise PackError(f"{path}:{line}: not UTF-8 ({error.reason}); save it as UTF-8") from error
