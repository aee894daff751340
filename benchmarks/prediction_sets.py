"""Prediction sets of the benchmark: which options a question shows, and how many."""

import numpy as np
from numpy.typing import NDArray
from temperature import Temperature, fit_temperature

from router.arrays import Bools, Floats, Probabilities
from router.statistics.conformal import coverage_threshold
from router.statistics.probability import TrueColumns

RATIOS = (0.25, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5)  # of the fitted sharpness, to try


def sets(probabilities: Probabilities, threshold: float) -> Bools:
    """Mark the classes at or above the threshold, and always the likeliest.

    :return: Shape: (n_texts, n_classes).
    """
    chosen = probabilities >= threshold
    chosen[np.arange(len(chosen)), probabilities.argmax(axis=1)] = True
    return chosen


def set_threshold(probabilities: Probabilities, truth: TrueColumns, alpha: float) -> float:
    """Find the threshold at which a share of at most `alpha` of the sets misses the truth.

    :param probabilities: Of texts held out from fitting. Shape: (n_texts, n_classes).
    """
    return coverage_threshold(probabilities[np.arange(len(truth)), truth], alpha)


def fit_sharpness(
    decisions: Floats, truth: TrueColumns, alpha: float, max_options: float = 3.0
) -> Temperature:
    """Choose the softmax whose sets answer most texts at once, at `max_options` on average.

    Coverage is the same for all of them; how it is paid for is not: a flat softmax asks many
    texts two options, a sharp one asks few texts many. If none keeps to `max_options`, the one
    with the smallest sets is chosen.

    :param decisions: Of texts held out from fitting. Shape: (n_texts, n_classes).
    """
    fitted = fit_temperature(decisions, truth).sharpness
    candidates = [Temperature(fitted * ratio) for ratio in RATIOS]
    sizes = np.stack([_sizes(each.transform(decisions), truth, alpha) for each in candidates])
    means = sizes.mean(axis=1)
    singles = (sizes == 1).mean(axis=1)
    best = np.where(means <= max_options, singles, -1.0).argmax()
    return candidates[best if means[best] <= max_options else means.argmin()]


def gain_of_asking(probabilities: Probabilities, options: int = 3) -> Floats:
    """Probability that the first answer is wrong and one of the other options right.

    :return: Shape: (n_texts,).
    """
    falling = -np.sort(-probabilities, axis=1)
    return np.asarray(falling[:, 1:options].sum(axis=1))


def _sizes(probabilities: Probabilities, truth: TrueColumns, alpha: float) -> NDArray[np.intp]:
    """Count the options of each text. Shape: (n_texts,)."""
    chosen = sets(probabilities, set_threshold(probabilities, truth, alpha))
    return np.asarray(np.count_nonzero(chosen, axis=1))
