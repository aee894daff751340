"""From labelled texts to probability maps and thresholds, and what these would have decided."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from router.arrays import Bools, Floats, Indices
from router.calibration.cases import ArrayRows, Cases
from router.decisions.outcome import ACTIONS, NONE, REDIRECT, ROUTE
from router.decisions.policy import ask_risk, asks
from router.errors import RouterError
from router.model.doubt import MAX_OPTIONS
from router.packs.policy import Policy
from router.statistics.conformal import (
    ask_rate_threshold,
    coverage_threshold,
    max_error_threshold,
    texts_needed,
)
from router.statistics.probability import PlattScaling, fit_platt

_MIN_TEXTS = 100
"""Different labelled texts that a calibration needs."""

_MIN_TEXTS_OF_MAP = 50
"""Labelled texts, correct and wrong ones among them, that an action needs for a map of its own."""

_ROUNDS = 2
"""Thresholds depend on the maps, and these on which texts are decided without a question."""


@dataclass(frozen=True)
class Goal:
    """What the user sets: a share of texts to ask about, or a share of silent errors.

    Both are in (0, 1). Without either, the pack's own thresholds stay.
    """

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
    def share(self) -> float | None:
        """The share that is set; None if neither is."""
        return self.max_error if self.ask_rate is None else self.ask_rate

    def check_enough(
        self, texts: Sequence[str], *, exemplars: bool = False, left_out: int = 0
    ) -> None:
        """Refuse to fit to too few different labelled texts.

        :param exemplars: Whether the texts are the pack's exemplars.
        :param left_out: How many texts were left out because they are exemplars.
        :raises RouterError: A calibration needs more, or the goal does.
        """
        count, needed = len(set(texts)), {"a calibration": _MIN_TEXTS}
        if self.share is not None:
            name = "max_error" if self.ask_rate is None else "ask_rate"
            needed[f"{name} {self.share}"] = texts_needed(self.share)
        kind, cure = (
            "labelled texts",
            ("label more texts, or fit to the pack's exemplars: `router calibrate` without a log"),
        )
        if exemplars:
            kind, cure = "exemplars", "add exemplars, or give a log with as many labelled lines"
        besides = f" besides {left_out} that are exemplars" if left_out else ""
        for what, least in needed.items():
            if count < least:
                raise RouterError(
                    f"{what} needs at least {least} different {kind}, got {count}{besides}: with"
                    f" fewer, chance decides what is fitted; {cure}"
                )

    def risk_threshold(self, risk: Floats, correct: Bools) -> float | None:
        """Find the risk from which on to ask.

        Either a share `ask_rate` of the texts has at least this risk; or, by conformal risk
        control (Angelopoulos et al. 2024), at most `max_error` of texts to come, drawn like these,
        are expected to be decided without a question and wrong.

        :param risk: See `ask_risk`. Shape: (n_texts,).
        :param correct: Whether the decision without a question is acceptable. Shape: (n_texts,).
        :return: None if no threshold keeps the promise.
        """
        certainty = 1.0 - risk
        if self.max_error is not None:
            threshold = max_error_threshold(certainty, correct, self.max_error)
        else:
            threshold = ask_rate_threshold(certainty, self.ask_rate or 0.0)
        if threshold is None:
            return None
        decided, asked = risk[certainty >= threshold], risk[certainty < threshold]
        if not len(asked):
            return 1.0
        # Any risk between the two separates the same texts; the middle is safe from rounding.
        return float(np.clip((decided.max(initial=0.0) + asked.min()) / 2.0, 0.0, 1.0))


@dataclass(frozen=True)
class SimulatedDecisions(ArrayRows):
    """What would have been decided for each case. Every shape is (n,)."""

    ask_probability: Floats  # the deciding detail is missing
    confidence: Floats  # of what is decided without a question
    risk: Floats  # see `ask_risk`
    missing: Bools  # a question is asked because a detail is missing
    unsure: Bools  # a question is asked because the decision is not confident enough
    covered: Bools  # the right target would be among the options of a question on the likeliest

    @property
    def asked(self) -> Bools:
        """Whether any question is asked."""
        return self.missing | self.unsure


@dataclass(frozen=True)
class FittedThresholds:
    """Probability maps and thresholds that were fitted to labelled texts.

    `maps`: by action what its confidence is worth, under "all" for actions that have no map of
    their own; under "clarify" what the probability of a missing detail is worth.
    `candidate_threshold`: the probability from which a target is offered as an option; None where
    the one of the exemplars stands. `asks_by_rate`: what a share of the texts asks about decides,
    and no threshold.
    """

    maps: Mapping[str, PlattScaling]
    ask_threshold: float
    confidence_threshold: float
    candidate_threshold: float | None = None
    asks_by_rate: bool = False

    def simulate(self, cases: Cases) -> SimulatedDecisions:
        """Decide cases; no report uses those that these thresholds were fitted to."""
        ask_probability = self.maps["clarify"].transform(cases.ask_probability)
        confidence = np.empty(len(cases))
        for action in (ROUTE, REDIRECT, NONE):
            rows = cases.action == action
            scaling = self.maps.get(ACTIONS[action], self.maps["all"])
            confidence[rows] = scaling.transform(cases.confidence[rows])
        possible = {
            "in_scope": cases.in_scope,
            "has_question": cases.ask_probability > 0.0,
            "has_alternatives": cases.has_alternatives,
        }
        missing, unsure = asks(
            ask_probability,
            confidence,
            **possible,
            ask_threshold=self.ask_threshold,
            confidence_threshold=self.confidence_threshold,
        )
        if self.asks_by_rate:
            missing = np.zeros_like(missing)
        unsure = cases.doubtful if self.asks_by_rate else unsure | (cases.doubtful & ~missing)
        risk = ask_risk(ask_probability, confidence, **possible)
        is_candidate = cases.truth_probability >= (self.candidate_threshold or 0.0)
        covered = (cases.truth_rank < 2) | ((cases.truth_rank < MAX_OPTIONS) & is_candidate)
        return SimulatedDecisions(ask_probability, confidence, risk, missing, unsure, covered)


def thresholds_of(policy: Policy, *, asks_by_rate: bool = False) -> FittedThresholds:
    """Take what a pack's own policy says, before anything is fitted to labels."""
    maps = {"all": policy.confidence, "clarify": PlattScaling()}
    return FittedThresholds(
        maps, policy.question_threshold, policy.least_confidence, asks_by_rate=asks_by_rate
    )


def fit_thresholds(cases: Cases, fold: Indices, goal: Goal, policy: Policy) -> FittedThresholds:
    """Fit maps and thresholds to labelled cases.

    :param fold: The fold of each case. The risk of a case comes from maps that were fitted to the
        other folds: with maps fitted to the same cases, simulations of 300 texts and a `max_error`
        of 0.050 left 0.054 of fresh texts silently wrong. Shape: (n,).
    :raises RouterError: No threshold keeps the promise.
    """
    decided = cases.ask_probability < policy.question_threshold
    threshold = None
    for _ in range(_ROUNDS if goal.share is not None else 0):
        crossed = _simulate_by_fold(cases, fold, partial(_fit_maps_to_others, cases, decided))
        threshold = goal.risk_threshold(crossed.risk, cases.correct)
        if threshold is None:
            raise RouterError(_unreachable(goal, cases))
        decided = crossed.ask_probability < threshold
    maps = fit_maps(cases, decided)
    if threshold is None:
        ask_threshold = float(maps["clarify"].transform(np.array([policy.question_threshold]))[0])
        fitted = FittedThresholds(maps, ask_threshold, policy.least_confidence)
    else:
        fitted = FittedThresholds(maps, threshold, 1.0 - threshold)
    return replace(fitted, candidate_threshold=_candidate_threshold(fitted, cases, policy.alpha))


def simulate_held_out(
    cases: Cases, fold: Indices, goal: Goal, policy: Policy
) -> SimulatedDecisions:
    """Decide the cases of each fold by what was fitted to the other folds.

    Where these are too few for the promise, it is kept by asking about every text.

    :param fold: The fold of each case. Shape: (n,).
    """

    def fit(others: Bools) -> FittedThresholds:
        try:
            return fit_thresholds(cases.take(others), fold[others], goal, policy)
        except (RouterError, ValueError):
            fitted = fit_thresholds(cases.take(others), fold[others], Goal(), policy)
            return replace(fitted, ask_threshold=0.0, confidence_threshold=1.0)

    return _simulate_by_fold(cases, fold, fit)


def _simulate_by_fold(
    cases: Cases, fold: Indices, fit: Callable[[Bools], FittedThresholds]
) -> SimulatedDecisions:
    """Decide the cases of each fold by what `fit` makes of all others, which are marked."""
    parts, rows = [], []
    for held_out in np.unique(fold):
        others = fold != held_out
        parts.append(fit(others).simulate(cases.take(~others)))
        rows.append(np.flatnonzero(~others))
    return SimulatedDecisions.join(parts).take(np.argsort(np.concatenate(rows)))


def _fit_maps_to_others(cases: Cases, decided: Bools, others: Bools) -> FittedThresholds:
    return FittedThresholds(fit_maps(cases.take(others), decided[others]), 1.0, 0.0)


def fit_maps(cases: Cases, decided: Bools) -> dict[str, PlattScaling]:
    """Fit what a confidence is worth: over all actions, and for each that has enough texts.

    :param decided: Cases that are decided without a question. Shape: (n,).
    """
    if np.count_nonzero(decided) < _MIN_TEXTS_OF_MAP:
        decided = np.ones(len(cases), dtype=np.bool_)
    maps = {"all": fit_platt(cases.confidence[decided], cases.correct[decided])}
    for action in (ROUTE, REDIRECT, NONE):
        rows = decided & (cases.action == action)
        if np.count_nonzero(rows) >= _MIN_TEXTS_OF_MAP and len(np.unique(cases.correct[rows])) == 2:
            maps[ACTIONS[action]] = fit_platt(cases.confidence[rows], cases.correct[rows])
    rows = cases.in_scope & (cases.ask_probability > 0.0)
    if np.count_nonzero(rows) < _MIN_TEXTS_OF_MAP:
        return maps | {"clarify": PlattScaling()}
    return maps | {"clarify": fit_platt(cases.ask_probability[rows], cases.may_ask[rows])}


def _candidate_threshold(fitted: FittedThresholds, cases: Cases, alpha: float) -> float | None:
    """Fit the probability from which a target is an option, on texts that are asked about it.

    Only these count, since the promise is about the questions that are asked. A text that lacks a
    detail has no right option. None if there are too few texts for the promise.
    """
    rows = fitted.simulate(cases).unsure & ~cases.must_ask
    if np.count_nonzero(rows) < texts_needed(alpha):
        return None
    return coverage_threshold(cases.truth_probability[rows], alpha)


def _unreachable(goal: Goal, cases: Cases) -> str:
    can_ask = cases.in_scope & (cases.has_alternatives | (cases.ask_probability > 0.0))
    return (
        f"max_error {goal.max_error} can't be promised on {len(cases)} labelled texts:"
        f" {np.count_nonzero(~cases.correct & ~can_ask)} are decided wrong and can't be asked"
        " about, because nothing in the pack is close to them; give a larger max_error, or"
        " exemplars for what they say"
    )
