"""From labelled texts to maps and thresholds, and what they would have done."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from router.arrays import Bools, Floats, Indices
from router.calibration.cases import Cases
from router.decisions.candidates import MAX_OPTIONS
from router.decisions.outcome import ACTIONS
from router.decisions.policy import ask_risk, asks
from router.errors import RouterError
from router.packs.pack import Policy
from router.statistics.conformal import (
    ask_rate_threshold,
    coverage_threshold,
    max_error_threshold,
    texts_needed,
)
from router.statistics.logistic import Logistic, logit
from router.statistics.platt import PlattScaling

FEWEST_OF_ACTION = 50
"""Labelled texts, right ones and wrong ones among them, that an action needs for its own map."""

FLATTEST = 0.05  # slope of a map where a confidence tells nothing
ROUNDS = 2  # which texts are decided unasked depends on the thresholds, these on the maps


@dataclass(frozen=True)
class Goal:
    """What the user sets: a share to ask about, or a share of silent errors. Both in (0, 1)."""

    ask_rate: float | None = None
    max_error: float | None = None

    def __post_init__(self) -> None:
        if self.ask_rate is not None and self.max_error is not None:
            raise RouterError("give ask_rate or max_error, not both: one follows from the other")
        for name in ("ask_rate", "max_error"):
            share = getattr(self, name)
            if share is not None and not 0.0 < share < 1.0:
                raise RouterError(f"{name} is a share in (0, 1), was: {share}")

    @property
    def given(self) -> bool:
        """Whether there is any; else the pack's thresholds stay."""
        return self.ask_rate is not None or self.max_error is not None

    @property
    def fewest(self) -> int:
        """Texts without which it can't be fitted."""
        share = self.ask_rate if self.max_error is None else self.max_error
        return texts_needed(share) if share is not None else 0

    def level(self, risk: Floats, right: Bools) -> float | None:
        """Find the risk from which on to ask; None if no level keeps the promise.

        A share `ask_rate` of the texts has at least this risk; or by conformal risk control
        (Angelopoulos et al. 2024) at most `max_error` of texts to come, drawn like these, are
        expected to be decided unasked and wrong.
        """
        sure = 1.0 - risk
        if self.max_error is not None:
            from_sure = max_error_threshold(sure, right, self.max_error)
        else:
            from_sure = ask_rate_threshold(sure, self.ask_rate or 0.0)
        if from_sure is None:
            return None
        decided, asked = risk[sure >= from_sure], risk[sure < from_sure]
        if not len(asked):
            return 1.0
        # Any level between the two asks about the same texts; the middle is safe from rounding.
        return float(np.clip((decided.max(initial=0.0) + asked.min()) / 2.0, 0.0, 1.0))


@dataclass(frozen=True)
class Fitted:
    """Maps and thresholds. `contend_from` is None where the exemplars' own stands."""

    maps: Mapping[str, PlattScaling]  # by action; "all" pools route, redirect and none
    ask_threshold: float
    confidence_threshold: float
    contend_from: float | None

    def ask(self, cases: Cases) -> Floats:
        """Probability that a detail is missing. Shape: (n,)."""
        return self.maps["clarify"].transform(cases.ask)

    def sure(self, cases: Cases) -> Floats:
        """Confidence of what is decided unasked. Shape: (n,)."""
        sure = self.maps["all"].transform(cases.sure)
        for name in self.maps.keys() & {"route", "redirect", "none"}:
            rows = cases.action == ACTIONS.index(name)
            sure[rows] = self.maps[name].transform(cases.sure[rows])
        return sure


@dataclass(frozen=True)
class Trial:
    """What would have been done with each case. All shapes: (n,)."""

    ask: Floats
    sure: Floats
    missing: Bools  # asked for a missing detail
    unsure: Bools  # asked which of the likeliest it is
    covered: Bools  # what is right would be among the options of that

    @classmethod
    def of(cls, fitted: Fitted, cases: Cases) -> "Trial":
        """Try what was fitted, on other cases than those it was fitted on."""
        ask, sure = fitted.ask(cases), fitted.sure(cases)
        missing, unsure = asks(
            ask,
            sure,
            in_scope=cases.near,
            has_question=cases.ask > 0.0,
            has_alternatives=cases.several,
            ask_threshold=fitted.ask_threshold,
            confidence_threshold=fitted.confidence_threshold,
        )
        least = fitted.contend_from or 0.0
        covered = (cases.rank < 2) | ((cases.rank < MAX_OPTIONS) & (cases.truth >= least))
        return cls(ask, sure, missing, unsure, covered)

    @property
    def asked(self) -> Bools:
        """Asked for either."""
        return self.missing | self.unsure


def fit(cases: Cases, fold: Indices, goal: Goal, policy: Policy) -> Fitted:
    """Fit maps, thresholds and contenders.

    :param fold: Of each case; risks are of maps that were fitted on the other folds.
    :raises RouterError: No threshold keeps the promise.
    """
    kept = cases.ask < policy.ask_threshold
    if not goal.given:
        maps = fit_maps(cases, kept)
        edge = maps["clarify"].transform(np.array([policy.ask_threshold]))
        ask_threshold, confidence_threshold = float(edge[0]), policy.confidence_threshold
    for _ in range(ROUNDS if goal.given else 0):
        ask, sure = _crossed(cases, fold, kept)
        level = goal.level(risk_of(cases, ask, sure), cases.right)
        if level is None:
            raise RouterError(_unreachable(goal, cases))
        kept = ask < level
        ask_threshold, confidence_threshold = level, 1.0 - level
    fitted = Fitted(fit_maps(cases, kept), ask_threshold, confidence_threshold, None)
    return Fitted(
        fitted.maps, ask_threshold, confidence_threshold, _contend_from(fitted, cases, policy.alpha)
    )


def risk_of(cases: Cases, ask: Floats, sure: Floats) -> Floats:
    """How much speaks for asking: a detail is missing, or deciding would be wrong. Shape: (n,)."""
    return ask_risk(
        ask,
        sure,
        in_scope=cases.near,
        has_question=cases.ask > 0.0,
        has_alternatives=cases.several,
    )


def fit_maps(cases: Cases, kept: Bools) -> dict[str, PlattScaling]:
    """Fit what a confidence is worth: pooled, by action where that has enough cases, and of asking.

    :param kept: Cases that are decided unasked. Shape: (n,).
    """
    if np.count_nonzero(kept) < FEWEST_OF_ACTION:
        kept = np.ones(len(cases), dtype=np.bool_)
    maps = {"all": platt(cases.sure[kept], cases.right[kept])}
    for name in ("route", "redirect", "none"):
        rows = kept & (cases.action == ACTIONS.index(name))
        if np.count_nonzero(rows) >= FEWEST_OF_ACTION and _both(cases.right[rows]):
            maps[name] = platt(cases.sure[rows], cases.right[rows])
    near = cases.near & (cases.ask > 0.0)
    enough = np.count_nonzero(near) >= FEWEST_OF_ACTION
    maps["clarify"] = platt(cases.ask[near], cases.fair[near]) if enough else PlattScaling()
    return maps


def platt(confidence: Floats, right: Bools) -> PlattScaling:
    """Fit the map of Platt 1999; none where all are right, or all wrong."""
    if not _both(right):
        return PlattScaling()
    odds = logit(confidence, edge=1e-6)
    found = Logistic.fit(odds[:, None], right)
    slope = float(found.weights[0])
    if slope < FLATTEST:
        share = float(right.mean())
        offset = np.log(share / (1.0 - share)) - FLATTEST * odds.mean()
        return PlattScaling(FLATTEST, float(np.clip(offset, -10.0, 10.0)))
    return PlattScaling(min(slope, 20.0), float(np.clip(found.bias, -10.0, 10.0)))


def _both(right: Bools) -> bool:
    return bool(right.any() and not right.all())


def _crossed(cases: Cases, fold: Indices, kept: Bools) -> tuple[Floats, Floats]:
    """Map each fold with what was fitted on the others: ask and sure. Shapes: (n,)."""
    ask, sure = np.empty(len(cases)), np.empty(len(cases))
    for one in np.unique(fold):
        others, rows = fold != one, np.flatnonzero(fold == one)
        maps = fit_maps(cases.take(others), kept[others])
        fitted = Fitted(maps, 0.0, 0.0, None)
        held_out = cases.take(rows)
        ask[rows], sure[rows] = fitted.ask(held_out), fitted.sure(held_out)
    return ask, sure


def _contend_from(fitted: Fitted, cases: Cases, alpha: float) -> float | None:
    """Probability from which on a target contends, on the cases that would be asked for that.

    On those alone, for what is promised is of the questions that are asked. None if there are too
    few to promise it.
    """
    rows = Trial.of(fitted, cases).unsure & ~cases.must
    count = int(np.count_nonzero(rows))
    if count < texts_needed(alpha):
        return None
    return coverage_threshold(cases.truth[rows], alpha)


def _unreachable(goal: Goal, cases: Cases) -> str:
    unasked = ~cases.right & ~(cases.near & (cases.several | (cases.ask > 0.0)))
    return (
        f"max_error {goal.max_error} can't be promised on {len(cases)} labelled texts:"
        f" {np.count_nonzero(unasked)} are decided wrong and can't be asked about, for nothing of"
        " the pack is close; give a larger max_error, or exemplars for what they say"
    )
