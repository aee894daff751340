"""How much a share changed between two runs, and whether by more than chance."""

from dataclasses import dataclass

import numpy as np

from router.statistics.figure import Figure

DRAWS = 2_000
"""Bootstrap draws of an interval."""


@dataclass(frozen=True)
class ShareChange:
    """The share of a figure, an outcome or a skill in two runs, and how much it changed.

    :param name: The name of the figure, the outcome or the skill.
    :param before: The share in the first run, in [0, 1].
    :param after: The share in the second run, in [0, 1].
    :param change: The second share less the first one, in [-1, 1].
    """

    name: str
    before: float
    after: float
    change: Figure


def mcnemar(better: int, worse: int) -> float:
    """Exact two-sided p-value that a change is as likely for the better as for the worse."""
    from scipy.stats import binomtest

    return float(binomtest(better, better + worse).pvalue) if better + worse else 1.0


def gain_of(better: int, worse: int, n: int, seed: int = 0) -> Figure:
    """Share gained of n pairs, with a paired bootstrap interval.

    Drawing pairs with replacement is drawing how many of them are better, worse and neither.
    """
    shares = np.array([better, worse, n - better - worse]) / n
    draws = np.random.default_rng(seed).multinomial(n, shares, size=DRAWS)
    return Figure.of_draws((better - worse) / n, (draws[:, 0] - draws[:, 1]) / n, n)
