"""Exemplar files: one exemplar on each line, with `#` comments and blank lines between them."""

import re
from collections.abc import Iterable
from pathlib import Path

from router.errors import PackError
from router.files import write_whole
from router.packs.text_file import read_text_file
from router.text import plain_text

_MAX_BYTES = 20_000_000
MAX_EXEMPLAR_LENGTH = 2_000
"""In characters."""

_ESCAPED = re.compile(r"^\\(?=\\*#)")
"""An exemplar that begins with "#" is written with a backslash before it."""


def read_exemplars(path: Path) -> tuple[str, ...]:
    """Read the exemplars of a file in order, each of them once.

    Each run of white space becomes one blank.

    :raises PackError: The file is too large or not UTF-8, or a line is too long.
    """
    text = read_text_file(path, "an exemplar file", _MAX_BYTES)
    exemplars: dict[str, str] = {}
    for number, raw in enumerate(text.split("\n"), start=1):
        line = " ".join(raw.split())
        if len(line) > MAX_EXEMPLAR_LENGTH:
            raise PackError(
                f"{path}:{number}: an exemplar has at most {MAX_EXEMPLAR_LENGTH:,} characters, "
                f"was: {len(line):,}; keep the sentence that says what is wanted"
            )
        if line and not line.startswith("#"):
            exemplar = _ESCAPED.sub("", line)
            exemplars.setdefault(plain_text(exemplar), exemplar)
    return tuple(exemplars.values())


def write_exemplars(path: Path, lines: Iterable[str], comment: str) -> None:
    """Write exemplars under a comment."""
    plain = (" ".join(line.split()) for line in lines)
    escaped = (re.sub(r"^(?=\\*#)", r"\\", line) for line in plain)
    write_whole(path, "".join([f"# {comment}\n", *(f"{line}\n" for line in escaped)]))
