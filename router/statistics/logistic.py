"""A small logistic regression: scikit-learn fits it, two plain arrays hold it."""

from dataclasses import dataclass

import numpy as np

from router.arrays import Bools, Floats


@dataclass(frozen=True)
class Logistic:
    """Probability of yes: 1 / (1 + exp(-(features @ weights + bias)))."""

    weights: Floats  # (n_features,)
    bias: float

    @classmethod
    def fit(cls, features: Floats, truth: Bools, sample_weight: Floats | None = None) -> "Logistic":
        """Fit on features scaled to unit variance, and fold the scaling into the weights.

        If all answers are the same, every probability is their smoothed share.

        :param features: Shape: (n, n_features).
        :param truth: Shape: (n,).
        """
        if truth.all() or not truth.any():
            share = (truth.sum() + 0.5) / (len(truth) + 1.0)
            return cls(np.zeros(features.shape[1]), float(np.log(share / (1.0 - share))))
        from sklearn.linear_model import LogisticRegression

        mean, scale = features.mean(axis=0), features.std(axis=0)
        scale = np.where(scale < 1e-9, 1.0, scale)
        model = LogisticRegression(C=1.0, max_iter=1_000)
        model.fit((features - mean) / scale, truth, sample_weight=sample_weight)
        weights = model.coef_[0] / scale
        return cls(weights, float(model.intercept_[0] - mean @ weights))

    def probabilities(self, features: Floats) -> Floats:
        """Shape: (n, n_features) to (n,)."""
        return np.asarray(1.0 / (1.0 + np.exp(-(features @ self.weights + self.bias))))


def logit(probability: Floats, edge: float = 1e-3) -> Floats:
    """Log odds. Probabilities are kept `edge` away from 0 and 1, where these are infinite."""
    inside = np.minimum(np.maximum(probability, edge), 1.0 - edge)
    return np.asarray(np.log(inside / (1.0 - inside)))
