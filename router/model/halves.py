"""A query to two skills of a folder, told by its halves: each of them is read alone.

A text is split where one sentence or clause ends and another begins. Two skills, one for each half,
must explain the halves better than any single skill explains both. That is the ratio of two
likelihoods, and it is weighed with what joins the halves ("then", "after that"), with how clear
each half is alone, and with what the whole text says of both. The weights were chosen on queries to
the first three collections of `benchmarks/skill_collections.py`; no script fits them again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import Floats, Indices, Probabilities
from router.text import is_blank

_MOST, _LEAST_CHARACTERS, _LEAST_WORDS = 3, 7, 2
"""Splits of a text at most, and the characters and words of a half at least."""

_EDGE = 1e-3
_WEIGHTS = (0.25, 2.0, -0.9, 1.35, 0.37, 0.24, 1.0, -3.5)
"""Weights of the log ratio of the likelihoods; of an order between the halves, and of a mere end of
a sentence (0 or 1); of the sum of the log probabilities of both skills in their halves; of the
larger and the smaller log probability of the two in the whole text; and of the log of the words in
the shorter half; then the bias."""

_CLEAR = 0.9
"""A text that is clearer than this as a whole is split only where it states an order or ", and"."""

_JOINT = re.compile(
    r"[.;!?]+\s+|,\s+(?:and\s+)?|\s+and\s+|\s+(?=then\b)|\s+before\s+(?=(?:you|we|i|the|it)\b)",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"[\s,;.!?]+(?:and |but )?(?:then|afterwards|after(?: that| this| which)?|next|finally|once"
    r"|subsequently|second(?:ly)?|when (?:it|that|this)|before|first|the result|on (?:that|this)"
    r" base|(?:from|out of|with) (?:this|these|that|those|them|it))\b",
    re.IGNORECASE,
)
_BEGINS_IN_ORDER = re.compile(r"\s*(?:first|before|once|after)\b", re.IGNORECASE)
_BEGINS_WITH_LATER = re.compile(r"\s*before\b", re.IGNORECASE)
"""The beginning of a text whose first clause comes last: "before you send it, check it"."""

_EARLIER = re.compile(r"(?:and |but )?(?:first\b|before that\b|beforehand\b)", re.IGNORECASE)
"""The beginning of a second half that comes first: "..., but first check it"."""


@dataclass(frozen=True)
class Split:
    """A text in two halves, in the order in which they are to be done.

    :param joint: "order" where a word says so, "joined" after ", and", "sentence", or "clause".
    """

    first: str
    second: str
    joint: str


@dataclass(frozen=True)
class Pair:
    """Two skills that a text asks for, in order.

    :param skills: Columns of the skills.
    :param probability: That exactly these two are asked for, in [0, 1].
    """

    skills: tuple[int, int]
    probability: float


def execution_places(text: str, clauses: Sequence[str]) -> Indices:
    """Number the clauses of a text in the order in which they are to be done. Shape: (n_clauses,).

    They come as they are mentioned, unless a word says otherwise: "before A, do B", "A, but before
    that B". Only the order of the numbers counts.
    """
    places = np.arange(len(clauses))
    if _BEGINS_WITH_LATER.match(text):
        places[0] = len(clauses)
    places[[_EARLIER.match(clause) is not None for clause in clauses]] -= len(clauses)
    return places


def splits_of(text: str, clearest: float) -> list[Split]:
    """Split a text in two, where that may show two concerns.

    :param clearest: The probability of the likeliest skill in the whole text.
    """
    plain = " ".join(text.split())
    starts_in_order = bool(_BEGINS_IN_ORDER.match(plain))
    splits: list[Split] = []
    kept: list[Split] = []
    for joint in _JOINT.finditer(plain):
        halves = plain[: joint.start()].strip(" ,.;:"), plain[joint.end() :].strip(" ,.;:")
        if any(
            len(half) < _LEAST_CHARACTERS or len(half.split()) < _LEAST_WORDS or is_blank(half)
            for half in halves
        ):
            continue
        between = joint[0].strip()
        is_end = between[:1] in (".", ";", "!", "?") and between != ""
        kind = "sentence" if is_end else "joined" if between[:1] == "," != between else "clause"
        if starts_in_order or _ORDER.match(plain[joint.start() :]) or _ORDER.match(f" {halves[1]}"):
            kind = "order"
        is_turned = bool(_BEGINS_WITH_LATER.match(plain) or _EARLIER.match(halves[1]))
        splits.append(Split(*(halves[::-1] if is_turned else halves), kind))
    for kinds in (("order",), ("joined",), ("sentence", "clause")):
        if found := [split for split in splits if split.joint in kinds]:
            is_clear = clearest >= _CLEAR and kinds == ("sentence", "clause")
            kept += [] if is_clear else found
    return kept[:_MOST]


def pair_of(splits: Sequence[Split], halves: Probabilities, whole: Probabilities) -> Pair | None:
    """Find the two skills that the best split of a text speaks for; None if it never names two.

    :param halves: The probabilities of the skills in the first and second half of each split.
        Shape: (2 * n_splits, n_skills).
    :param whole: In the whole text. Shape: (n_skills,).
    """
    best: Pair | None = None
    logs: Floats = np.log(halves + 1e-4)
    for place, split in enumerate(splits):
        first, second = halves[2 * place], halves[2 * place + 1]
        skills = int(first.argmax()), int(second.argmax())
        if skills[0] == skills[1]:
            continue
        of_two = logs[2 * place, skills[0]] + logs[2 * place + 1, skills[1]]
        of_one = (logs[2 * place] + logs[2 * place + 1]).max()
        in_whole = np.log(whole[list(skills)] + _EDGE)
        shorter = min(len(split.first.split()), len(split.second.split()))
        features = (
            of_two - of_one,
            split.joint == "order",
            split.joint == "sentence",
            np.log(first[skills[0]] + _EDGE) + np.log(second[skills[1]] + _EDGE),
            in_whole.max(),
            in_whole.min(),
            np.log(shorter),
            1.0,
        )
        log_odds = float(np.dot(features, _WEIGHTS))
        probability = 1.0 / (1.0 + np.exp(-log_odds))
        if best is None or probability > best.probability:
            best = Pair(skills, float(probability))
    return best
