"""What the exemplars of a pack say of themselves."""

from dataclasses import dataclass, field
from functools import cached_property
from math import floor

import numpy as np

from router.arrays import Floats
from router.model.doubt import Doubt
from router.statistics.probability import Logistic

_REJECTED_SHARE = 0.01
"""The share of the in-scope exemplars that the fitted similarity threshold may reject."""

_DEFAULT_SIMILARITY = 0.2
"""The similarity threshold where there are too few exemplars to fit one."""

_MAX_SIMILARITY = 0.4
"""The fitted similarity threshold at most: exemplars are written in one go, and so they are more
alike than what users ask."""


def _empty() -> Floats:
    return np.empty(0)


@dataclass(frozen=True)
class ExemplarStatistics:
    """What the exemplars say of themselves, each of them judged with itself left out.

    :param nearest: The cosine of each in-scope exemplar with the closest other one, rising. Shape:
        (n_in_scope,).
    :param true_probability: For each exemplar that needs no question, the probability of its own
        target given that nothing is asked, rising. Shape: (n_unasked,).
    :param out_of_scope: From logit of P(none) and nearest cosine to the probability of being out
        of scope; None if the pack has no exemplars of "none".
    :param doubt: How ambiguous and how strange the in-scope exemplars look.
    """

    nearest: Floats = field(default_factory=_empty)
    true_probability: Floats = field(default_factory=_empty)
    out_of_scope: Logistic | None = None
    doubt: Doubt = field(default_factory=Doubt)

    @cached_property
    def similarity_threshold(self) -> float:
        """The cosine below which a text is out of scope: 1 % of the exemplars lie below it."""
        rank = floor((len(self.nearest) + 1) * _REJECTED_SHARE)
        return min(float(self.nearest[rank - 1]), _MAX_SIMILARITY) if rank else _DEFAULT_SIMILARITY

    def p_value(self, nearest: Floats) -> Floats:
        """Compute the conformal p-value of nearest similarities. Shape: (n_texts,), in (0, 1]."""
        below = np.searchsorted(self.nearest, nearest, side="right")
        return np.asarray((below + 1) / (len(self.nearest) + 1))
