"""A measured figure with its interval."""

import numpy as np
from msgspec import Struct

from router.arrays import Floats
from router.statistics.intervals import wilson


class Figure(Struct, frozen=True):
    """A figure with its 95 % interval.

    :param value: The figure; None if `n` is 0.
    :param low: The lower end of the interval; None if `n` is 0.
    :param high: The upper end of the interval; None if `n` is 0.
    :param n: The number of texts that it rests on.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int

    @classmethod
    def of_share(cls, hits: int, n: int) -> "Figure":
        """A share with Wilson's interval.

        :param hits: The hits.
        :param n: The number that they are hits of.
        """
        return cls(hits / n, *wilson(hits, n), n) if n else NO_FIGURE

    @classmethod
    def of_draws(cls, value: float, draws: Floats, n: int) -> "Figure":
        """A value with the middle 95 % of its bootstrap draws. Shape of `draws`: (n_draws,).

        :param value: The figure itself.
        :param draws: Its bootstrap draws. Shape: (n_draws,).
        :param n: The number of texts that it rests on.
        """
        low, high = np.quantile(draws, [0.025, 0.975])
        return cls(float(value), float(low), float(high), n)

    @property
    def measured(self) -> tuple[float, float, float]:
        """Value, lower end and upper end of a figure that rests on at least one text.

        :raises ValueError: `n` is 0.
        """
        if self.value is None or self.low is None or self.high is None:
            raise ValueError("a figure of no texts has no value")
        return self.value, self.low, self.high

    def rounded(self, places: int = 4) -> "Figure":
        """Round value and ends.

        :param places: Decimal places that are kept.
        """
        if not self.n:
            return self
        value, low, high = (round(end, places) for end in self.measured)
        return Figure(value, low, high, self.n)

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0."""
        if not self.n:
            return False
        _, low, high = self.measured
        return low > 0.0 or high < 0.0


NO_FIGURE = Figure(None, None, None, 0)
"""The figure of no texts at all."""
