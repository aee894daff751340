"""Platt scaling: from a stated confidence to how often it is right."""

from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from router.arrays import Floats
from router.statistics.logistic import logit

_EDGE = 1e-6
"""Confidences are kept this far away from 0 and 1, where their log odds would be infinite."""


class PlattScaling(Struct, frozen=True, forbid_unknown_fields=True):
    """Rescale the log odds of a confidence: `slope` * log odds + `offset` (Platt 1999)."""

    slope: Annotated[float, Meta(gt=0.0, le=20.0)] = 1.0
    offset: Annotated[float, Meta(ge=-10.0, le=10.0)] = 0.0

    def transform(self, confidence: Floats) -> Floats:
        """Estimate how often decisions of this confidence are right.

        :param confidence: Probabilities in [0, 1]. Shape: (n_texts,).
        :return: Probabilities in [0, 1], the input itself if nothing is rescaled.
        """
        if self == PlattScaling():
            return confidence
        log_odds = logit(confidence, edge=_EDGE) * self.slope + self.offset
        return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))
