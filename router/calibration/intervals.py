"""What a stated confidence is worth: its error, and how sure it is itself."""

import numpy as np
from scipy.special import ndtri

from router.arrays import Bools, Floats
from router.heads.maps import enough


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
    enough(held_out_confidence)
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
    z = ndtri((1 + level) / 2)
    middle = (k + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * np.sqrt(k * (n - k) / n + z**2 / 4)
    ends: Floats = np.clip(np.stack([middle - half, middle + half], axis=1), 0.0, 1.0)
    return ends
