"""How a calibration did on texts that were held out: figures, each with its interval."""

from collections.abc import Mapping

import numpy as np

from router.arrays import Bools, Floats
from router.calibration.budget import Trial
from router.calibration.calibration import Report, Step
from router.calibration.cases import Cases
from router.statistics.figure import NO_FIGURE, Figure
from router.statistics.intervals import auroc, confidence_interval, expected_calibration_error
from router.statistics.probability_maps import MIN_LABELLED

DRAWS, STEPS = 300, 21
NEEDLESS = (0.05, 0.10, 0.15)


def report_of(cases: Cases, trial: Trial) -> Report:
    """Compare the router as it is with what was fitted, on the same held-out cases."""
    before = {
        **_shares(cases, cases.asked),
        "calibration_error": _calibration_error(cases.told, cases, cases.asked),
    }
    offers = trial.unsure & ~cases.must
    ends = np.where(trial.asked, cases.fair | (trial.unsure & trial.covered), cases.right)
    after = {
        **_shares(cases, trial.asked),
        "right_in_the_end": _share(ends, np.ones(len(cases), dtype=np.bool_)),
        "truth_is_offered": _share(trial.covered, offers),
        "calibration_error": _calibration_error(trial.sure, cases, trial.asked),
    }
    clear = ~cases.fair
    ranking = {
        "ask_auroc": auroc_figure(cases.ask[cases.must], cases.ask[clear]),
        **{
            f"must_ask_recall_at_{rate:.0%}_needless": recall_at(
                cases.ask[cases.must], cases.ask[clear], rate
            )
            for rate in NEEDLESS
        },
        "outside_auroc": auroc_figure(cases.outside[cases.none], cases.outside[~cases.none]),
        "sure_auroc": auroc_figure(trial.sure[cases.right], trial.sure[~cases.right]),
    }
    known = {name: figure for name, figure in ranking.items() if figure.n}
    return Report(before, {k: v for k, v in after.items() if v.n}, known)


def _shares(cases: Cases, asked: Bools) -> dict[str, Figure]:
    everyone = np.ones(len(cases), dtype=np.bool_)
    shares = {
        "accepted": _share(np.where(asked, cases.fair, cases.right), everyone),
        "silently_wrong": _share(~asked & ~cases.right, everyone),
        "asked": _share(asked, everyone),
        "needless_of_asked": _share(cases.right & ~cases.fair, asked),
    }
    return {name: figure for name, figure in shares.items() if figure.n}


def _share(hit: Bools, among: Bools) -> Figure:
    return Figure.of_share(int(np.count_nonzero(hit & among)), int(np.count_nonzero(among)))


def _calibration_error(sure: Floats, cases: Cases, asked: Bools) -> Figure:
    """Of what is decided unasked; the interval by bootstrap over texts."""
    sure, right = sure[~asked], cases.right[~asked]
    if not len(sure):
        return NO_FIGURE
    random = np.random.default_rng(0)
    drawn = random.integers(0, len(sure), size=(DRAWS, len(sure)))
    errors = [expected_calibration_error(sure[rows], right[rows]) for rows in drawn]
    value = expected_calibration_error(sure, right)
    return Figure.of_draws(value, np.array(errors), len(sure))


def auroc_figure(positive: Floats, negative: Floats) -> Figure:
    """The AUROC with the interval of Hanley and McNeil 1982."""
    if not len(positive) or not len(negative):
        return NO_FIGURE
    area = auroc(positive, negative)
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
    threshold = np.sort(negative)[::-1][int(len(negative) * rate)]  # so many may lie above it
    return Figure.of_share(int(np.count_nonzero(positive > threshold)), len(positive))


def steps_of(cases: Cases, trial: Trial) -> dict[str, tuple[Step, ...]]:
    """How often held-out texts of each confidence were right, by what was done with them."""
    decided, near = ~trial.asked, cases.near & ~trial.missing
    everyone = np.ones(len(cases), dtype=np.bool_)
    steps: Mapping[str, tuple[Floats, Bools, Bools]] = {
        "decided": (trial.sure, cases.right, decided if _enough(decided) else everyone),
        "missing": (trial.ask, cases.fair, cases.near & (cases.ask > 0.0)),
        "unsure": (1.0 - trial.sure, ~cases.right, near if _enough(near) else everyone),
    }
    return {
        kind: _steps(confidence[rows], right[rows])
        for kind, (confidence, right, rows) in steps.items()
        if _enough(rows)
    }


def _enough(rows: Bools) -> bool:
    return int(np.count_nonzero(rows)) >= MIN_LABELLED


def _steps(confidence: Floats, right: Bools) -> tuple[Step, ...]:
    at = np.unique(np.quantile(confidence, np.linspace(0.0, 1.0, STEPS)).round(6))
    ends = confidence_interval(at, confidence, right)
    return tuple(Step(*map(float, row)) for row in np.column_stack([at, ends]).round(6))
