"""How well a pack holds together: lines that lie closer to another target than to their own.

Far from its own centroid alone means little: the lines of a broad skill surround its middle, and
two in five of a sound pack lie closer to some other. What a person should look at are the lines of
which the closest lines say so too.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import Floats, Indices, Vectors
from router.encoders.encoder import Encoder
from router.heads.similarity import unit_rows
from router.packs.pack import Destination, Pack, Question

CLOSEST = 5


@dataclass(frozen=True)
class Stray:
    """An exemplar closer to another target than to its own, by centroid and by closest lines.

    `own` and `other` are cosines with the two centroids, in [-1, 1]; its own is that of the other
    lines, so that a line does not vouch for itself. `beside`: the closest line of the other target.
    """

    target: str
    text: str
    own: float
    closer_to: str
    other: float
    beside: str


@dataclass(frozen=True)
class TargetHealth:
    """One target: how many lines it has, how many of them stray, how close they lie together.

    `closeness`: mean cosine of a line with the centroid of the others, in [-1, 1].
    """

    target: str
    n_lines: int
    n_astray: int
    closeness: float


@dataclass(frozen=True)
class Pair:
    """Two skills that share strays; `question` is the id of the one that separates them.

    `share`: strays between the two, of all their lines, in [0, 1].
    """

    first: str
    second: str
    strays: tuple[Stray, ...]
    share: float
    question: str | None


@dataclass(frozen=True)
class PackHealth:
    """What leaving every line out once says about a pack. Targets in the order of the pack."""

    n_lines: int
    targets: tuple[TargetHealth, ...]
    strays: tuple[Stray, ...]  # the farthest astray first
    pairs: tuple[Pair, ...]  # the most confusable first


def pack_health(pack: Pack, encoder: Encoder) -> PackHealth:
    """Leave each exemplar out once and see which target it lies closest to."""
    labels, texts = zip(*pack.target_exemplars(), strict=True)
    return health_of(pack, labels, texts, encoder.encode(texts))


def health_of(
    pack: Pack, labels: Sequence[str], texts: Sequence[str], vectors: Vectors
) -> PackHealth:
    """Leave each of a pack's exemplars out once, where their vectors are known already.

    What is unrelated has no middle, so lines of "none" neither stray nor draw others to them.

    :param vectors: Unit vectors of the texts. Shape: (n_lines, width).
    """
    names = tuple(dict.fromkeys(target for target, _ in pack.target_exemplars()))
    place = {name: i for i, name in enumerate(names)}
    codes = np.array([place[label] for label in labels], dtype=np.intp)
    cosines = held_out_cosines(vectors, codes, len(names))
    own = cosines[np.arange(len(codes)), codes]
    if "none" in place:
        cosines[:, place["none"]] = -1.0
    nearest = cosines.argmax(axis=1)
    astray = np.flatnonzero((nearest != codes) & (codes != place.get("none", -1)))
    lead = cosines[astray, nearest[astray]] - own[astray]
    found = []
    for i in astray[np.argsort(-lead, kind="stable")]:
        beside = _speaks_for(vectors, codes, i, nearest[i])
        if beside is not None:
            other = names[nearest[i]], _round(cosines[i, nearest[i]]), texts[beside]
            found.append(Stray(labels[i], texts[i], _round(own[i]), *other))
    counts = Counter(stray.target for stray in found)
    targets = tuple(
        TargetHealth(name, int((codes == i).sum()), counts[name], _round(own[codes == i].mean()))
        for i, name in enumerate(names)
        if name != "none"
    )
    return PackHealth(len(labels), targets, tuple(found), _pairs(pack, found))


def _speaks_for(vectors: Vectors, codes: Indices, line: int, other: int) -> int | None:
    """Give the closest line of the other target, if more of the closest lines are of it."""
    cosines = vectors @ vectors[line]
    cosines[line] = -2.0
    most = min(CLOSEST, len(codes) - 1)
    closest = np.argpartition(-cosines, most)[:most]
    votes = codes[closest]
    if (votes == other).sum() <= (votes == codes[line]).sum():
        return None
    return int(np.where(codes == other, cosines, -2.0).argmax())


def held_out_cosines(vectors: Vectors, codes: Indices, n_targets: int) -> Floats:
    """Cosine of each row with each target's centroid, its own without the row itself.

    :param vectors: Unit vectors. Shape: (n, width).
    :param codes: The target of each row. Shape: (n,), in [0, n_targets).
    :return: Cosines in [-1, 1]. Shape: (n, n_targets). A row that is alone in its target has
        cosine 0 with it.
    """
    wide = vectors.astype(np.float64)
    sums = np.eye(n_targets)[codes].T @ wide  # (n_targets, width)
    cosines = wide @ unit_rows(sums).T.astype(np.float64)
    without = unit_rows(sums[codes] - wide).astype(np.float64)
    cosines[np.arange(len(codes)), codes] = np.einsum("ij,ij->i", wide, without)
    return np.asarray(cosines)


def separating_question(pack: Pack, first: str, second: str) -> Question | None:
    """Find a question one option of which leads to `first` alone and another to `second` alone."""
    for question in pack.questions.values():
        ends = [_ends(pack, option.leads_to) for option in question.options]
        only_first = any(first in skills and second not in skills for skills in ends)
        only_second = any(second in skills and first not in skills for skills in ends)
        if only_first and only_second:
            return question
    return None


def _ends(pack: Pack, lead: Destination) -> frozenset[str]:
    """Skills that a lead can end in, through follow-up questions too."""
    if lead.ask is None:
        return frozenset(lead.all_skills)
    options = pack.questions[lead.ask].options
    return frozenset(skill for option in options for skill in _ends(pack, option.leads_to))


def _pairs(pack: Pack, strays: Sequence[Stray]) -> tuple[Pair, ...]:
    between: dict[tuple[str, str], list[Stray]] = defaultdict(list)
    order = {f"skill:{skill}": i for i, skill in enumerate(pack.skills)}
    for stray in strays:
        if stray.target in order and stray.closer_to in order:
            first, second = sorted((stray.target, stray.closer_to), key=order.__getitem__)
            between[first.removeprefix("skill:"), second.removeprefix("skill:")].append(stray)
    pairs = []
    for (first, second), found in between.items():
        lines = len(pack.exemplars.skills[first]) + len(pack.exemplars.skills[second])
        question = separating_question(pack, first, second)
        name = None if question is None else question.id
        pairs.append(Pair(first, second, tuple(found), round(len(found) / lines, 4), name))
    return tuple(sorted(pairs, key=lambda pair: (-pair.share, pair.first, pair.second)))


def _round(value: float) -> float:
    return round(float(value), 4)
