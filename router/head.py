"""From vectors and words to probabilities: kernel ridge regression on the exemplars.

Every exemplar votes for its target with a weight that falls with its distance, and the weights are
solved for in closed form. Two things follow that no other head of this accuracy gives for free:
the vote of each exemplar can be shown, and the score of every exemplar with itself left out is
known exactly, so that probabilities, thresholds and asking are fitted on scores that never saw
their own answer (Rifkin & Lippert 2007, "Notes on regularized least squares", section 4).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.arrays import Floats, Probabilities, Vectors
from router.lexicon import Lexicon


@dataclass(frozen=True)
class HeadSettings:
    """How the head weighs its evidence; chosen on validation data, see docs/accuracy.md.

    `sharpness`: how fast an exemplar's vote falls with its cosine distance. `lexical`: weight of
    the words, and of the pieces of words, beside the vector. `ridge`: how much a vote is damped.
    """

    sharpness: float = 3.0
    lexical: float = 0.3
    ridge: float = 0.3


@dataclass(frozen=True)
class Power:
    """Scores to probabilities: (max(score, 0) + `offset`) ** `exponent`, then rows sum to 1.

    Ridge scores estimate probabilities already, but shrunk towards 0; a power undoes that where a
    softmax, which knows only differences, stays overconfident.
    """

    offset: float
    exponent: float

    @classmethod
    def fit(cls, scores: Floats, labels: NDArray[np.intp]) -> "Power":
        """Minimise the log loss of held-out scores. Shapes: (n, n_targets) and (n,)."""
        from scipy.optimize import minimize

        rows = np.arange(len(labels))

        def loss(point: Floats) -> float:
            probabilities = cls(*np.exp(point)).transform(scores)
            return float(-np.log(probabilities[rows, labels]).mean())

        found = minimize(loss, [-3.0, 1.0], method="Nelder-Mead", options={"maxiter": 200})
        return cls(*(float(value) for value in np.exp(np.clip(found.x, -9.0, 3.0))))

    def transform(self, scores: Floats) -> Probabilities:
        """Turn scores into probabilities. Shape: (n, n_targets), both."""
        logs = self.exponent * np.log(np.maximum(scores, 0.0) + self.offset)
        powers = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Head:
    """A fitted head. `names` are the targets in the order of the columns."""

    names: tuple[str, ...]
    settings: HeadSettings
    exemplars: Vectors  # (n_exemplars, width)
    votes: NDArray[np.float32]  # (n_exemplars, n_targets)
    lexicon: Lexicon
    term_votes: NDArray[np.float32]  # (n_terms, n_targets): the votes, summed over exemplars
    prior: Floats  # (n_targets,)
    power: Power

    def scores(self, texts: Sequence[str], vectors: Vectors) -> Floats:
        """Estimate each target's share. Shape: (n_texts, n_targets)."""
        near = np.exp(self.settings.sharpness * (vectors @ self.exemplars.T - 1.0))
        terms = self.lexicon.votes(texts, self.term_votes)
        return np.asarray(near @ self.votes + self.settings.lexical * terms + self.prior)

    def probabilities(self, texts: Sequence[str], vectors: Vectors) -> Probabilities:
        """Probability of each target. Shape: (n_texts, n_targets)."""
        return self.power.transform(self.scores(texts, vectors))


def fit_head(
    texts: Sequence[str],
    vectors: Vectors,
    labels: Sequence[str],
    settings: HeadSettings | None = None,
) -> tuple[Head, Probabilities]:
    """Fit a head on labelled exemplars, in about n³ / 10¹⁰ seconds.

    :param vectors: Unit vectors of the texts. Shape: (n, width).
    :return: The head, and the probabilities of each exemplar with itself left out.
        Shape: (n, n_targets).
    """
    settings = settings or HeadSettings()
    names, truth = np.unique(np.asarray(labels), return_inverse=True)
    lexicon = Lexicon.fit(texts)
    features = lexicon.features(texts)
    kernel = _kernel(vectors, features, settings)
    shares = np.eye(len(names))[truth]
    prior = shares.mean(axis=0)
    kernel[np.diag_indices_from(kernel)] += settings.ridge
    inverse = np.linalg.inv(kernel)
    votes = inverse @ (shares - prior)
    held_out = shares - votes / np.diag(inverse)[:, None]
    power = Power.fit(held_out, truth)
    head = Head(
        names=tuple(names.tolist()),
        settings=settings,
        exemplars=np.ascontiguousarray(vectors, dtype=np.float32),
        votes=votes.astype(np.float32),
        lexicon=lexicon,
        term_votes=np.asarray(features.T @ votes, dtype=np.float32),
        prior=prior,
        power=power,
    )
    return head, power.transform(held_out)


def _kernel(vectors: Vectors, features: Any, settings: HeadSettings) -> Floats:  # noqa: ANN401
    """Likeness of each exemplar with each. Shape: (n, n)."""
    wide = vectors.astype(np.float64)
    near = np.exp(settings.sharpness * (wide @ wide.T - 1.0))
    return np.asarray(near + settings.lexical * (features @ features.T).toarray())
