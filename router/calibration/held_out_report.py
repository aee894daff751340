"""How a calibration did on texts that were held out from its fitting."""

from collections.abc import Mapping

import numpy as np

from router.arrays import Bools, Floats
from router.calibration.calibration import IntervalStep, Report
from router.calibration.cases import Cases
from router.calibration.thresholds import SimulatedDecisions
from router.statistics.figure import NO_FIGURE, Figure
from router.statistics.intervals import (
    MIN_LABELLED,
    confidence_interval,
    expected_calibration_error,
)

_DRAWS = 300
"""Bootstrap draws of the calibration error."""

_STEPS = 21
"""Confidences at which an interval is stored; those between are interpolated."""

_NEEDLESS_RATES = (0.05, 0.10, 0.15)
"""Shares of needless questions at which the recall of must-ask texts is reported."""


def held_out_report(cases: Cases, before: SimulatedDecisions, after: SimulatedDecisions) -> Report:
    """Compare two ways to decide the same cases.

    :param before: By the pack's own policy.
    :param after: By what was fitted to other cases.
    """
    answered = cases.may_ask | (after.unsure & after.covered)
    right_in_the_end = np.where(after.asked, answered, cases.correct)
    questions = {
        "right_in_the_end": _share(right_in_the_end, np.ones(len(cases), dtype=np.bool_)),
        "truth_is_offered": _share(after.covered, after.unsure & ~cases.must_ask),
    }
    must, clear = cases.ask_probability[cases.must_ask], cases.ask_probability[~cases.may_ask]
    ranking = {
        "ask_auroc": auroc_figure(must, clear),
        **{
            f"must_ask_recall_at_{rate:.0%}_needless": recall_at(must, clear, rate)
            for rate in _NEEDLESS_RATES
        },
        "outside_auroc": auroc_figure(
            cases.outside[cases.is_outside], cases.outside[~cases.is_outside]
        ),
        "sure_auroc": auroc_figure(
            after.confidence[cases.correct], after.confidence[~cases.correct]
        ),
    }
    return Report(_outcomes(cases, before), _outcomes(cases, after, questions), _known(ranking))


def _outcomes(
    cases: Cases, simulated: SimulatedDecisions, questions: Mapping[str, Figure] | None = None
) -> dict[str, Figure]:
    """What thresholds change, with the figures on questions before the calibration error."""
    asked, everyone = simulated.asked, np.ones(len(cases), dtype=np.bool_)
    figures = {
        "accepted": _share(np.where(asked, cases.may_ask, cases.correct), everyone),
        "silently_wrong": _share(~asked & ~cases.correct, everyone),
        "asked": _share(asked, everyone),
        "needless_of_asked": _share(cases.correct & ~cases.may_ask, asked),
        **(questions or {}),
        "calibration_error": _calibration_error(
            simulated.confidence[~asked], cases.correct[~asked]
        ),
    }
    return _known(figures)


def _known(figures: Mapping[str, Figure]) -> dict[str, Figure]:
    return {name: figure for name, figure in figures.items() if figure.n}


def _share(hit: Bools, among: Bools) -> Figure:
    return Figure.of_share(int(np.count_nonzero(hit & among)), int(np.count_nonzero(among)))


def _calibration_error(confidence: Floats, correct: Bools) -> Figure:
    """The expected calibration error; its interval is a bootstrap over texts."""
    if not len(confidence):
        return NO_FIGURE
    random = np.random.default_rng(0)
    draws = random.integers(0, len(confidence), size=(_DRAWS, len(confidence)))
    errors = [expected_calibration_error(confidence[rows], correct[rows]) for rows in draws]
    value = expected_calibration_error(confidence, correct)
    return Figure.of_draws(value, np.array(errors), len(confidence))


def auroc_figure(positive: Floats, negative: Floats) -> Figure:
    """The AUROC with the interval of Hanley and McNeil 1982."""
    if not len(positive) or not len(negative):
        return NO_FIGURE
    from sklearn.metrics import roc_auc_score

    is_positive = np.repeat([True, False], [len(positive), len(negative)])
    area = float(roc_auc_score(is_positive, np.concatenate([positive, negative])))
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (
        area * (1 - area)
        + (len(positive) - 1) * (q1 - area**2)
        + (len(negative) - 1) * (q2 - area**2)
    ) / (len(positive) * len(negative))
    half = 1.96 * float(np.sqrt(max(variance, 0.0)))
    n = len(positive) + len(negative)
    return Figure(area, max(area - half, 0.0), min(area + half, 1.0), n)


def recall_at(positive: Floats, negative: Floats, rate: float) -> Figure:
    """Share of `positive` above the threshold that at most a share `rate` of `negative` exceeds."""
    if not len(positive) or not len(negative):
        return NO_FIGURE
    threshold = np.sort(negative)[::-1][int(len(negative) * rate)]
    return Figure.of_share(int(np.count_nonzero(positive > threshold)), len(positive))


def interval_steps(
    cases: Cases, simulated: SimulatedDecisions
) -> dict[str, tuple[IntervalStep, ...]]:
    """Tell how often held-out texts of each confidence were right, by what was done with them.

    A kind of decision that too few texts have is left out.
    """
    doubt, wrong = 1.0 - simulated.confidence, ~cases.correct
    has_question = cases.in_scope & (cases.ask_probability > 0.0)
    kinds: Mapping[str, tuple[Floats, Bools, Bools]] = {
        "decided": (simulated.confidence, cases.correct, ~simulated.asked),
        "missing": (simulated.ask_probability, cases.may_ask, has_question),
        "unsure": (doubt, wrong, cases.in_scope & ~simulated.missing),
    }
    return {
        kind: _steps(confidence[rows], correct[rows])
        for kind, (confidence, correct, rows) in kinds.items()
        if np.count_nonzero(rows) >= MIN_LABELLED
    }


def _steps(confidence: Floats, correct: Bools) -> tuple[IntervalStep, ...]:
    confidence = confidence.round(6)  # its last bits depend on the machine
    at = np.unique(np.quantile(confidence, np.linspace(0.0, 1.0, _STEPS)).round(6))
    ends = confidence_interval(at, confidence, correct)
    return tuple(IntervalStep(*map(float, row)) for row in np.column_stack([at, ends]).round(6))
