"""A finding of lint, and its output formats."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct


class Finding(Struct, frozen=True):
    """What is wrong, where, and what to do. `line` counts from 1; 0 means the whole file.

    A notice is a hint that the author may well not follow.
    """

    level: Literal["error", "warning", "notice"]
    rule: str
    path: str
    line: int
    message: str
    cure: str

    def text(self) -> str:
        """Format it as one line for a person."""
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.level}: {self.message}; {self.cure} [{self.rule}]"

    def github(self) -> str:
        """Format it as an annotation for GitHub Actions."""
        values = {"file": self.path, "line": str(max(self.line, 1)), "title": self.rule}
        pairs = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in values.items())
        return f"::{self.level} {pairs}::{_escaped(f'{self.message}; {self.cure}')}"


def as_json(findings: Sequence[Finding]) -> str:
    """Format all findings as one JSON array."""
    return msgspec.json.format(msgspec.json.encode(findings), indent=2).decode()


def line_containing(path: Path, text: str) -> int:
    """Find the line of a file that is a text, else the first that contains it; 0 if none does."""
    if not path.is_file():
        return 0
    text = " ".join(text.split())
    written = path.read_text(encoding="utf-8", errors="replace").splitlines()
    lines = [" ".join(line.split()) for line in written]
    if text in lines:
        return lines.index(text) + 1
    return next((number for number, line in enumerate(lines, 1) if text in line), 0)


def _escaped(text: str, also: str = "") -> str:
    """Escape the characters that have a meaning in annotation commands."""
    for character in "%\r\n" + also:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
