"""Exemplar files: one exemplar a line, `#` comments and blank lines between."""

import re
from collections.abc import Iterable
from pathlib import Path

from router.errors import PackError
from router.files import write_whole

MOST_BYTES = 20_000_000
LONGEST_LINE = 2_000
_ESCAPED = re.compile(r"^\\(?=\\*#)")
"""An exemplar that begins with "#" is written with a backslash before it."""


def read_exemplars(path: Path) -> tuple[str, ...]:
    """Read the exemplars of a file, in order, each once; runs of blanks count as one.

    :raises PackError: Too large, not UTF-8, an overlong line; the message names file and line.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise PackError(f"{path}: an exemplar file has at most {MOST_BYTES:,} bytes, was: {size:,}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise PackError(f"{path}:{line}: not UTF-8 ({error.reason}); save it as UTF-8") from error
    lines: dict[str, None] = {}
    for number, raw in enumerate(text.split("\n"), start=1):
        line_text = " ".join(raw.split())
        if len(line_text) > LONGEST_LINE:
            raise PackError(
                f"{path}:{number}: an exemplar has at most {LONGEST_LINE:,} characters, "
                f"was: {len(line_text):,}; keep the sentence that says what is wanted"
            )
        if line_text and not line_text.startswith("#"):
            lines[_ESCAPED.sub("", line_text)] = None
    return tuple(lines)


def write_exemplars(path: Path, lines: Iterable[str], comment: str) -> None:
    """Write exemplars under a comment, in one step: a reader never sees half a file."""
    plain = (" ".join(line.split()) for line in lines)
    escaped = (re.sub(r"^(?=\\*#)", r"\\", line) for line in plain)
    write_whole(path, "".join([f"# {comment}\n", *(f"{line}\n" for line in escaped)]))
