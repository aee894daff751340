"""One thing that lint has to say, and the forms it is said in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

Level = Literal["error", "warning"]


class Finding(Struct, frozen=True):
    """What is wrong, where, and what to do. `line` counts from 1; 0 means the whole."""

    level: Level
    rule: str
    path: str
    line: int
    message: str
    cure: str

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.path}:{self.line}" if self.line else self.path

    def text(self) -> str:
        """One line for a person."""
        return f"{self.place}: {self.level}: {self.message}; {self.cure} [{self.rule}]"

    def github(self) -> str:
        """One annotation for GitHub Actions."""
        values = {"file": self.path, "line": str(max(self.line, 1)), "title": self.rule}
        pairs = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in values.items())
        return f"::{self.level} {pairs}::{_escaped(f'{self.message}; {self.cure}')}"


def as_json(findings: Sequence[Finding]) -> str:
    """All findings as one JSON array."""
    return msgspec.json.format(msgspec.json.encode(findings), indent=2).decode()


def line_of(path: Path, wanted: str) -> int:
    """Find the line of a file that says something; 0 if none does."""
    if not path.is_file():
        return 0
    words = " ".join(wanted.split())
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    every = (number for number, line in enumerate(lines, 1) if words in " ".join(line.split()))
    return next(every, 0)


def _escaped(text: str, also: str = "") -> str:
    """Escape what GitHub's annotation commands read as their own."""
    for sign in "%\r\n" + also:
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text
