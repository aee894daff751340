"""A query with two concerns, by its tokens: another skill explains one part of it better.

A part is the beginning or the end of a text. Nothing is encoded for it: how near each token is to
each document is known from weighing the whole (`router/heads/late.py`). A skill is a further
concern if it explains a part much better than the likeliest skill does, and better than all others.
"""

from dataclasses import dataclass

import numpy as np

from router.arrays import Floats, Indices, Probabilities
from router.heads.late import Near

FEWEST = 4
"""Tokens of a part."""

GAIN, LIKELY, MARGIN, BIAS = 0.8, 0.1, 1.25, -3.5
"""Log odds of being a further concern, see `further_of`. The same for every folder: fitted once, on
queries joined from two real ones, see docs/pages/evidence/skill-folders.md."""


@dataclass(frozen=True)
class Heard:
    """How near each token of a text is to each of the documents that were read."""

    targets: Indices  # (n,): columns
    near: Near  # (n, n_tokens): cosines beyond what everyday queries have


def further_of(heard: Heard, whole: Probabilities, none: float) -> Probabilities:
    """Judge each skill as a further concern of one text.

    `GAIN` weighs by how much more the tokens of its part are near to it than to the likeliest
    skill, `MARGIN` than to any third one (sums of cosines); `LIKELY` its log odds in the whole.

    :param heard: `targets` are columns of `whole`.
    :param whole: The skills' probabilities from the whole text. Shape: (n_skills,).
    :param none: Probability of "none" from the whole text.
    :return: Probabilities; 0 for the likeliest skill, and for those that were not read. Shape:
        (n_skills,).
    """
    found = np.zeros(len(whole))
    order = np.argsort(-whole[heard.targets], kind="stable")
    targets, n_tokens = heard.targets[order], heard.near.shape[1]
    if len(targets) < 2 or n_tokens < 2 * FEWEST or targets[0] != whole.argmax():
        return found
    parts = _parts(heard.near[order])
    gain = parts[1:] - parts[0]  # (n - 1, n_parts)
    best = gain.argmax(axis=1)  # each skill's part
    rows = np.arange(len(best))
    of_part = parts[1:, best]  # (n - 1, n - 1): how near each skill comes in each skill's part
    own = of_part[rows, rows].copy()
    of_part[rows, rows] = -np.inf
    third = np.maximum(of_part.max(axis=0), 0.0)  # everyday queries compete as well
    likely = np.log(np.maximum(whole[targets[1:]], 1e-12)) - np.log(max(none, 1e-12))
    log_odds = GAIN * gain[rows, best] + MARGIN * (own - third) + LIKELY * likely + BIAS
    found[targets[1:]] = 1.0 / (1.0 + np.exp(-log_odds))
    return found


def _parts(near: Near) -> Floats:
    """Sum up each beginning, then each end of a text, none too short. Shape: (n, n_parts)."""
    sums = near.cumsum(axis=1, dtype=np.float64)
    before = sums[:, FEWEST - 1 : sums.shape[1] - FEWEST]
    return np.concatenate([before, sums[:, -1:] - before], axis=1)
