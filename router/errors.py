"""What can go wrong, as types. A message says what must hold, what came, where, and the cure."""


class RouterError(Exception):
    """Something that the caller can put right; the command prints it and exits with 2."""


class PackError(RouterError):
    """A pack, or a file of it, does not hold what the format asks for."""


class EncoderError(RouterError):
    """A model is missing, damaged, or not the one it claims to be."""


class LogError(RouterError):
    """A log of queries can't be read, or lacks a column that is needed."""
