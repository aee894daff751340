"""How good a confidence is: its error, its ranking, and 95 % intervals of shares."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.arrays import Bools, Floats

_Numbers: TypeAlias = NDArray[np.float64] | NDArray[np.int64] | NDArray[np.bool_]

MIN_LABELLED = 20
"""Labelled texts that an interval of a confidence needs."""

_Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % score interval (Wilson 1927) of the share `hits` / `n`.

    :raises ValueError: `n` is 0.
    """
    low, high = _wilson(np.array([hits], dtype=np.float64), n)[0]
    return float(low), float(high)


def confidence_interval(
    confidence: Floats,
    held_out_confidence: Floats,
    held_out_correct: Bools,
    neighbours: int = 50,
) -> Floats:
    """Tell how often held-out texts of about the same confidence were right.

    This is a Wilson interval over the held-out texts nearest in confidence, widened to contain the
    confidence itself. It speaks of sampling, not of a change in what users ask.

    :param confidence: Shape: (n_texts,).
    :param held_out_confidence: Shape: (n_held_out,).
    :param held_out_correct: Shape: (n_held_out,).
    :return: Lower and upper ends in [0, 1]. Shape: (n_texts, 2).
    :raises ValueError: There are too few held-out texts.
    """
    n = len(held_out_confidence)
    if n < MIN_LABELLED:
        raise ValueError(f"an interval needs at least {MIN_LABELLED} labelled texts, got {n}")
    size = min(neighbours, n)
    order = np.argsort(held_out_confidence, kind="stable")
    n_correct = np.append(0, np.cumsum(held_out_correct[order]))
    index = np.searchsorted(held_out_confidence[order], confidence)
    start = np.clip(index - size // 2, 0, n - size)
    ends = _wilson((n_correct[start + size] - n_correct[start]).astype(np.float64), size)
    return np.stack(
        [np.minimum(ends[:, 0], confidence), np.maximum(ends[:, 1], confidence)], axis=1
    )


def expected_calibration_error(
    confidence: Floats, correct: _Numbers, n: _Numbers | float = 1.0, bins: int = 10
) -> float:
    """Expected gap between stated confidence and share right, in bins of equal width.

    :param confidence: Probability given to an answer. Shape: (n_rows,).
    :param correct: Whether the answer was right; the number of right ones if a row stands for
        several answers of this confidence. Shape: (n_rows,).
    :param n: How many answers each row stands for. Shape: (n_rows,), or one number for all.
    """
    n = np.broadcast_to(n, confidence.shape)
    column = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(column, weights=confidence * n - correct, minlength=bins)
    return float(np.abs(gap).sum() / n.sum())


def _wilson(hits: Floats, n: int) -> Floats:
    """Lower and upper ends. Shape: (len(hits), 2)."""
    if n < 1:
        raise ValueError(f"n counts trials, at least 1, was: {n}")
    middle = (hits + _Z**2 / 2) / (n + _Z**2)
    half = _Z / (n + _Z**2) * np.sqrt(hits * (n - hits) / n + _Z**2 / 4)
    return np.asarray(np.clip(np.stack([middle - half, middle + half], axis=1), 0.0, 1.0))
