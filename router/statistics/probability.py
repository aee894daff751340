"""Everything that becomes a probability: logistic models, Platt scaling, and decision values.

The maps from decision values to probabilities are fitted on texts that were held out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from router.arrays import Bools, Floats, Probabilities


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


def margins_of(probabilities: Probabilities) -> Floats:
    """Subtract the second largest probability of each text from the largest. Shape: (n_texts,)."""
    if probabilities.shape[1] < 2:
        return np.ones(len(probabilities))
    two = np.partition(probabilities, -2, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])


_EDGE = 1e-6
"""Confidences are kept this far away from 0 and 1, where their log odds would be infinite."""

_MIN_SLOPE, _MAX_SLOPE, _MAX_OFFSET = 0.05, 20.0, 10.0
"""Limits of what is fitted. At the lowest slope, a confidence says almost nothing."""


class PlattScaling(Struct, frozen=True, forbid_unknown_fields=True):
    """Rescale the log odds of a confidence: `slope` * log odds + `offset` (Platt 1999).

    :param slope: How much the log odds are stretched, above 0 and at most 20.
    :param offset: How much they are shifted, in [-10, 10].
    """

    slope: Annotated[float, Meta(gt=0.0, le=_MAX_SLOPE)] = 1.0
    offset: Annotated[float, Meta(ge=-_MAX_OFFSET, le=_MAX_OFFSET)] = 0.0

    def transform(self, confidence: Floats) -> Floats:
        """Estimate how often decisions of this confidence are right.

        :param confidence: Probabilities in [0, 1]. Shape: (n_texts,).
        :return: Probabilities in [0, 1], the input itself if nothing is rescaled.
        """
        if self == PlattScaling():
            return confidence
        log_odds = logit(confidence, edge=_EDGE) * self.slope + self.offset
        return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))


def fit_platt(confidence: Floats, correct: Bools) -> PlattScaling:
    """Fit to labelled decisions; nothing is rescaled if all are right, or all are wrong.

    Where a higher confidence is right no more often than a lower one, nearly every confidence is
    rescaled to the share of right decisions.

    :param confidence: Probabilities in [0, 1]. Shape: (n_texts,).
    :param correct: Whether each decision was right. Shape: (n_texts,).
    """
    if correct.all() or not correct.any():
        return PlattScaling()
    log_odds = logit(confidence, edge=_EDGE)
    fitted = Logistic.fit(log_odds[:, None], correct)
    slope, offset = float(fitted.weights[0]), fitted.bias
    if slope < _MIN_SLOPE:
        share = float(correct.mean())
        slope = _MIN_SLOPE
        offset = float(np.log(share / (1.0 - share)) - slope * log_odds.mean())
    return PlattScaling(min(slope, _MAX_SLOPE), float(np.clip(offset, -_MAX_OFFSET, _MAX_OFFSET)))


TrueColumns: TypeAlias = NDArray[np.intp]
"""The column of each text's true class. Shape: (n_texts,)."""

_BEND_WIDTH = 0.02
"""Smoothing width of the soft ReLU in `Power`; decision values lie between 0 and 1."""

_SPREAD = np.array([1.0, 0.3])
"""Standard deviations of the logarithms of floor and exponent around what is typical."""

_SAMPLED_NUMBERS = 500_000
"""Decision values that `fit_power_on_sample` fits on at most."""

_BLOCK_ROWS = 4_096
"""Texts that are transformed at a time, to bound the memory of temporary arrays."""


@dataclass(frozen=True)
class Power:
    """The positive part of a decision value plus `floor`, to the power `exponent`, normalised.

    Both are positive. It suits decision values that are 1 where a text clearly belongs to a class,
    and 0 where nothing is known. A softmax takes the gap between 0.9 and 0.6 to tell as much as
    the gap between 0.4 and 0.1; a power does not.
    """

    floor: float
    exponent: float

    def __post_init__(self) -> None:
        for name in ("floor", "exponent"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} is > 0, was: {getattr(self, name)}")

    def log_probabilities(self, decisions: Floats) -> Floats:
        """Logarithms of the probabilities. Shape: (n_texts, n_classes)."""
        return log_softmax(self.exponent * np.log(self._positive(decisions)))

    def transform(self, decisions: Floats) -> Probabilities:
        """Probabilities of the classes. Shape: (n_texts, n_classes), as that of `decisions`."""
        return _in_blocks(self._probabilities, decisions)

    def _probabilities(self, decisions: Floats) -> Probabilities:
        """As exp(log_probabilities), but faster."""
        values = self._positive(decisions)
        values /= values.max(axis=1, keepdims=True)  # no power of it can overflow
        np.power(values, self.exponent, out=values)
        values /= values.sum(axis=1, keepdims=True)
        return values

    def _positive(self, decisions: Floats) -> Floats:
        """Soft ReLU plus the floor: smooth, so that negative decision values keep their order."""
        return np.asarray((decisions + np.hypot(decisions, _BEND_WIDTH)) / 2 + self.floor)


def softmax(log_odds: Floats) -> Probabilities:
    """Probabilities of the classes. Shape: (n_texts, n_classes), as that of `log_odds`."""
    return _in_blocks(lambda rows: np.exp(log_softmax(rows)), log_odds)


def log_loss(power: Power, decisions: Floats, truth: TrueColumns) -> float:
    """Mean negative logarithm of the probability of the true class."""
    return -float(power.log_probabilities(decisions)[np.arange(len(truth)), truth].mean())


def fit_power(decisions: Floats, truth: TrueColumns, typical: Power | None = None) -> Power:
    """Fit floor and exponent by log loss.

    :param decisions: Of texts that the classifier was not fitted on; about 1 for the true class
        and 0 for the others. Shape: (n_texts, n_classes).
    :param typical: What is expected before any text is seen. Without it a dozen texts that are all
        decided rightly would make every probability 1.
    """
    from scipy.optimize import minimize

    expected = None if typical is None else np.log([typical.floor, typical.exponent])

    def loss(logarithms: Floats) -> float:
        of_texts = log_loss(_power(logarithms), decisions, truth)
        if expected is None:
            return of_texts
        surprise = float(np.square((logarithms - expected) / _SPREAD).sum()) / 2.0
        return of_texts + surprise / len(truth)

    best = minimize(
        loss,
        x0=np.array([-3.0, 1.2]),
        method="Nelder-Mead",
        options={"maxiter": 200, "xatol": 1e-3, "fatol": 1e-5},
    )
    return _power(best.x)


def fit_power_on_sample(
    decisions: NDArray[Any], truth: TrueColumns, typical: Power | None = None
) -> Power:
    """Fit a `Power` as `fit_power` does, on evenly spaced rows where there are very many."""
    step = max(1, decisions.size // _SAMPLED_NUMBERS)
    return fit_power(np.asarray(decisions[::step], dtype=np.float64), truth[::step], typical)


def _power(logarithms: Floats) -> Power:
    floor, exponent = np.exp(np.clip(logarithms, -7.0, 3.0))  # beyond, rounding errors dominate
    return Power(float(floor), float(exponent))


def _in_blocks(transform: Callable[[Floats], Probabilities], decisions: Floats) -> Probabilities:
    if len(decisions) <= _BLOCK_ROWS:
        return transform(decisions)
    probabilities = np.empty_like(decisions)
    for start in range(0, len(decisions), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        probabilities[rows] = transform(decisions[rows])
    return probabilities


def log_softmax(values: Floats) -> Floats:
    """Take the logarithm of the softmax of each row. Shape: (n_texts, n_classes).

    It does without scipy, which the first query would import.
    """
    below = values - values.max(axis=1, keepdims=True)
    return np.asarray(below - np.log(np.exp(below).sum(axis=1, keepdims=True)))
