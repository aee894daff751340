"""What the words of a turn tell: does it lean on what came before, correct it, or only thank?

In a conversation in another language than English `english_share` is low, so that the last turn is
read alone.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from router import english
from router.arrays import Floats
from router.text import words_of

_STRAY_AFTER_THANKS, _STRAY_BEFORE_THANKS, _LONGEST_THANKS = 3, 1, 9
"""Words that are not courteous in "thanks, I'll ask Peter" and in "printed, thank you"; and the
words of the longest turn that may have any."""

_ENOUGH_COMMON = 0.2
"""The share of common words from which on a conversation is taken to be in English."""

CUES = (
    "length",
    "joining",
    "fragment",
    "asking",
    "pointing",
    "leaning",
    "switching",
    "speaks_of_self",
    "correcting",
    "short",
)
"""The names of the columns that `cues` gives."""


def cues(words: Sequence[str]) -> Floats:
    """Describe a turn by its words. Shape: (n_cues,), in the order of `CUES`."""
    first = words[0] if words else ""
    start = 1 if first in english.JOINING else 0
    second = words[start] if len(words) > start else ""
    return np.array(
        [
            np.log1p(len(words)),
            first in english.JOINING,
            second in english.FRAGMENT,
            second in english.ASKING,
            np.log1p(_pointing(words)),
            english.LEANING.match(words),
            english.SWITCHING.match(words),
            not english.SELF.isdisjoint(words),
            corrects(words),
            max(0.0, (6 - len(words)) / 5),
        ],
        dtype=np.float64,
    )


def _pointing(words: Sequence[str]) -> int:
    """Count the words that point at something said before."""
    n_pointing = sum(word in english.POINTING for word in words)
    return n_pointing - sum(pair in english.NOT_POINTING for pair in pairwise(words))


def corrects(words: Sequence[str]) -> float:
    """Tell how much a turn sounds like a correction: 0, 0.5 or 1."""
    opens = bool(words) and words[0] in english.CORRECTING_FIRST
    return 0.5 * opens + 0.5 * english.CORRECTING.match(words)


def instead_of(text: str) -> str:
    """Give what a correction says instead: "no, not the door, the shades" says "the shades".

    A text of which nothing would be left is given as it is.
    """
    rest = english.CORRECTING_OPENING.sub(
        "", english.DENYING_OPENING.sub("", text, count=1), count=1
    ).strip()
    return rest if words_of(rest) else text


def is_acknowledgement(text: str, words: Sequence[str]) -> bool:
    """Tell whether a turn only thanks, agrees or says goodbye."""
    if not words or "?" in text or not english.CLOSING.match(words):
        return False
    stray = sum(word not in english.COURTEOUS for word in words)
    return stray == 0 or stray <= _stray_words(words)


def _stray_words(words: Sequence[str]) -> int:
    """Count the words of another kind that a thank or a goodbye may have."""
    if (
        len(words) > _LONGEST_THANKS
        or english.REQUESTING.match(words)
        or not english.GRATEFUL.match(words)
    ):
        return 0
    return _STRAY_AFTER_THANKS if english.CLOSING.match(words[:2]) else _STRAY_BEFORE_THANKS


def english_share(words: Sequence[str]) -> float:
    """Tell how sure it is that a conversation is in English, by its common words; in [0, 1]."""
    if not words:
        return 0.0
    return min(1.0, sum(word in english.COMMON for word in words) / len(words) / _ENOUGH_COMMON)
