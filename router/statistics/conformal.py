"""Thresholds that keep a promise about texts to come.

Every promise here needs exchangeability: the calibration texts must be drawn like the ones to
come. It is an average over draws of both, not a promise for one calibration set or one class.

Sources: Vovk, Gammerman, Shafer 2005, Algorithmic Learning in a Random World (split conformal);
Sadinle, Lei, Wasserman 2019, Least Ambiguous Set-Valued Classifiers (sets of all classes above
one probability, "LAC"); Barber et al. 2021, Predictive Inference with the Jackknife+ (calibration
on cross-fitted values instead of a split: exact in practice, proven only to 1 - 2 alpha);
Angelopoulos et al. 2024, Conformal Risk Control.
"""

from math import ceil, floor

import numpy as np

from router.arrays import Bools, Floats

_ROUNDING = 1e-9
"""(n + 1) * alpha may miss a whole number by as much."""


def texts_needed(share: float) -> int:
    """Count the labelled texts that a promise about this share needs."""
    return ceil(1 / share - _ROUNDING) - 1


def coverage_threshold(truth_probability: Floats, alpha: float) -> float:
    """Find the probability from which on a class belongs to the prediction set.

    Among n + 1 exchangeable texts the new one is as likely to hold any rank, so the probability of
    its true class lies below the k-th smallest of the n with a chance of at most k / (n + 1):
    k = (n + 1) alpha, rounded down.

    :param truth_probability: Probability of the true class, of texts held out from fitting.
        Shape: (n_texts,).
    :param alpha: Share of texts whose set may miss the true class, in (0, 1).
    :raises ValueError: There are too few texts for this `alpha`.
    """
    _check_share("alpha", alpha)
    n = len(truth_probability)
    k = floor((n + 1) * alpha + _ROUNDING)
    if k < 1:
        raise ValueError(
            f"alpha {alpha} needs at least {texts_needed(alpha)} labelled texts, got {n}"
        )
    return float(np.partition(truth_probability, k - 1)[k - 1])


def ask_rate_threshold(confidence: Floats, ask_rate: float) -> float:
    """Find the confidence below which a share of at most `ask_rate` lies: ask about those.

    :param confidence: Of texts held out from fitting. Shape: (n_texts,).
    :raises ValueError: There are too few texts for this rate.
    """
    if not 0.0 <= ask_rate < 1.0:
        raise ValueError(f"ask_rate is a share in [0, 1), was: {ask_rate}")
    if ask_rate > 0.0 and len(confidence) < texts_needed(ask_rate):
        raise ValueError(
            f"ask_rate {ask_rate} needs at least {texts_needed(ask_rate)} texts,"
            f" got {len(confidence)}"
        )
    k = floor(len(confidence) * ask_rate + _ROUNDING)
    return float(np.partition(confidence, k)[k])


def max_error_threshold(confidence: Floats, correct: Bools, max_error: float) -> float | None:
    """Find the lowest confidence to answer at so that few texts are silently wrong.

    Conformal risk control: of all texts to come, a share of at most `max_error` is expected to be
    answered at once and wrong.

    :param confidence: Of texts held out from fitting. Shape: (n_texts,).
    :param correct: Whether the first answer was right. Shape: (n_texts,).
    :return: None if the promise can't be kept even by asking about every one of these texts.
    :raises ValueError: There are too few texts for this share.
    """
    _check_share("max_error", max_error)
    n = len(confidence)
    if n < texts_needed(max_error):
        raise ValueError(
            f"max_error {max_error} needs at least {texts_needed(max_error)} labelled texts,"
            f" got {n}"
        )
    allowed = floor((n + 1) * max_error - 1 + _ROUNDING)
    wrong = np.sort(confidence[~correct])[::-1]
    if len(wrong) <= allowed:
        return 0.0
    # One error more than that is too many: answer only above the confidence at which it lies.
    above = confidence[confidence > wrong[allowed]]
    return float(above.min()) if len(above) else None


def _check_share(name: str, share: float) -> None:
    if not 0.0 < share < 1.0:
        raise ValueError(f"{name} is a share in (0, 1), was: {share}")
