"""From decision values to probabilities that hold: one map, fitted on texts that were held out."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax
from scipy.stats import norm

from router.arrays import Bools, Floats, Probabilities

Labels: TypeAlias = NDArray[np.intp]
"""Each text's true column. Shape: (n_texts,)."""

LABELLED = 20  # texts below which no map is fitted, and no interval given
SMOOTH = 0.02  # width of the bend in `Power`: small beside a decision of 1


@dataclass(frozen=True)
class Temperature:
    """Softmax of decisions times `sharpness`, a positive number."""

    sharpness: float = 1.0

    def __post_init__(self) -> None:
        if not self.sharpness > 0.0:
            raise ValueError(f"sharpness is > 0, was: {self.sharpness}")

    def logarithms(self, decisions: Floats) -> Floats:
        """Logarithms of the probabilities. Shape: (n_texts, n_classes)."""
        result: Floats = log_softmax(self.sharpness * decisions, axis=1)
        return result

    def transform(self, decisions: Floats) -> Probabilities:
        """Give probabilities in the order of the decisions. Shape: (n_texts, n_classes)."""
        return np.exp(self.logarithms(decisions))


@dataclass(frozen=True)
class Power:
    """Decisions above zero plus `floor`, to the power `exponent`; both are positive.

    For decisions that are 1 where all is clear and 0 where nothing is known. A softmax calls the
    gap between 0.9 and 0.6 as telling as the one between 0.4 and 0.1; a power does not.
    """

    floor: float
    exponent: float

    def __post_init__(self) -> None:
        for name in ("floor", "exponent"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} is > 0, was: {getattr(self, name)}")

    def logarithms(self, decisions: Floats) -> Floats:
        """Logarithms of the probabilities. Shape: (n_texts, n_classes)."""
        # A bend, not a corner, so that negative decisions keep their order too.
        positive = (decisions + np.hypot(decisions, SMOOTH)) / 2
        result: Floats = log_softmax(self.exponent * np.log(positive + self.floor), axis=1)
        return result

    def transform(self, decisions: Floats) -> Probabilities:
        """Give probabilities in the order of the decisions. Shape: (n_texts, n_classes)."""
        return np.exp(self.logarithms(decisions))


Calibration: TypeAlias = Temperature | Power


def log_loss(calibration: Calibration, decisions: Floats, labels: Labels) -> float:
    """Mean negative logarithm of what the truth was given."""
    logarithms = calibration.logarithms(decisions)
    return -float(logarithms[np.arange(len(labels)), labels].mean())


def fit_temperature(decisions: Floats, labels: Labels) -> Temperature:
    """Fit a temperature by log loss (Guo et al. 2017, On Calibration of Modern Neural Networks).

    :param decisions: Of texts that the classifier was not fitted on. Shape: (n_texts, n_classes).
    """
    _enough(labels)
    found = minimize_scalar(
        lambda log_sharpness: log_loss(Temperature(np.exp(log_sharpness)), decisions, labels),
        bounds=(-5.0, 7.0),
        method="bounded",
    )
    return Temperature(float(np.exp(found.x)))


def fit_power(decisions: Floats, labels: Labels) -> Power:
    """Fit floor and exponent by log loss, on texts that the classifier was not fitted on.

    :param decisions: About 1 for the truth and 0 for the others. Shape: (n_texts, n_classes).
    """
    _enough(labels)
    found = minimize(
        lambda logs: log_loss(_power(logs), decisions, labels),
        x0=np.array([-3.0, 1.2]),
        method="Nelder-Mead",
        options={"maxiter": 200, "xatol": 1e-2, "fatol": 1e-4},
    )
    return _power(found.x)


def _power(logarithms: Floats) -> Power:
    floor, exponent = np.exp(np.clip(logarithms, -7.0, 5.0))
    return Power(float(floor), float(exponent))


def expected_calibration_error(confidence: Floats, correct: Bools, bins: int = 10) -> float:
    """Expected gap between stated confidence and share right, in bins of equal width.

    :param confidence: Probability given to the answer. Shape: (n_texts,).
    :param correct: Whether that answer was right. Shape: (n_texts,).
    """
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(place, weights=confidence - correct, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))


def wilson(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Give the score interval of a share (Wilson 1927) of `k` in `n`."""
    low, high = _wilson(np.array([k], dtype=np.float64), n, level)[0]
    return float(low), float(high)


def confidence_interval(
    confidence: Floats,
    held_out_confidence: Floats,
    held_out_correct: Bools,
    neighbours: int = 50,
    level: float = 0.95,
) -> Floats:
    """Tell how sure a stated confidence is: how often held-out texts of about that one were right.

    A Wilson interval over the held-out texts that come nearest in confidence, widened where needed
    to hold the confidence itself. It speaks of sampling, not of a change in what users ask.

    :param confidence: Shape: (n_texts,).
    :param held_out_confidence: Shape: (n_held_out,).
    :param held_out_correct: Shape: (n_held_out,).
    :return: Lower and upper ends in [0, 1]. Shape: (n_texts, 2).
    """
    _enough(held_out_confidence)
    size = min(neighbours, len(held_out_confidence))
    order = np.argsort(held_out_confidence, kind="stable")
    right = np.append(0, np.cumsum(held_out_correct[order]))
    place = np.searchsorted(held_out_confidence[order], confidence)
    start = np.clip(place - size // 2, 0, len(order) - size)
    ends = _wilson((right[start + size] - right[start]).astype(np.float64), size, level)
    return np.stack(
        [np.minimum(ends[:, 0], confidence), np.maximum(ends[:, 1], confidence)], axis=1
    )


def _wilson(k: Floats, n: int, level: float) -> Floats:
    """Lower and upper ends. Shape: (len(k), 2)."""
    if n < 1:
        raise ValueError(f"n counts trials, at least 1, was: {n}")
    z = norm.ppf((1 + level) / 2)
    middle = (k + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * np.sqrt(k * (n - k) / n + z**2 / 4)
    ends: Floats = np.clip(np.stack([middle - half, middle + half], axis=1), 0.0, 1.0)
    return ends


def _enough(labelled: NDArray[np.generic]) -> None:
    if len(labelled) < LABELLED:
        raise ValueError(
            f"calibration needs at least {LABELLED} labelled texts, got {len(labelled)}"
        )
