"""The health of a pack: which of its exemplars are closer to another target than to their own.

Distance from the own centroid alone means little: the exemplars of a broad skill surround its
centroid, and even in a sound pack two in five are closer to another centroid. A person should look
at those whose nearest exemplars belong to the other target as well.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import Floats, Indices, Vectors
from router.encoders.encoder import Encoder
from router.heads.similarity import unit_rows
from router.packs.pack import Pack
from router.packs.parts import Destination, Question

_NEAREST_EXEMPLARS = 5


@dataclass(frozen=True)
class Stray:
    """An exemplar closer to another target than to its own, by centroid and by nearest exemplars.

    `own_similarity` and `closer_similarity` are cosines with the two centroids, in [-1, 1]; the
    centroid of the own target leaves out the exemplar itself. `nearest` is the nearest exemplar of
    the other target.
    """

    target: str
    text: str
    own_similarity: float
    closer_to: str
    closer_similarity: float
    nearest: str


@dataclass(frozen=True)
class TargetHealth:
    """A target: how many exemplars it has, and how many of them stray.

    `cohesion` is the mean cosine of an exemplar with the centroid of the others, in [-1, 1].
    """

    target: str
    n_exemplars: int
    n_strays: int
    cohesion: float


@dataclass(frozen=True)
class ConfusablePair:
    """Two skills with strays between them.

    `share`, in [0, 1], is the share of their exemplars that stray to the other skill. `question` is
    the id of the question that separates the skills, if there is one.
    """

    first: str
    second: str
    strays: tuple[Stray, ...]
    share: float
    question: str | None


@dataclass(frozen=True)
class PackHealth:
    """The health of a pack, found by leaving each exemplar out once.

    :param n_exemplars: The number of exemplars.
    :param targets: The health of each target, in the order of the pack.
    :param strays: The exemplars that are closer to another target, those farthest astray first.
    :param pairs: The pairs of targets that are confusable, the most confusable first.
    """

    n_exemplars: int
    targets: tuple[TargetHealth, ...]
    strays: tuple[Stray, ...]
    pairs: tuple[ConfusablePair, ...]


def pack_health(pack: Pack, encoder: Encoder) -> PackHealth:
    """Compare each exemplar with all targets, leaving it out of its own.

    :param pack: The pack to look at.
    :param encoder: Encodes the exemplars.
    """
    labels, texts = zip(*pack.target_exemplars(shared=False), strict=True)
    return health_of(pack, labels, texts, encoder.encode(texts))


def health_of(
    pack: Pack, labels: Sequence[str], texts: Sequence[str], vectors: Vectors
) -> PackHealth:
    """Compare each of a pack's exemplars with all targets, where the vectors are known already.

    Unrelated texts have no common subject, so exemplars of "none" neither stray nor attract others.

    :param labels: The target of each exemplar.
    :param vectors: Unit vectors of the texts. Shape: (n_exemplars, width).
    """
    names = tuple(dict.fromkeys(target for target, _ in pack.target_exemplars(shared=False)))
    index = {name: i for i, name in enumerate(names)}
    codes = np.array([index[label] for label in labels], dtype=np.intp)
    similarities = held_out_cosines(vectors, codes, len(names))
    own = similarities[np.arange(len(codes)), codes]
    if "none" in index:
        similarities[:, index["none"]] = -1.0
    closest = similarities.argmax(axis=1)
    astray = np.flatnonzero((closest != codes) & (codes != index.get("none", -1)))
    lead = similarities[astray, closest[astray]] - own[astray]
    strays = []
    for i in astray[np.argsort(-lead, kind="stable")]:
        nearest = _nearest_of_target(vectors, codes, i, closest[i])
        if nearest is not None:
            closer_to = names[closest[i]], _rounded(similarities[i, closest[i]])
            strays.append(Stray(labels[i], texts[i], _rounded(own[i]), *closer_to, texts[nearest]))
    counts = Counter(stray.target for stray in strays)
    targets = tuple(
        TargetHealth(name, int((codes == i).sum()), counts[name], _rounded(own[codes == i].mean()))
        for i, name in enumerate(names)
        if name != "none"
    )
    return PackHealth(len(labels), targets, tuple(strays), _confusable_pairs(pack, strays))


def _nearest_of_target(vectors: Vectors, codes: Indices, exemplar: int, target: int) -> int | None:
    """Give the nearest exemplar of a target, unless its own target has as many near ones."""
    similarities = vectors @ vectors[exemplar]
    similarities[exemplar] = -2.0
    size = min(_NEAREST_EXEMPLARS, len(codes) - 1)
    neighbours = codes[np.argpartition(-similarities, size)[:size]]
    if (neighbours == target).sum() <= (neighbours == codes[exemplar]).sum():
        return None
    return int(np.where(codes == target, similarities, -2.0).argmax())


def held_out_cosines(vectors: Vectors, codes: Indices, n_targets: int) -> Floats:
    """Cosine of each vector with each target's centroid; its own centroid leaves it out.

    :param vectors: Unit vectors. Shape: (n, width).
    :param codes: The target of each vector. Shape: (n,), in [0, n_targets).
    :return: Cosines in [-1, 1]. Shape: (n, n_targets). A vector that is alone in its target has
        cosine 0 with it.
    """
    wide = vectors.astype(np.float64)
    sums = np.eye(n_targets)[codes].T @ wide  # (n_targets, width)
    cosines = wide @ unit_rows(sums).T.astype(np.float64)
    without = unit_rows(sums[codes] - wide).astype(np.float64)
    cosines[np.arange(len(codes)), codes] = np.einsum("ij,ij->i", wide, without)
    return np.asarray(cosines)


def separating_question(pack: Pack, first: str, second: str) -> Question | None:
    """Find a question of which some option leads to `first` only, and another to `second` only."""
    for question in pack.questions.values():
        ends = [_skills_reached(pack, option.leads_to) for option in question.options]
        only_first = any(first in skills and second not in skills for skills in ends)
        only_second = any(second in skills and first not in skills for skills in ends)
        if only_first and only_second:
            return question
    return None


def _skills_reached(pack: Pack, destination: Destination) -> frozenset[str]:
    """The skills that a destination can end in, through follow-up questions too."""
    if destination.ask is None:
        return frozenset(destination.all_skills)
    options = pack.questions[destination.ask].options
    return frozenset(
        skill for option in options for skill in _skills_reached(pack, option.leads_to)
    )


def _confusable_pairs(pack: Pack, strays: Sequence[Stray]) -> tuple[ConfusablePair, ...]:
    between: dict[tuple[str, str], list[Stray]] = defaultdict(list)
    order = {f"skill:{skill}": i for i, skill in enumerate(pack.skills)}
    for stray in strays:
        if stray.target in order and stray.closer_to in order:
            first, second = sorted((stray.target, stray.closer_to), key=order.__getitem__)
            between[first.removeprefix("skill:"), second.removeprefix("skill:")].append(stray)
    pairs = []
    for (first, second), shared in between.items():
        n = len(pack.exemplars.skills[first]) + len(pack.exemplars.skills[second])
        question = separating_question(pack, first, second)
        question_id = None if question is None else question.id
        pairs.append(
            ConfusablePair(first, second, tuple(shared), _rounded(len(shared) / n), question_id)
        )
    return tuple(sorted(pairs, key=lambda pair: (-pair.share, pair.first, pair.second)))


def _rounded(value: float) -> float:
    return round(float(value), 4)
