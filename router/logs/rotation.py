"""The files of a log that is begun anew when it is full: the full ones have numbers."""

import re
from pathlib import Path

PACKED = (".gz", ".zst", ".bz2", ".xz", ".lzma")
"""How the name of a compressed file ends."""

_NUMBER = re.compile(r"\.(0\d{5})")


def numbered(path: Path, number: int) -> Path:
    """Name a full file of a log: "log.000001.jsonl" beside "log.jsonl"."""
    return path.with_name(f"{path.stem}.{number:06}{path.suffix}")


def full_files(path: Path) -> dict[int, Path]:
    """Give the full files of a log by their numbers, in order; they may have been compressed."""
    files: dict[int, Path] = {}
    for other in sorted(path.parent.iterdir()) if path.parent.is_dir() else ():
        plain = other.with_suffix("") if other.suffix in PACKED else other
        middle = plain.name.removeprefix(path.stem).removesuffix(path.suffix)
        number = _NUMBER.fullmatch(middle)
        if number and plain == numbered(path, int(number[1])):
            files.setdefault(int(number[1]), other)
    return dict(sorted(files.items()))


def log_files(path: Path) -> list[Path]:
    """Give the files of a log, the full ones first, in the order of time."""
    return [*full_files(path).values()] + [path] * path.exists()
