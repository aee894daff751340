"""What can go wrong, as types. A message says what must hold, what came, where, and the cure."""

from errno import EDQUOT, EFBIG, ENOSPC

_DISK_FULL = frozenset((ENOSPC, EDQUOT, EFBIG))


class RouterError(Exception):
    """An error that the caller can put right. A command prints it and exits with 2."""


class PackError(RouterError):
    """A pack, or one of its files, breaks the rules of the format."""


class EncoderError(RouterError):
    """A model is missing, damaged, or not the one that it claims to be."""


class LogError(RouterError):
    """A log of queries can't be read, or lacks a column that is needed."""


class WriteError(RouterError, OSError):
    """A file can't be written: the disk is full, or the path can't be written to.

    It takes number, reason and path, as OSError does.
    """

    def __str__(self) -> str:
        cure = (
            "make room there" if self.errno in _DISK_FULL else "name a place that can be written to"
        )
        return f"{self.filename}: can't write: {self.strerror}; cure: {cure}, then try again"
