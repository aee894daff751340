"""Sets that hold the truth as often as promised, and thresholds that keep a promised error.

Every promise here needs exchangeability: the calibration texts must be drawn like the ones to
come. It is an average over draws of both, not a promise for one calibration set or one class.

Sources: Vovk, Gammerman, Shafer 2005, Algorithmic Learning in a Random World (split conformal);
Sadinle, Lei, Wasserman 2019, Least Ambiguous Set-Valued Classifiers (sets of all classes above
one probability, "LAC"); Barber et al. 2021, Predictive Inference with the Jackknife+ (calibration
on cross-fitted values instead of a split: exact in practice, proven only to 1 - 2 alpha);
Angelopoulos et al. 2024, Conformal Risk Control; Angelopoulos et al. 2021, Learn then Test.
"""

from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from router.arrays import Bools, Floats, Probabilities
from router.heads.maps import Labels, Temperature, fit_temperature

ROUNDING = 1e-9  # (n + 1) * alpha may miss a whole number by as much
RATIOS = (0.25, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5)  # of the fitted sharpness, to try


def threshold(probabilities: Probabilities, labels: Labels, alpha: float) -> float:
    """Find the probability from which on a class belongs to the set.

    Among n + 1 exchangeable texts the new one is as likely to hold any rank, so its truth lies
    below the k-th smallest of the n with a chance of at most k / (n + 1): k = (n + 1) alpha,
    rounded down.

    :param probabilities: Of texts held out from fitting. Shape: (n_texts, n_classes).
    :param alpha: Share of texts whose set may miss the truth, in (0, 1).
    """
    _check_share("alpha", alpha)
    n = len(labels)
    k = floor((n + 1) * alpha + ROUNDING)
    if k < 1:
        raise ValueError(f"alpha {alpha} needs at least {fewest(alpha)} labelled texts, got {n}")
    of_truth = probabilities[np.arange(n), labels]
    return float(np.partition(of_truth, k - 1)[k - 1])


def fewest(share: float) -> int:
    """Count the labelled texts that a promise about this share needs."""
    return ceil(1 / share - ROUNDING) - 1


def sets(probabilities: Probabilities, threshold: float) -> Bools:
    """Mark the classes at or above the threshold, and always the likeliest.

    :return: Shape: (n_texts, n_classes).
    """
    chosen = probabilities >= threshold
    chosen[np.arange(len(chosen)), probabilities.argmax(axis=1)] = True
    return chosen


def fit_sharpness(
    decisions: Floats, labels: Labels, alpha: float, max_options: float = 3.0
) -> Temperature:
    """Choose the softmax whose sets answer most texts at once, at `max_options` on average.

    Coverage is the same for all of them; how it is paid for is not: a flat softmax asks many
    texts two options, a sharp one asks few texts many. If none keeps to `max_options`, the one
    with the smallest sets.

    :param decisions: Of texts held out from fitting. Shape: (n_texts, n_classes).
    """
    fitted = fit_temperature(decisions, labels).sharpness
    candidates = [Temperature(fitted * ratio) for ratio in RATIOS]
    sizes = np.stack([_sizes(each.transform(decisions), labels, alpha) for each in candidates])
    means = sizes.mean(axis=1)
    singles = (sizes == 1).mean(axis=1)
    best = np.where(means <= max_options, singles, -1.0).argmax()
    return candidates[best if means[best] <= max_options else means.argmin()]


def _sizes(probabilities: Probabilities, labels: Labels, alpha: float) -> NDArray[np.intp]:
    """Count the options of each text. Shape: (n_texts,)."""
    chosen = sets(probabilities, threshold(probabilities, labels, alpha))
    sizes: NDArray[np.intp] = np.count_nonzero(chosen, axis=1)
    return sizes


def gain_of_asking(probabilities: Probabilities, options: int = 3) -> Floats:
    """Probability that the first answer is wrong and one of the other options right.

    :return: Shape: (n_texts,).
    """
    falling = -np.sort(-probabilities, axis=1)
    gain: Floats = falling[:, 1:options].sum(axis=1)
    return gain


def ask_threshold(confidence: Floats, ask_rate: float) -> float:
    """Find the confidence below which a share of at most `ask_rate` lies: ask about those.

    :param confidence: Of texts held out from fitting. Shape: (n_texts,).
    """
    if not 0.0 <= ask_rate < 1.0:
        raise ValueError(f"ask_rate is a share in [0, 1), was: {ask_rate}")
    if ask_rate > 0.0 and len(confidence) < fewest(ask_rate):
        raise ValueError(
            f"ask_rate {ask_rate} needs at least {fewest(ask_rate)} texts, got {len(confidence)}"
        )
    k = floor(len(confidence) * ask_rate + ROUNDING)
    return float(np.partition(confidence, k)[k])


def error_threshold(confidence: Floats, correct: Bools, max_error: float) -> float | None:
    """Find the lowest confidence to answer at so that few texts are silently wrong.

    Conformal risk control: of all texts to come, a share of at most `max_error` is expected to be
    answered at once and wrong. None if not even asking about every text seen can promise it.

    :param confidence: Of texts held out from fitting. Shape: (n_texts,).
    :param correct: Whether the first answer was right. Shape: (n_texts,).
    """
    _check_share("max_error", max_error)
    n = len(confidence)
    if n < fewest(max_error):
        raise ValueError(
            f"max_error {max_error} needs at least {fewest(max_error)} labelled texts, got {n}"
        )
    allowed = floor((n + 1) * max_error - 1 + ROUNDING)
    wrong = np.sort(confidence[~correct])[::-1]
    if len(wrong) <= allowed:
        return 0.0
    # Everything as sure as the first error too many is asked about, so answer just above it.
    above = confidence[confidence > wrong[allowed]]
    return float(above.min()) if len(above) else None


def precision_threshold(
    confidence: Floats, correct: Bools, max_error: float, delta: float = 0.1
) -> float | None:
    """Find the lowest confidence to answer at so that few of the answered are wrong.

    Learn then Test: thresholds are tested from the strictest down, each by an exact binomial
    tail, until one fails. With a chance of at least 1 - delta over calibration draws, of the
    texts answered at once a share of at most `max_error` is wrong. None if none passes.

    :param confidence: Of texts held out from fitting. Shape: (n_texts,).
    :param correct: Whether the first answer was right. Shape: (n_texts,).
    """
    _check_share("max_error", max_error)
    _check_share("delta", delta)
    least = ceil(np.log(delta) / np.log1p(-max_error) - ROUNDING)
    if len(confidence) < least:
        raise ValueError(
            f"max_error {max_error} at delta {delta} needs at least {least} labelled texts,"
            f" got {len(confidence)}"
        )
    from scipy.stats import binom  # takes a second to import

    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(order) + 1)
    wrong = np.cumsum(~correct[order])
    # The walk starts where an answer without error would pass: fixed before any label is seen.
    starts = answered >= least
    ends_tie = np.append(np.diff(confidence[order]) != 0, True)
    tested = np.flatnonzero(starts & ends_tie)
    passes = binom.cdf(wrong[tested], answered[tested], max_error) <= delta
    passed = tested[: len(passes) if passes.all() else int(np.argmin(passes))]
    return float(confidence[order][passed[-1]]) if len(passed) else None


def _check_share(name: str, share: float) -> None:
    if not 0.0 < share < 1.0:
        raise ValueError(f"{name} is a share in (0, 1), was: {share}")
