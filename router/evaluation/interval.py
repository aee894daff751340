"""A figure that was drawn again and again, and how far it swayed."""

from dataclasses import dataclass

import numpy as np

from router.arrays import Floats

DRAWS = 2_000


@dataclass(frozen=True)
class Interval:
    """A figure, its 95% interval, and how many it rests on."""

    value: float
    low: float
    high: float
    n: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0.0 or self.high < 0.0


def interval_of(value: float, draws: Floats, n: int) -> Interval:
    """Take the middle 95% of what was drawn."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(float(value), float(low), float(high), n)
