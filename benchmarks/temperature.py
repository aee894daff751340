"""Temperature scaling: the softmax that the plain classifiers of the benchmark get."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from router.arrays import Floats, Probabilities
from router.statistics.probability import TrueColumns


@dataclass(frozen=True)
class Temperature:
    """Softmax of decision values times `sharpness`, a positive number."""

    sharpness: float = 1.0

    def log_probabilities(self, decisions: Floats) -> Floats:
        """Logarithms of the probabilities. Shape: (n_texts, n_classes)."""
        return np.asarray(log_softmax(self.sharpness * decisions, axis=1))

    def transform(self, decisions: Floats) -> Probabilities:
        """Probabilities of the classes. Shape: (n_texts, n_classes)."""
        return np.exp(self.log_probabilities(decisions))

    def log_loss(self, decisions: Floats, truth: TrueColumns) -> float:
        """Mean negative logarithm of the probability of the true class."""
        return -float(self.log_probabilities(decisions)[np.arange(len(truth)), truth].mean())


def fit_temperature(decisions: Floats, truth: TrueColumns) -> Temperature:
    """Fit a temperature by log loss (Guo et al. 2017, On Calibration of Modern Neural Networks).

    :param decisions: Of texts that the classifier was not fitted on. Shape: (n_texts, n_classes).
    """
    best = minimize_scalar(
        lambda log_sharpness: Temperature(np.exp(log_sharpness)).log_loss(decisions, truth),
        bounds=(-5.0, 7.0),
        method="bounded",
    )
    return Temperature(float(np.exp(best.x)))
