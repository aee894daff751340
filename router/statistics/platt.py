"""Platt scaling: from a stated confidence to how often it is right."""

from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from router.arrays import Bools, Floats
from router.statistics.logistic import Logistic, logit

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
