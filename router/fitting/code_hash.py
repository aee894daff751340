"""What changes when the code that fits models changes: part of each key of the cache."""

import hashlib
from functools import cache
from pathlib import Path

from router.paths import DATA

_CODE_THAT_FITS = (
    "fitting",
    "heads",
    "model",
    "statistics",
    "encoders/int8.py",
    "packs",
    "skill_folders",
    "text.py",
)
"""The parts of this package that decide what a fitted model is."""


@cache
def code_hash() -> str:
    """Hash the code that fits models or reads folders of skills, and the general replies.

    So no model is ever taken from older code.
    """
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    parts = [root / part for part in _CODE_THAT_FITS]
    found = [(part, [*part.rglob("*.py"), *part.rglob("*.json")]) for part in parts]
    code = [file for part, files in found for file in (sorted(files) or [part])]
    for file in [*code, DATA / "none.txt", *sorted((DATA / "replies").glob("*.txt"))]:
        digest.update(file.read_bytes())
    return digest.hexdigest()
