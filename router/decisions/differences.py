"""What tells skills of documents apart, in one line each, for the options of a question."""

import math
import re
from collections.abc import Sequence

from router import english
from router.packs.markdown import own_text
from router.text import words_of

_PART = re.compile(r"(?<=[.;!?])\s+|\s+[–—·•]\s+|\n+")
_EDGES = " .;·•*-"
_LIST = re.compile(
    r"(?:triggers?|keywords?|tags?)\b|(?:[^\"'“‘]*[\"'“‘]){4}|.*(?:[,(]\s*see|\binstead)\b",
    re.IGNORECASE,
)
"""A part that lists words or quoted phrases for machines, or that says what serves elsewhere."""

_FEWEST_WORDS = 3
_MAX_LENGTH = 90
"""Characters of a line."""


def differences_of(descriptions: Sequence[str]) -> list[str]:
    """Choose the part of each description that has the most words which the others lack.

    :param descriptions: Of the skills that are offered; blank where a skill has none.
    :return: One line each, blank where nothing tells a skill apart.
    """
    words = [set(words_of(text)) - english.COMMON for text in descriptions]
    lines = []
    for index, text in enumerate(descriptions):
        own = words[index].difference(*words[:index], *words[index + 1 :])
        parts = [part.strip(_EDGES) for part in _PART.split(own_text(text))]
        telling = [_share_of(own, part) for part in parts]
        best = max(range(len(parts)), key=telling.__getitem__, default=None)
        lines.append("" if best is None or not telling[best] else _shortened(parts[best]))
    return lines


def _share_of(own: set[str], part: str) -> float:
    """Weigh the words that tell apart against the length: a long part is not better for it."""
    words = words_of(part)
    if len(words) < _FEWEST_WORDS or _LIST.match(part):
        return 0.0
    return len(own.intersection(words)) / math.sqrt(len(words))


def _shortened(part: str) -> str:
    if len(part) <= _MAX_LENGTH:
        return part
    return part[:_MAX_LENGTH].rsplit(" ", 1)[0].rstrip(" ,;:") + " …"
