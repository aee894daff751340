"""From decisions to probabilities that hold: one map, fitted on texts that were held out."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.arrays import Floats, Probabilities

Labels: TypeAlias = NDArray[np.intp]
"""Each text's true column. Shape: (n_texts,)."""

LABELLED = 20
"""Texts below which no temperature is fitted, and no interval given."""

SMOOTH = 0.02
"""Width of the bend in `Power`: small beside a decision of 1."""

ROWS = 4_096
"""Texts mapped at a time, so that what lies between takes little memory."""


@dataclass(frozen=True)
class _Map:
    """Decisions to the logarithms of probabilities, and to these."""

    def logarithms(self, decisions: Floats) -> Floats:
        """Logarithms of the probabilities. Shape: (n_texts, n_classes)."""
        raise NotImplementedError

    def transform(self, decisions: Floats) -> Probabilities:
        """Give probabilities in the order of the decisions. Shape: (n_texts, n_classes)."""
        if len(decisions) <= ROWS:
            return self.probabilities(decisions)
        found = np.empty_like(decisions)
        for start in range(0, len(decisions), ROWS):
            rows = slice(start, start + ROWS)
            found[rows] = self.probabilities(decisions[rows])
        return found

    def probabilities(self, decisions: Floats) -> Probabilities:
        """Probabilities of so many texts at once. Shape: (n_texts, n_classes)."""
        return np.exp(self.logarithms(decisions))


@dataclass(frozen=True)
class Temperature(_Map):
    """Softmax of decisions times `sharpness`, a positive number."""

    sharpness: float = 1.0

    def __post_init__(self) -> None:
        if not self.sharpness > 0.0:
            raise ValueError(f"sharpness is > 0, was: {self.sharpness}")

    def logarithms(self, decisions: Floats) -> Floats:
        """Logarithms of the probabilities. Shape: (n_texts, n_classes)."""
        return _log_softmax(self.sharpness * decisions)


@dataclass(frozen=True)
class Power(_Map):
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
        return _log_softmax(self.exponent * np.log(self._above(decisions)))

    def probabilities(self, decisions: Floats) -> Probabilities:
        """Probabilities, without logarithms. Shape: (n_texts, n_classes)."""
        above = self._above(decisions)
        above /= above.max(axis=1, keepdims=True)  # so that no power is beyond all numbers
        np.power(above, self.exponent, out=above)
        above /= above.sum(axis=1, keepdims=True)
        return above

    def _above(self, decisions: Floats) -> Floats:
        """A bend, not a corner, so that negative decisions keep their order too."""
        return np.asarray((decisions + np.hypot(decisions, SMOOTH)) / 2 + self.floor)


ProbabilityMap: TypeAlias = Temperature | Power


def log_loss(to: ProbabilityMap, decisions: Floats, labels: Labels) -> float:
    """Mean negative logarithm of what the truth was given."""
    logarithms = to.logarithms(decisions)
    return -float(logarithms[np.arange(len(labels)), labels].mean())


def fit_temperature(decisions: Floats, labels: Labels) -> Temperature:
    """Fit a temperature by log loss (Guo et al. 2017, On Calibration of Modern Neural Networks).

    :param decisions: Of texts that the classifier was not fitted on. Shape: (n_texts, n_classes).
    """
    from scipy.optimize import minimize_scalar

    enough(labels)
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
    from scipy.optimize import minimize

    found = minimize(
        lambda logs: log_loss(_power(logs), decisions, labels),
        x0=np.array([-3.0, 1.2]),
        method="Nelder-Mead",
        options={"maxiter": 200, "xatol": 1e-3, "fatol": 1e-5},
    )
    return _power(found.x)


def enough(labelled: NDArray[np.generic]) -> None:
    """Refuse to fit on too little.

    :raises ValueError: There are fewer than `LABELLED`.
    """
    if len(labelled) < LABELLED:
        raise ValueError(
            f"calibration needs at least {LABELLED} labelled texts, got {len(labelled)}"
        )


def _power(logarithms: Floats) -> Power:
    floor, exponent = np.exp(np.clip(logarithms, -7.0, 3.0))  # beyond, rounding decides
    return Power(float(floor), float(exponent))


def _log_softmax(values: Floats) -> Floats:
    """Logarithm of the softmax of each row; scipy's would cost the first query its import."""
    below = values - values.max(axis=1, keepdims=True)
    return np.asarray(below - np.log(np.exp(below).sum(axis=1, keepdims=True)))
