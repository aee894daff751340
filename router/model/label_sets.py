"""Queries that ask for several skills at once, learnt from exemplars that several skills share."""

from dataclasses import dataclass

import numpy as np

from router.arrays import Floats, Probabilities, Vectors
from router.statistics.probability import Logistic, logit


@dataclass(frozen=True)
class LabelSets:
    """One logistic regression for each skill against all others (binary relevance), rescaled.

    A text can then have several skills without any clause of its own for each of them. The
    regressions are sure of what they have learnt, so that a second, small one turns what they say
    of held-out exemplars into a probability. See Tsoumakas, Katakis 2007, "Multi-label
    classification".

    :param weights: 0 for a skill that shares no exemplar. Shape: (width, n_skills).
    :param biases: -inf for a skill that shares no exemplar. Shape: (n_skills,).
    :param rescaling: From the features to a probability.
    """

    weights: Vectors
    biases: Floats
    rescaling: Logistic

    def decisions(self, vectors: Vectors) -> Floats:
        """Compute what speaks for each skill. Shape: (n_texts, n_skills)."""
        return np.asarray(vectors @ self.weights + self.biases, dtype=np.float64)

    def probabilities(self, vectors: Vectors, whole: Probabilities) -> Probabilities:
        """Compute the probability that each skill is asked for, whether or not others are.

        :param vectors: Shape: (n_texts, width).
        :param whole: The skills' probabilities from the head. Shape: (n_texts, n_skills).
        :return: Shape: (n_texts, n_skills).
        """
        shared = np.isfinite(self.biases)
        probabilities = np.zeros(whole.shape)
        features = set_features(self.decisions(vectors)[:, shared], whole[:, shared])
        log_odds = features @ self.rescaling.weights + self.rescaling.bias
        probabilities[:, shared] = 1.0 / (1.0 + np.exp(-log_odds))
        return probabilities


def set_features(decisions: Floats, whole: Probabilities) -> Floats:
    """Describe each skill of each text by what its regression and the head say of it.

    :param decisions: Shape: (n_texts, n_skills).
    :param whole: The skills' probabilities from the head. Shape: (n_texts, n_skills).
    :return: Shape: (n_texts, n_skills, 3).
    """
    return np.stack([decisions, logit(whole), logit(whole / whole.max(axis=1, keepdims=True))], 2)
