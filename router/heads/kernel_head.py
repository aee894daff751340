"""From vectors and words to probabilities: kernel ridge regression on the exemplars.

Every exemplar votes for its target with a weight that falls with its distance, and the weights have
a closed form. So has the score of every exemplar with itself left out, so that probabilities,
thresholds and asking are fitted on scores that never saw their own answer (Rifkin & Lippert 2007,
"Notes on regularized least squares", section 4).

A fit takes n³ / 3 steps, and a query n_exemplars times n_targets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.arrays import Floats, Indices, Probabilities, Similarities, Vectors
from router.encoders.encoder import Encoder
from router.heads.exemplar_index import ExemplarIndex
from router.heads.lexicon import Lexicon, SparseGram, WordVotes
from router.heads.scores import Scores
from router.heads.similarity import (
    nearest_by_target,
    product,
)
from router.statistics.probability import Power, fit_power_on_sample
from router.text import Words, words_in
from router.threads import map_in_threads

_SCORED, _FITTED = 64, 256
"""Texts scored, and exemplars fitted, at a time: their temporary arrays stay in the cache."""

_ALL = slice(None)


@dataclass(frozen=True)
class KernelSettings:
    """How the head weighs its evidence, chosen on validation data; see `docs/pages/evidence`.

    :param sharpness: How fast the vote of an exemplar falls with its cosine distance.
    :param lexical: The weight of the words, and of their character n-grams, beside the vector.
    :param ridge: How much the votes are damped.
    :param pieces: Whether character n-grams count; with ten exemplars a target they only cost time.
    """

    sharpness: float = 3.0
    lexical: float = 0.3
    ridge: float = 0.3
    pieces: bool = True

    @classmethod
    def for_exemplars(cls, per_target: float) -> "KernelSettings":
        """Trust words less and damp more where a target has few exemplars, made from documents.

        This was chosen on 62 skills and queries written for this project: the right skill came
        first for 0.79 of the queries instead of 0.76.
        """
        return cls() if per_target >= 60 else cls(lexical=0.15, ridge=0.6)


class KernelHead(ExemplarIndex, frozen=True, kw_only=True, tag="kernel"):
    """A fitted head."""

    settings: KernelSettings
    votes: NDArray[np.float32]  # (n_exemplars, n_targets)
    lexicon: Lexicon
    term_votes: NDArray[np.float32]  # (n_terms, n_targets): the votes, summed over exemplars
    prior: Floats  # (n_targets,)
    power: Power

    def score(self, texts: Sequence[str], words: Words, encoder: Encoder) -> Scores:
        """Encode texts and score them. The exemplars must stand target by target."""
        vectors = encoder.encode(texts)
        if len(texts) <= _SCORED:
            votes, nearest = self._score_block(vectors)
        else:
            blocks = map_in_threads(
                lambda start: self._score_block(vectors[start : start + _SCORED]),
                range(0, len(texts), _SCORED),
            )
            votes, nearest = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        decisions = self._decisions_without_vectors(words)
        decisions += votes
        return Scores(
            vectors=vectors, probabilities=self.power.transform(decisions), nearest=nearest
        )

    def _score_block(self, vectors: Vectors) -> tuple[Floats, Similarities]:
        """Give the votes, and the nearest similarities by target."""
        similarities = self.similarities(vectors)
        nearest = nearest_by_target(similarities, self.starts)
        return product(self._kernel(similarities), self._votes), nearest

    def decisions(
        self, texts: Sequence[str], vectors: Vectors, word_votes: Floats | None = None
    ) -> Floats:
        """Estimate the share of each target in each text: about 1 where all is clear.

        :return: Shape: (n_texts, n_targets).
        """
        decisions = self._decisions_without_vectors(words_in(texts), word_votes)

        def votes(start: int) -> Floats:
            similarities = self.similarities(vectors[start : start + _SCORED])
            return product(self._kernel(similarities), self._votes)

        if len(texts) <= _SCORED:
            return decisions + votes(0)
        blocks = map_in_threads(votes, range(0, len(texts), _SCORED))
        return decisions + np.concatenate(blocks)

    def _decisions_without_vectors(self, words: Words, word_votes: Floats | None = None) -> Floats:
        votes = self.word_votes(words) if word_votes is None else word_votes
        return np.asarray(self.settings.lexical * votes + self.prior)

    def probabilities(
        self, texts: Sequence[str], vectors: Vectors, word_votes: Floats | None = None
    ) -> Probabilities:
        """Compute probabilities from vectors and words. Shape: (n_texts, n_targets)."""
        return self.power.transform(self.decisions(texts, vectors, word_votes))

    def word_votes(self, words: Words) -> Floats:
        """Tell how much the words alone speak for each target. Shape: (n_texts, n_targets)."""
        return self._word_votes.of(words)

    @cached_property
    def _votes(self) -> Floats:
        return self.votes.astype(np.float64)

    @cached_property
    def _word_votes(self) -> WordVotes:
        return WordVotes(self.lexicon, self.term_votes)

    def _kernel(self, similarities: Similarities) -> NDArray[np.float32]:
        """Turn cosines into kernel values, in place. Shape: as given, in (0, 1]."""
        similarities -= 1.0
        similarities *= self.settings.sharpness
        return np.asarray(np.exp(similarities, out=similarities))


def fit_kernel_head(
    texts: Sequence[str],
    vectors: Vectors,
    labels: Sequence[str],
    settings: KernelSettings | None = None,
    *,
    lexicon: Lexicon | None = None,
    n_calibrated: int | None = None,
) -> tuple[KernelHead, Floats]:
    """Fit a head on labelled exemplars, and judge each of them without itself.

    :param vectors: Unit vectors of the texts. Shape: (n, width).
    :param lexicon: The terms of the texts, where they are known; learnt from the texts if None.
    :param n_calibrated: Probabilities are fitted on the first so many exemplars, which are like
        what will be asked; on all if None.
    :return: The head, and the decisions on each exemplar with itself left out. Shape: (n,
        n_targets).
    """
    problem = _Problem.of(texts, vectors, labels, settings, lexicon)
    solution = problem.solve(np.arange(len(texts)))
    held_out, truth = solution.held_out[:n_calibrated], problem.truth[:n_calibrated]
    head = problem.head(solution.weights, fit_power_on_sample(held_out, truth))
    return head, solution.held_out


def fit_kernel_heads(
    texts: Sequence[str], vectors: Vectors, labels: Sequence[str], judged: Indices
) -> tuple[KernelHead, Floats, KernelHead]:
    """Fit one head on all exemplars and one on all but the judged ones, for the price of one.

    :param vectors: Unit vectors of the texts. Shape: (n, width).
    :param judged: Rows of exemplars; each target has others besides. Shape: (n_judged,).
    :return: The head, the decisions on each judged exemplar with itself left out, shape: (n_judged,
        n_targets), and the head that has seen none of these exemplars.
    """
    problem = _Problem.of(texts, vectors, labels)
    solution = problem.solve(judged)
    power = fit_power_on_sample(solution.held_out, problem.truth[judged])
    seen = np.delete(np.arange(len(texts)), judged)
    head, without = (
        problem.head(solution.weights, power),
        problem.head(solution.weights_without[seen], power, seen),
    )
    return head, solution.held_out, without


@dataclass(frozen=True)
class _Solution:
    """What `fit_ridge` finds, with the exemplars in their own order again."""

    weights: Floats  # (n, n_targets)
    held_out: Floats  # (n_judged, n_targets)
    weights_without: Floats  # (n, n_targets): fitted without the judged ones, whose weights are 0


@dataclass(frozen=True)
class _Problem:
    """The exemplars that are to be fitted, as numbers."""

    names: tuple[str, ...]
    settings: KernelSettings
    vectors: Vectors
    truth: Indices  # (n,): the column of each exemplar's target
    prior: Floats  # (n_targets,)
    lexicon: Lexicon
    features: Any  # (n, n_terms), sparse

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        vectors: Vectors,
        labels: Sequence[str],
        settings: KernelSettings | None = None,
        lexicon: Lexicon | None = None,
    ) -> "_Problem":
        names, truth = np.unique(np.asarray(labels), return_inverse=True)
        settings = settings or KernelSettings.for_exemplars(len(texts) / len(names))
        lexicon = lexicon or Lexicon.fit(texts, settings.pieces)
        prior = np.bincount(truth, minlength=len(names)) / len(truth)
        features = lexicon.features(texts)
        return cls(tuple(names.tolist()), settings, vectors, truth, prior, lexicon, features)

    def solve(self, judged: Indices) -> _Solution:
        """Fit on all exemplars, with the judged ones last."""
        n = len(self.vectors)
        order = np.concatenate([np.delete(np.arange(n), judged), judged])
        words = SparseGram.of(self.features[order])
        kernel = _kernel_matrix(self.vectors[order], words, self.settings)
        targets = np.eye(len(self.names))[self.truth[order]] - self.prior
        of_ordered = fit_ridge(kernel, targets, self.settings.ridge, len(judged))
        weights, without = np.empty((2, *targets.shape))
        weights[order], held_out, without[order] = of_ordered
        return _Solution(weights, held_out + self.prior, without)

    def head(self, weights: Floats, power: Power, rows: Indices | slice = _ALL) -> KernelHead:
        """Make a head of some exemplars. Shape of `weights`: (n_rows, n_targets)."""
        return KernelHead(
            names=self.names,
            settings=self.settings,
            exemplars=np.ascontiguousarray(self.vectors[rows], dtype=np.float32),
            counts=np.bincount(self.truth[rows], minlength=len(self.names)),
            votes=weights.astype(np.float32),
            lexicon=self.lexicon,
            term_votes=np.asarray(self.features[rows].T @ weights, dtype=np.float32),
            prior=self.prior,
            power=power,
        )


def _kernel_matrix(
    vectors: Vectors, words: SparseGram, settings: KernelSettings
) -> NDArray[np.float32]:
    """Compute the kernel of each exemplar with itself and each later one; the rest stays 0.

    :return: Shape: (n, n).
    """
    kernel = np.zeros((len(vectors), len(vectors)), dtype=np.float32)
    for rows, block in words.upper(_FITTED):
        of_vectors = vectors[rows] @ vectors[rows.start :].T
        of_vectors -= 1.0
        of_vectors *= settings.sharpness
        np.exp(of_vectors, out=of_vectors)
        block *= settings.lexical
        np.add(of_vectors, block, out=kernel[rows, rows.start :], casting="same_kind")
    return kernel


def fit_ridge(
    kernel: NDArray[np.float32], targets: Floats, penalty: float, n_judged: int
) -> tuple[Floats, Floats, Floats]:
    """Solve for the weights of the exemplars, and decide the last ones each without itself.

    The residual of an exemplar that is left out is its weight over the diagonal of the inverse
    (Rifkin & Lippert 2007, section 4). Of the Cholesky factor, the first rows are the factor of
    the first exemplars alone, and the last rows and columns give the end of the inverse. So one
    factor serves all, and is inverted only where exemplars are judged. Single precision is enough
    for a penalty that is not tiny, and takes half of the memory.

    :param kernel: Kernel of each exemplar with each, positive semi-definite, of which what is below
        the diagonal is not read; it is overwritten. Shape: (n_exemplars, n_exemplars).
    :param targets: What is to be predicted. Shape: (n_exemplars, n_targets).
    :param penalty: How much the weights are damped, above 0.
    :param n_judged: How many of the last exemplars are decided without themselves.
    :return: Weights; held-out predictions; and the weights without the last exemplars, whose own
        are 0. Shapes: (n_exemplars, n_targets), (n_judged, n_targets), (n_exemplars, n_targets).
    """
    from scipy.linalg import blas, lapack  # no query needs it

    kernel[np.diag_indices_from(kernel)] += penalty
    # The transpose of what numpy holds is what LAPACK wants; the kernel is symmetric.
    factor, failed = lapack.spotrf(kernel.T, lower=1, clean=1, overwrite_a=1)
    if failed:
        raise np.linalg.LinAlgError(f"the kernel is not positive definite (row {failed})")
    first, width = len(kernel) - n_judged, targets.shape[1]
    halfway = np.tile(blas.strsm(1.0, factor, targets.astype(np.float32), lower=1), 2)
    halfway[first:, width:] = 0.0
    both = blas.strsm(1.0, factor, halfway, lower=1, trans_a=1).astype(np.float64)
    weights, without = both[:, :width], both[:, width:]
    root, _ = lapack.strtri(
        factor[first:, first:], lower=1
    )  # the end of the inverse: root.T @ root
    diagonal = np.einsum("ij,ij->j", root, root)
    held_out = targets[first:] - weights[first:] / diagonal[:, None]
    return weights, held_out, without
