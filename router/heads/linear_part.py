"""What linear classifiers on vectors and words add where each target has many exemplars.

With some ten exemplars a target, directions that tell targets apart are all that can be learnt.
With fifty and more, logistic regression on the whole vectors sees what they leave out, and a linear
support vector machine on words sees what the encoder does not.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.arrays import Floats, Probabilities, Vectors
from router.heads.lexicon import Lexicon, WordVotes
from router.statistics.probability import softmax
from router.text import Words

_FEWEST, _FEWEST_OF_TARGET = 1_000, 25
"""Exemplars in all, and of a target on average, from which on the classifiers are fitted."""

_MOST_CELLS = 5_000_000
"""Exemplars times targets at most: beyond, a fit takes minutes."""

_VECTOR_PENALTY, _WORD_PENALTY = 30.0, 0.5
"""The C of logistic regression and of the support vector machine."""

_VOTES, _VECTORS, _WORDS = 6.0, 0.7, 2.4
"""What the votes of exemplars, the log odds of the vectors and the margins of the words weigh. All
of these were chosen on validation splits of BANKING77 and CLINC150, with all their exemplars."""


class LinearPart(Struct, frozen=True, dict=True, eq=False):
    """Both classifiers, fitted, with each target weighing the same.

    :param weights: Shape: (width, n_targets).
    :param biases: Shape: (n_targets,).
    :param lexicon: The words that the exemplars have.
    :param term_votes: What each word says for each target. Shape: (n_terms, n_targets).
    :param word_biases: Shape: (n_targets,).
    """

    weights: NDArray[np.float32]
    biases: Floats
    lexicon: Lexicon
    term_votes: NDArray[np.float32]
    word_biases: Floats

    def joined(self, votes: Floats, vectors: Vectors, words: Words) -> Probabilities:
        """Join the votes of exemplars with what both classifiers say: shares that sum to 1.

        :param votes: About 1 for a target where all is clear. Shape: (n_texts, n_targets).
        :param vectors: Shape: (n_texts, width).
        :param words: The words of each text.
        :return: Shape: (n_texts, n_targets).
        """
        of_vectors = vectors @ self.weights + self.biases
        of_words = self._word_votes.of(words) + self.word_biases
        return softmax(_VOTES * votes + _VECTORS * of_vectors + _WORDS * of_words)

    @cached_property
    def _word_votes(self) -> WordVotes:
        return WordVotes(self.lexicon, self.term_votes)


def fit_linear_part(
    texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
) -> LinearPart | None:
    """Fit both classifiers; None where the exemplars are too few for them, or too many.

    :param vectors: Unit vectors of the texts. Shape: (n, width).
    """
    n, n_targets = len(texts), len(set(labels))
    few = n < max(_FEWEST, _FEWEST_OF_TARGET * n_targets)
    if n_targets < 2 or few or n * n_targets > _MOST_CELLS:
        return None
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    on_vectors = LogisticRegression(C=_VECTOR_PENALTY, class_weight="balanced", max_iter=400)
    on_vectors.fit(vectors, labels)
    lexicon = Lexicon.fit(texts, pieces=False)
    on_words = LinearSVC(C=_WORD_PENALTY, class_weight="balanced", random_state=0)
    on_words.fit(_with_small_indices(lexicon.features(texts)), labels)
    return LinearPart(*_of_each_target(on_vectors), lexicon, *_of_each_target(on_words))


def _with_small_indices(features: Any) -> Any:  # noqa: ANN401 - scipy has no types
    """Give sparse rows whose indices have 32 bits, as liblinear wants them."""
    rows = features.tocsr()
    rows.indices, rows.indptr = rows.indices.astype(np.int32), rows.indptr.astype(np.int32)
    return rows


def _of_each_target(classifier: Any) -> tuple[NDArray[np.float32], Floats]:  # noqa: ANN401
    """Give weights and biases for each target; of two targets, scikit-learn has only the second."""
    weights, biases = classifier.coef_, classifier.intercept_
    if len(weights) == 1:
        weights, biases = np.vstack([-weights, weights]) / 2, np.append(-biases, biases) / 2
    return np.ascontiguousarray(weights.T, dtype=np.float32), biases
