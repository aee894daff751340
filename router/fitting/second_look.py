"""Fit when the second encoder looks at a text, and how much it counts, on held-out exemplars."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from router.arrays import Bools, Floats, Indices, Probabilities, Vectors
from router.encoders.encoder import Encoder
from router.fitting.fitter_choice import fitter_for, fitter_of
from router.fitting.head_fitter import HeadFitter
from router.heads.scores import Head
from router.model.second_look import JoiningRule, SecondLook, log_odds_of
from router.packs.pack import Pack
from router.statistics.probability import log_softmax, margins_of

MAX_SHARE = 0.25
"""The share of the exemplars that get a second look, at most; of queries, which are less like
exemplars than those are like each other, it is up to 0.3."""

_SHARES = (0.1, 0.15, 0.2, MAX_SHARE)
_SHARE_OF_GAIN = 0.95
"""The smallest share is chosen that brings so much of what the largest one brings."""

_START = (1.0, 1.5)
"""Weights to begin with: the second encoder is the stronger one."""

_MIN_UNSURE = 10
"""With fewer unsure exemplars the weights stay as they begin."""

_MAX_NUMBERS = 2_000_000
"""Log odds that weights are fitted on at most."""


@dataclass(frozen=True)
class SecondFit:
    """What is fitted on a pack's exemplars as the second encoder sees them.

    :param held_out: What both encoders say of the exemplars that were judged without themselves.
        Shape: (n_judged, n_targets).
    :param without: The second head without these exemplars, where one was fitted.
    """

    fitter: HeadFitter[Any]
    vectors: Vectors
    look: SecondLook
    held_out: Probabilities
    without: Head | None

    @classmethod
    def of(
        cls,
        pack: Pack,
        second: Encoder,
        texts: Sequence[str],
        labels: Sequence[str],
        first: Probabilities,
    ) -> "SecondFit":
        """Fit the second head, and how it is joined with the first one.

        :param first: What the first head says of the same held-out exemplars.
        """
        fitter, vectors = fitter_for(pack, second), second.encode(texts)
        fitted = fitter.fit_held_out(texts, vectors, labels)
        _, every = np.unique(np.asarray(labels), return_inverse=True)
        rule = fit_joining_rule(first, fitted.probabilities, every[fitted.judged])
        look = SecondLook(fitter.for_queries(fitted.head, second), rule)
        joined = rule.over(first, fitted.probabilities)
        return cls(fitter.like(fitted.head), vectors, look, joined, fitted.without)

    def of_unseen(
        self,
        texts: Sequence[str],
        labels: Sequence[str],
        seen: Sequence[int],
        unseen: Sequence[int],
        first: Probabilities,
    ) -> Probabilities:
        """Look at exemplars with a head that is fitted on others.

        :param seen: The rows that it is fitted on, unless there is such a head already.
        :param first: What the first encoder says of the unseen exemplars, likewise fitted.
        """
        head = self.without or self.fitter.fit(
            [texts[i] for i in seen], self.vectors[seen], [labels[i] for i in seen]
        )
        second = head.probabilities([texts[i] for i in unseen], self.vectors[unseen])
        return self.look.rule.over(first, second)


def refit_second_look(
    pack: Pack,
    look: SecondLook,
    kept: Indices,
    texts: Sequence[str],
    labels: Sequence[str],
    first_held_out: Probabilities,
) -> tuple[SecondLook, Probabilities]:
    """Fit the second head on some of its exemplars; the rule stays as it is.

    :param texts: Of the exemplars that are kept.
    :return: The second look, and what both encoders say of the held-out exemplars.
    """
    fitter, vectors = fitter_of(pack, look.head), look.head.exemplars[kept]
    fitted = fitter.fit_held_out(texts, vectors, labels)
    joined = look.rule.over(first_held_out, fitted.probabilities)
    return replace(look, head=fitted.head), joined


def fit_joining_rule(first: Probabilities, second: Probabilities, truth: Indices) -> JoiningRule:
    """Fit on exemplars that neither head has seen.

    :param first: By the first encoder. Shape: (n, n_targets).
    :param second: By the second encoder, for the same exemplars.
    :param truth: The column of each exemplar's target. Shape: (n,).
    """
    margins = margins_of(first)
    limits = [float(np.quantile(margins, share)) for share in _SHARES]
    weights = _fit_weights(first, second, truth, margins < limits[-1])
    rule = JoiningRule(limits[-1], weights)
    of_truth = np.arange(len(truth)), truth
    gains = np.log(rule.join(first, second)[of_truth] + 1e-9) - np.log(first[of_truth] + 1e-9)
    totals = [float(gains[margins < limit].sum()) for limit in limits]
    for limit, total in zip(limits, totals, strict=True):
        if total >= _SHARE_OF_GAIN * totals[-1]:
            return JoiningRule(limit, weights)
    return rule


def _fit_weights(
    first: Probabilities, second: Probabilities, truth: Indices, unsure: Bools
) -> Floats:
    """Fit the weights by log loss on the unsure exemplars. Shape: (2,)."""
    from scipy.optimize import minimize

    rows = unsure.nonzero()[0]
    if len(rows) < _MIN_UNSURE:
        return np.array(_START)
    rows = rows[:: -(-len(rows) * first.shape[1] // _MAX_NUMBERS)]
    log_odds, true = log_odds_of(first[rows], second[rows]), truth[rows]

    def loss(logs: Floats) -> float:
        joined = log_softmax(log_odds @ np.exp(logs))
        return -float(joined[np.arange(len(true)), true].mean())

    best = minimize(
        loss, np.log(_START), method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-5}
    )
    return np.asarray(np.exp(np.clip(best.x, -3.0, 2.0)))
