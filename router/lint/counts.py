"""Exemplars that can't tell skills apart: too few, far fewer than elsewhere, or said twice."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import Floats, Indices, Vectors
from router.lint.confusion import Locate
from router.lint.finding import Finding
from router.packs.pack import Pack
from router.text import words_of

_USABLE = 10
"""A skill with as many exemplars is usable."""

_IMBALANCE = 10
"""A skill is reported if the largest has so many times its exemplars."""

_LOST_SHARE = 1 / 3
"""A skill with few exemplars is reported if this share of them lies closest to another's."""

_SAME = 0.93
"""Two exemplars say the same if their cosine is at least this."""

_BLOCK = 2_048
_SHOWN = 3


@dataclass(frozen=True)
class NearestExemplars:
    """For each exemplar, its nearest one of the same target and of all others.

    :param own: Cosines with the nearest other exemplar of the own target, -1 if there is none.
    :param other: Cosines with the nearest exemplar of another target, -1 if there is none.
    :param other_index: The indices of those.
    """

    own: Floats
    other: Floats
    other_index: Indices

    @classmethod
    def of(cls, vectors: Vectors, labels: Sequence[str]) -> "NearestExemplars":
        """Compare each exemplar with all others.

        :param vectors: Unit vectors. Shape: (n_exemplars, width).
        :param labels: The target of each.
        """
        codes = np.unique(np.asarray(labels), return_inverse=True)[1]
        n = len(codes)
        own, other = np.full(n, -1.0), np.full(n, -1.0)
        other_index = np.zeros(n, dtype=np.intp)
        for start in range(0, n, _BLOCK):
            rows = np.arange(start, min(start + _BLOCK, n))
            cosines = vectors[rows] @ vectors.T
            is_own = codes[rows][:, None] == codes
            elsewhere = np.where(is_own, -1.0, cosines)
            other_index[rows] = elsewhere.argmax(axis=1)
            other[rows] = elsewhere.max(axis=1)
            is_own[np.arange(len(rows)), rows] = False
            own[rows] = np.where(is_own, cosines, -1.0).max(axis=1)
        return cls(own, other, other_index)


def unbalanced_skills(pack: Pack, locate: Locate) -> Iterator[Finding]:
    """Report skills that have less than a tenth of the exemplars of the largest one, and few."""
    counts = {skill: len(lines) for skill, lines in pack.exemplars.skills.items()}
    largest = max(counts, key=counts.__getitem__)
    for skill, n in counts.items():
        if n < _USABLE and n * _IMBALANCE <= counts[largest]:
            yield _warning(
                "unbalanced-skill",
                locate(f"skill:{skill}", ""),
                f"{skill} has {n} exemplars beside the {counts[largest]} of {largest}",
                "the number is no prior, but so few cover few ways to ask: write at least"
                f" {_USABLE}, as users would ask",
            )


def small_skills(
    pack: Pack, labels: Sequence[str], nearest: NearestExemplars, locate: Locate
) -> Iterator[Finding]:
    """Report skills with few exemplars, many of which lie closest to those of one other target."""
    indices = defaultdict(list)
    for i, label in enumerate(labels):
        indices[label].append(i)
    for skill in pack.exemplars.skills:
        own = indices[f"skill:{skill}"]
        lost = [i for i in own if nearest.other[i] > nearest.own[i]]
        if len(own) < _USABLE and len(lost) >= max(2, _LOST_SHARE * len(own)):
            takers = [labels[nearest.other_index[i]] for i in lost]
            taker = max(dict.fromkeys(takers), key=takers.count)
            yield _warning(
                "few-exemplars",
                locate(f"skill:{skill}", ""),
                f"{skill} has {len(own)} exemplars, too few to tell it apart: {len(lost)} of them"
                f" lie closest to an exemplar of another target, most often of {_plain(taker)}",
                f"write at least {_USABLE}, with the words that only this skill's users would use",
            )


def near_duplicates(
    pack: Pack,
    labels: Sequence[str],
    texts: Sequence[str],
    nearest: NearestExemplars | None,
    locate: Locate,
) -> Iterator[Finding]:
    """Report pairs of targets with exemplars that say the same.

    These have the same words in the same order, or are as close as `_SAME`. An exemplar and one of
    "none" may be close: two lines that differ in the one word that matters teach the border. Twins
    are such lines by declaration.

    :param nearest: Only the words are compared if None.
    """
    pairs: dict[tuple[str, str], dict[tuple[int, int], None]] = defaultdict(dict)
    first_with: dict[tuple[str, ...], int] = {}
    twins = {frozenset(twins.lines) for twins in pack.exemplars.twins}
    for i, text in enumerate(texts):
        first = first_with.setdefault(tuple(words_of(text)) or (text,), i)
        if labels[first] != labels[i] and frozenset((texts[first], text)) not in twins:
            pairs[labels[first], labels[i]][first, i] = None
    if nearest is not None:
        for i in np.flatnonzero(nearest.other >= _SAME).tolist():
            first, second = sorted((i, int(nearest.other_index[i])))
            if "none" not in (labels[first], labels[second]):
                pairs[labels[first], labels[second]][first, second] = None
    for (first_target, second_target), duplicates in pairs.items():
        shown = [f"{texts[i]!r} and {texts[j]!r}" for i, j in list(duplicates)[:_SHOWN]]
        more = f"; and {len(duplicates) - _SHOWN} more" if len(duplicates) > _SHOWN else ""
        yield _warning(
            "near-duplicate",
            locate(first_target, texts[next(iter(duplicates))[0]]),
            f"{_plain(first_target)} and {_plain(second_target)} have exemplars that say the same:"
            f" {'; '.join(shown)}{more}",
            "keep each in one of them, merge the two, or write a question that leads to either",
        )


def _plain(target: str) -> str:
    return target.removeprefix("skill:")


def _warning(rule: str, location: tuple[str, int], message: str, cure: str) -> Finding:
    return Finding("warning", rule, *location, message, cure)
