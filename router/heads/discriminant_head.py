"""From vectors to probabilities along the directions that tell the targets apart.

Four steps, none of which needs a second pass of the encoder:

1. Linear discriminant analysis (Fisher 1936) with a shrunk covariance (Friedman 1989, "Regularized
   discriminant analysis") finds the directions along which targets differ and exemplars of one
   target do not. What a vector has outside of them is noise.
2. Kernel ridge regression on the projected vectors lets each exemplar vote. Each target weighs the
   same however many exemplars it has, so that counts are no prior.
3. Where each target has many exemplars, linear classifiers join in (see `linear_part`).
4. A fitted power turns what comes of it into probabilities.

Where there are many exemplars, only some of them, the landmarks, carry votes (Nyström's method;
Williams & Seeger 2001). A fit takes n * m² steps for n exemplars and m landmarks, and a query
m * (n_directions + n_targets).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router.arrays import Floats, Indices, Probabilities, Similarities, Vectors
from router.encoders.encoder import Encoder
from router.heads.exemplar_index import ExemplarIndex
from router.heads.linear_part import LinearPart, fit_linear_part
from router.heads.scores import Scores
from router.heads.similarity import (
    cosines,
    product,
    sums_by_code,
    unit_rows,
)
from router.statistics.probability import Power
from router.text import Words, words_in
from router.threads import map_in_threads

_SHRINKAGE = 0.7
"""How far the covariance within targets is drawn towards a sphere. This and the next three were
chosen on validation splits of BANKING77 and CLINC150, with 5 and 10 exemplars a target."""

_DIRECTION_POWER = 0.25
"""A direction weighs its ratio of variance between and within targets, to this power."""

_SHARPNESS = 3.0
"""How fast a vote falls with the cosine distance."""

_RIDGE = 0.1
"""How much the votes are damped."""

_MAX_LANDMARKS = 3_000
_MAX_VOTES = 40_000_000
"""Landmarks at most, and landmarks times targets: a query reads that many numbers."""

_BLOCK = 256
"""Texts scored, or exemplars read in a fit, at a time, so that temporary arrays stay small."""

_JITTER = 1e-5
"""Added to the diagonal, relative to its mean: single precision needs it."""


class DiscriminantHead(ExemplarIndex, frozen=True, kw_only=True, tag="discriminant"):
    """A fitted head."""

    projection: NDArray[np.float32]  # (width, n_directions)
    landmarks: Vectors  # (n_landmarks, n_directions)
    votes: NDArray[np.float32]  # (n_landmarks, n_targets)
    power: Power
    titles: Vectors  # (n_targets, width): the vector of each target's title, zero if it has none
    linear: LinearPart | None = None

    def score(self, texts: Sequence[str], words: Words, encoder: Encoder) -> Scores:
        """Encode texts and score them."""
        vectors = encoder.encode(texts)
        nearest = map_in_threads(
            lambda start: self.nearest(vectors[start : start + _BLOCK]),
            range(0, len(texts), _BLOCK),
        )
        empty = np.empty((0, len(self.names)), dtype=np.float32)
        probabilities = self.power.transform(self.decisions(vectors, words))
        return Scores(vectors, probabilities, np.concatenate([empty, *nearest]))

    def decisions(self, vectors: Vectors, words: Words = ()) -> Floats:
        """Estimate the share of each target in each text: about 1 where all is clear.

        :param words: The words of each text, which linear classifiers need.
        :return: Shape: (n_texts, n_targets).
        """
        votes = self._votes_of(vectors)
        return votes if self.linear is None else self.linear.joined(votes, vectors, words)

    def _votes_of(self, vectors: Vectors) -> Floats:
        """Let the landmarks vote. Shape: (n_texts, n_targets)."""

        def votes(start: int) -> NDArray[np.float32]:
            projected = unit_rows(vectors[start : start + _BLOCK] @ self.projection)
            return product(_kernel(cosines(projected, self.landmarks)), self.votes)

        blocks = map_in_threads(votes, range(0, len(vectors), _BLOCK))
        empty = np.empty((0, len(self.names)), dtype=np.float32)
        return np.concatenate([empty, *blocks]).astype(np.float64) + 1.0 / len(self.names)

    def probabilities(
        self, texts: Sequence[str], vectors: Vectors, word_votes: Floats | None = None
    ) -> Probabilities:
        """Compute probabilities from vectors and words. Shape: (n_texts, n_targets)."""
        words = [] if self.linear is None else words_in(texts)
        return self.power.transform(self.decisions(vectors, words))

    def word_votes(self, words: Words) -> Floats:
        """Give zeros: words alone say too little. Shape: (n_texts, n_targets)."""
        return np.zeros((len(words), len(self.names)))


def fit_discriminant_head(
    vectors: Vectors,
    labels: Sequence[str],
    titles: Vectors,
    power: Power | None = None,
    texts: Sequence[str] = (),
) -> DiscriminantHead:
    """Fit a head on labelled exemplars, and on the titles of the targets as one exemplar more.

    :param vectors: Unit vectors, target by target in rising order. Shape: (n, width).
    :param titles: A unit vector for each target, in rising order; a zero row for none. Shape:
        (n_targets, width).
    :param power: From decisions to probabilities, see `fit_power`; any if None.
    :param texts: The exemplars; without them no linear classifier joins in.
    """
    names, truth, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    titled = np.flatnonzero(titles.any(axis=1))
    codes = np.concatenate([truth, titled])
    order = np.argsort(codes, kind="stable")
    points = np.empty((len(codes), vectors.shape[1]), dtype=np.float32)
    place = np.argsort(order)  # written at once, because there may be gigabytes
    points[place[: len(vectors)]] = vectors
    points[place[len(vectors) :]] = titles[titled]
    codes = codes[order]
    per_target = np.bincount(codes, minlength=len(names))
    projection = _directions(points, codes, per_target)
    landmarks, votes = _fit_votes(points, projection, codes, per_target)
    return DiscriminantHead(
        names=tuple(names.tolist()),
        exemplars=np.ascontiguousarray(vectors, dtype=np.float32),
        counts=counts,
        projection=projection,
        landmarks=landmarks,
        votes=votes,
        power=power or Power(1.0, 1.0),
        titles=np.asarray(titles, dtype=np.float32),
        linear=fit_linear_part(texts, vectors, labels),
    )


def _directions(points: Vectors, codes: Indices, counts: Indices) -> NDArray[np.float32]:
    """Find the directions that tell targets apart. Shape: (width, n_directions).

    A single target has no such direction, and is seen along all of them.
    """
    from scipy.linalg import eigh  # no query needs it

    n_targets = len(counts)
    if n_targets < 2:
        return np.eye(points.shape[1], dtype=np.float32)
    mean_variance = _variance_within(points, codes, counts) / points.shape[1]
    basis = None
    if len(points) < points.shape[1]:  # nothing happens outside of what the points span
        basis, _ = np.linalg.qr(points.T.astype(np.float64))
        points = points @ basis
    width = points.shape[1]
    means = sums_by_code(points, codes, counts) / counts[:, None]
    within = np.zeros((width, width))
    for start in range(0, len(points), 4_096):  # every target weighs the same
        of_block = codes[start : start + 4_096]
        deviations = points[start : start + 4_096] - means[of_block]
        within += (deviations / (counts[of_block, None] * n_targets)).T @ deviations
    within *= 1.0 - _SHRINKAGE
    within[np.diag_indices(width)] += _SHRINKAGE * max(mean_variance, 1e-9)
    centred = means - means.mean(axis=0)
    n_directions = min(n_targets - 1, width)
    ratios, directions = eigh(
        centred.T @ centred / n_targets, within, subset_by_index=[width - n_directions, width - 1]
    )
    scaled = directions * np.maximum(ratios, 1e-12) ** _DIRECTION_POWER
    return np.ascontiguousarray(scaled if basis is None else basis @ scaled, dtype=np.float32)


def _variance_within(points: Vectors, codes: Indices, counts: Indices) -> float:
    """Compute the trace of the covariance within targets, each of which weighs the same."""
    means = sums_by_code(points, codes, counts) / counts[:, None]
    squares = np.bincount(codes, np.einsum("ij,ij->i", points, points)) / counts
    return float((squares - np.einsum("ij,ij->i", means, means)).mean())


def _fit_votes(
    points: Vectors, projection: NDArray[np.float32], codes: Indices, counts: Indices
) -> tuple[Vectors, NDArray[np.float32]]:
    """Solve for the votes of the landmarks, with each target weighing the same.

    :return: The landmarks and their votes. Shapes: (n_landmarks, n_directions), (n_landmarks,
        n_targets).
    """
    from scipy.linalg import cho_factor, cho_solve

    n, n_targets = len(points), len(counts)
    most = min(_MAX_LANDMARKS, max(_MAX_VOTES // n_targets, 500))
    # Evenly spaced among exemplars that stand target by target: each target has its share.
    chosen = np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.intp))
    landmarks = np.ascontiguousarray(unit_rows(points[chosen] @ projection))
    weights = (counts.mean() / counts).astype(np.float32)
    gram = np.zeros((len(landmarks), len(landmarks)), dtype=np.float32)
    wanted = np.zeros((len(landmarks), n_targets), dtype=np.float32)
    total = np.zeros(len(landmarks), dtype=np.float32)
    for start in range(0, n, 4_096):
        of_block = codes[start : start + 4_096]
        projected = unit_rows(points[start : start + 4_096] @ projection)
        kernel = _kernel(projected @ landmarks.T)
        weighted = kernel * weights[of_block, None]
        gram += kernel.T @ weighted
        total += weighted.sum(axis=0)
        targets, first = np.unique(of_block, return_index=True)
        wanted[:, targets] += np.add.reduceat(weighted, first, axis=0).T
    wanted -= total[:, None] / n_targets
    system = gram.astype(np.float64) + _RIDGE * _kernel(landmarks @ landmarks.T)
    system[np.diag_indices_from(system)] += _JITTER * np.trace(system) / len(system)
    votes = cho_solve(cho_factor(system, overwrite_a=True), wanted.astype(np.float64))
    return landmarks, np.ascontiguousarray(votes, dtype=np.float32)


def _kernel(similarities: Similarities) -> NDArray[np.float32]:
    """Turn cosines into kernel values, in place. Shape: as given, in (0, 1]."""
    similarities -= 1.0
    similarities *= _SHARPNESS
    return np.asarray(np.exp(similarities, out=similarities))
