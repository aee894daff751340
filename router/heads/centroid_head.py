"""From vectors to probabilities by the unit centroid of each target, for packs of any size.

It takes n steps to fit, n_targets to score, and the score of an exemplar that is left out of its
own centroid is known exactly.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from router.arrays import Bools, Floats, Indices, Probabilities, Similarities, Vectors
from router.encoders.encoder import Encoder
from router.heads.kernel_head import KernelHead, fit_kernel_head
from router.heads.scores import Scores
from router.heads.similarity import (
    FEW_TEXTS,
    FEWEST_POINTS,
    Graph,
    Int8Cosines,
    cosines,
    int8_graph,
    nearest_by_target,
    sums_by_code,
    unit_rows,
)
from router.statistics.probability import Power, TrueColumns, fit_power_on_sample
from router.text import Words

_MAX_EXEMPLARS = 8_000
"""With more exemplars the kernel is not solved: n³ steps would take minutes."""

_MAX_VOTES = 4_000_000
"""Exemplars times targets at most for a kernel: a query has to read that many numbers."""

_SHARPNESS = 3.0
"""How fast a decision falls with the cosine distance from the centroid."""

_SCORED = 64
"""Texts whose exemplars are read at a time: the temporary arrays stay in the cache."""

_FITTED = 256
"""Exemplars scored at a time in a fit, for the same reason."""

_READ_TARGETS = 32
"""Where there are at least twice as many targets, only the exemplars of the likeliest are read."""

_UNREAD = -1.0
"""Stands for the cosine with an exemplar that was not read: as far away as can be."""


class CentroidHead(Struct, frozen=True, dict=True, eq=False, tag="centroids"):
    """A fitted head. `names` are the targets in the order of the columns."""

    names: tuple[str, ...]
    exemplars: Vectors  # (n_exemplars, width): read for the nearest similarities only
    counts: Indices  # (n_targets,): the number of exemplars of each target
    centroids: Vectors  # (n_targets, width)
    power: Power
    graph: Graph | None = None  # the centroids in 8 bits, where that is faster

    def score(self, texts: Sequence[str], words: Words, encoder: Encoder) -> Scores:
        """Encode texts and score them. The exemplars must stand target by target."""
        vectors = encoder.encode(texts)
        decisions = self.decisions(texts, vectors)
        nearest = np.empty(decisions.shape, dtype=np.float32)
        for start in range(0, len(vectors), _SCORED):
            rows = slice(start, start + _SCORED)
            similarities = self._similarities(vectors[rows], decisions[rows])
            nearest[rows] = nearest_by_target(similarities, self.starts)
        return Scores(vectors, self.power.transform(decisions), nearest)

    def _similarities(self, vectors: Vectors, decisions: Floats) -> Similarities:
        """Compute cosines with exemplars; of many targets only those of the likeliest are read."""
        if len(self.names) < 2 * _READ_TARGETS:
            return cosines(vectors, self.exemplars)
        return cosines_of_chosen(vectors, self.exemplars, self.counts, likeliest(decisions))

    def decisions(
        self, texts: Sequence[str], vectors: Vectors, word_votes: Floats | None = None
    ) -> Floats:
        """Compute how near each centroid is, in (0, 1]. Shape: (n_texts, n_targets)."""
        if self._int8_cosines is None:
            similarities = cosines(vectors, self.centroids)
        else:
            similarities = self._int8_cosines.cosines(vectors)
        similarities -= 1.0
        similarities *= _SHARPNESS
        return np.exp(similarities, out=similarities).astype(np.float64)

    def probabilities(
        self, texts: Sequence[str], vectors: Vectors, word_votes: Floats | None = None
    ) -> Probabilities:
        """Compute probabilities from the vectors. Shape: (n_texts, n_targets)."""
        return self.power.transform(self.decisions(texts, vectors))

    def word_votes(self, words: Words) -> Floats:
        """Give zeros: this head knows no words. Shape: (n_texts, n_targets)."""
        return np.zeros((len(words), len(self.names)))

    @cached_property
    def starts(self) -> Indices:
        """Where the exemplars of each target begin. Shape: (n_targets,)."""
        return np.cumsum(self.counts) - self.counts

    @cached_property
    def _int8_cosines(self) -> Int8Cosines | None:
        return None if self.graph is None else Int8Cosines(self.graph)

    def with_int8_index(self) -> "CentroidHead":
        """Read the centroids in 8 bits from now on, where they are many enough to be faster."""
        if len(self.centroids) < FEWEST_POINTS:
            return self
        return structs.replace(self, graph=int8_graph(self.centroids))


def fit_exemplar_head(
    texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
) -> tuple[KernelHead | CentroidHead, Floats]:
    """Fit a kernel head, or, where its exemplars would be too many, a head of centroids.

    :param vectors: Unit vectors of the texts. Shape: (n, width).
    :return: The head, and the decisions on each exemplar with itself left out. Shape: (n,
        n_targets).
    """
    if is_too_large_for_kernel(labels):
        return fit_centroid_head(vectors, labels)
    return fit_kernel_head(texts, vectors, labels)


def is_too_large_for_kernel(labels: Sequence[str]) -> bool:
    """Tell whether there are too many exemplars, or exemplars times targets, for a kernel."""
    return len(labels) > _MAX_EXEMPLARS or len(labels) * len(set(labels)) > _MAX_VOTES


def fit_centroid_head(
    vectors: Vectors, labels: Sequence[str], n_calibrated: int | None = None
) -> tuple[CentroidHead, Floats]:
    """Fit a head on labelled exemplars, in n steps.

    :param vectors: Unit vectors. Shape: (n, width).
    :param n_calibrated: Probabilities are fitted on the first so many exemplars; on all if None.
    :return: The head, and the decisions on each exemplar with itself left out, in single
        precision. Shape: (n, n_targets).
    """
    names, truth = np.unique(np.asarray(labels), return_inverse=True)
    counts = np.bincount(truth)
    sums = sums_by_code(vectors, truth, counts)
    head = CentroidHead(
        names=tuple(names.tolist()),
        exemplars=np.ascontiguousarray(vectors, dtype=np.float32),
        counts=counts,
        centroids=unit_rows(sums),
        power=Power(1.0, 1.0),
    )
    held_out = _held_out_decisions(head, vectors, truth, sums)
    power = fit_power_on_sample(held_out[:n_calibrated], truth[:n_calibrated])
    return structs.replace(head, power=power), held_out


def _held_out_decisions(
    head: CentroidHead, vectors: Vectors, truth: TrueColumns, sums: Floats
) -> Floats:
    """Decide each exemplar, which meets the centroid of the others of its target."""
    held_out = np.empty((len(truth), len(head.names)), dtype=np.float32)
    for start in range(0, len(truth), _FITTED):
        rows = slice(start, start + _FITTED)
        columns = truth[rows]
        held_out[rows] = head.decisions([], vectors[rows])
        without_itself = unit_rows(sums[columns] - vectors[rows])
        own = np.exp(_SHARPNESS * ((without_itself * vectors[rows]).sum(axis=1) - 1.0))
        held_out[np.arange(start, start + len(own)), columns] = own
    return held_out  # type: ignore[return-value]


def likeliest(decisions: Floats) -> Bools:
    """Mark the best targets of each text, `_READ_TARGETS` of them.

    :param decisions: Shape: (n_texts, n_targets).
    :return: Shape: (n_texts, n_targets).
    """
    chosen = np.zeros(decisions.shape, dtype=np.bool_)
    best = np.argpartition(decisions, -_READ_TARGETS, axis=1)[:, -_READ_TARGETS:]
    chosen[np.arange(len(decisions))[:, None], best] = True
    return chosen


def cosines_of_chosen(
    vectors: Vectors, exemplars: Vectors, counts: Indices, chosen: Bools
) -> NDArray[np.float32]:
    """Compute the cosine of each text with the exemplars of its chosen targets.

    :param exemplars: Unit rows, target by target. Shape: (n_exemplars, width).
    :param counts: The number of exemplars of each target. Shape: (n_targets,).
    :param chosen: The targets of each text. Shape: (n_texts, n_targets).
    :return: Shape: (n_texts, n_exemplars), in [-1, 1]; -1 for all other exemplars.
    """
    if len(vectors) > FEW_TEXTS:
        read = np.repeat(chosen, counts, axis=1)
        return np.where(read, cosines(vectors, exemplars), np.float32(_UNREAD))
    result = np.full((len(vectors), len(exemplars)), _UNREAD, dtype=np.float32)
    for row, vector, marks in zip(result, vectors, chosen, strict=True):
        columns = marks.repeat(counts).nonzero()[0]
        row[columns] = cosines(vector[None], exemplars[columns])[0]
    return result
