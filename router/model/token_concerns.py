"""A query with two concerns, told by its tokens: another skill explains one part of it better.

A part is the beginning or the end of a text. Nothing is encoded for it, since scoring the whole
text has compared each token with each document. A skill is a further concern if it explains a part
much better than the likeliest skill does, and better than all other skills.
"""

import numpy as np

from router.arrays import Floats, Probabilities
from router.heads.scores import TokenMatches, TokenSimilarities

_MIN_TOKENS = 4
"""Tokens of a part at least."""

_GAIN, _LIKELY, _MARGIN, _BIAS = 0.8, 0.1, 1.25, -3.5
"""Weights of the log odds of being a further concern, see `extra_skills_by_tokens`. They are the
same for every folder: they were fitted once, on queries joined from two real ones, see
docs/pages/evidence/skill-folders.md."""


def extra_skills_by_tokens(
    matches: TokenMatches, whole: Probabilities, none: float
) -> Probabilities:
    """Judge each skill as a further concern of one text.

    `_GAIN` weighs how much nearer the tokens of its part are to the skill than to the likeliest
    one, and `_MARGIN` how much nearer than to any third one (sums of cosines). `_LIKELY` weighs the
    log odds of the skill in the whole text.

    :param matches: Its targets are indices of `whole`.
    :param whole: The skills' probabilities from the whole text. Shape: (n_skills,).
    :param none: The probability of "none" from the whole text.
    :return: Probabilities; 0 for the likeliest skill, and for those whose documents were not read.
        Shape: (n_skills,).
    """
    extra = np.zeros(len(whole))
    order = np.argsort(-whole[matches.targets], kind="stable")
    skills, n_tokens = matches.targets[order], matches.similarities.shape[1]
    if len(skills) < 2 or n_tokens < 2 * _MIN_TOKENS or skills[0] != whole.argmax():
        return extra
    parts = _parts(matches.similarities[order])
    gain = parts[1:] - parts[0]  # (n - 1, n_parts)
    best = gain.argmax(axis=1)  # the part of each skill
    rows = np.arange(len(best))
    in_part = parts[1:, best]  # (n - 1, n - 1): how near each skill comes in each skill's part
    own = in_part[rows, rows].copy()
    in_part[rows, rows] = -np.inf
    third = np.maximum(in_part.max(axis=0), 0.0)  # everyday queries compete as well
    likely = np.log(np.maximum(whole[skills[1:]], 1e-12)) - np.log(max(none, 1e-12))
    log_odds = _GAIN * gain[rows, best] + _MARGIN * (own - third) + _LIKELY * likely + _BIAS
    extra[skills[1:]] = 1.0 / (1.0 + np.exp(-log_odds))
    return extra


def _parts(similarities: TokenSimilarities) -> Floats:
    """Sum up each beginning, then each end of a text, none too short. Shape: (n, n_parts)."""
    sums = similarities.cumsum(axis=1, dtype=np.float64)
    before = sums[:, _MIN_TOKENS - 1 : sums.shape[1] - _MIN_TOKENS]
    return np.concatenate([before, sums[:, -1:] - before], axis=1)
