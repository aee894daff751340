"""What can go wrong, as types. A message says what must hold, what came, where, and the cure."""

from errno import EDQUOT, EFBIG, ENOSPC

FULL = frozenset((ENOSPC, EDQUOT, EFBIG))


class RouterError(Exception):
    """Something that the caller can put right; the command prints it and exits with 2."""


class PackError(RouterError):
    """A pack, or a file of it, does not hold what the format asks for."""


class EncoderError(RouterError):
    """A model is missing, damaged, or not the one it claims to be."""


class LogError(RouterError):
    """A log of queries can't be read, or lacks a column that is needed."""


class WriteError(RouterError, OSError):
    """A file can't be written: the disk is full, or the place can't be written to.

    It is made as an OSError is, of number, reason and path.
    """

    def __str__(self) -> str:
        cure = "make room there" if self.errno in FULL else "name a place that can be written to"
        return f"{self.filename}: can't write: {self.strerror}; cure: {cure}, then try again"
