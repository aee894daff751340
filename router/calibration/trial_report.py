"""How a calibration did on texts that were held out: figures, each with its interval."""

from collections.abc import Mapping

import numpy as np

from router.arrays import Bools, Floats
from router.calibration.budget import Trial
from router.calibration.calibration import Figure, Report, Step
from router.calibration.cases import Cases
from router.calibration.intervals import confidence_interval, expected_calibration_error, wilson
from router.heads.maps import LABELLED

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
        "ask_auroc": auroc(cases.ask[cases.must], cases.ask[clear]),
        **{
            f"must_ask_recall_at_{rate:.0%}_needless": recall_at(
                cases.ask[cases.must], cases.ask[clear], rate
            )
            for rate in NEEDLESS
        },
        "outside_auroc": auroc(cases.outside[cases.none], cases.outside[~cases.none]),
        "sure_auroc": auroc(trial.sure[cases.right], trial.sure[~cases.right]),
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
    n = int(np.count_nonzero(among))
    if not n:
        return Figure(0.0, 0.0, 1.0, 0)
    hits = int(np.count_nonzero(hit & among))
    return Figure(hits / n, *wilson(hits, n), n)


def _calibration_error(sure: Floats, cases: Cases, asked: Bools) -> Figure:
    """Of what is decided unasked; the interval by bootstrap over texts."""
    sure, right = sure[~asked], cases.right[~asked]
    if not len(sure):
        return Figure(0.0, 0.0, 1.0, 0)
    chance = np.random.default_rng(0)
    drawn = chance.integers(0, len(sure), size=(DRAWS, len(sure)))
    errors = [expected_calibration_error(sure[rows], right[rows]) for rows in drawn]
    low, high = np.quantile(errors, [0.025, 0.975])
    return Figure(expected_calibration_error(sure, right), float(low), float(high), len(sure))


def auroc(yes: Floats, no: Floats) -> Figure:
    """Chance that one of `yes` lies above one of `no`, ties half; Hanley and McNeil's interval."""
    if not len(yes) or not len(no):
        return Figure(0.0, 0.0, 1.0, 0)
    ordered = np.sort(no)
    below = np.searchsorted(ordered, yes, side="left") + np.searchsorted(ordered, yes, side="right")
    area = float(below.mean() / (2 * len(no)))
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = (
        area * (1 - area) + (len(yes) - 1) * (q1 - area**2) + (len(no) - 1) * (q2 - area**2)
    ) / (len(yes) * len(no))
    half = 1.96 * float(np.sqrt(max(spread, 0.0)))
    return Figure(area, max(area - half, 0.0), min(area + half, 1.0), len(yes) + len(no))


def recall_at(yes: Floats, no: Floats, rate: float) -> Figure:
    """Share of `yes` above a threshold that a share of at most `rate` of `no` reaches."""
    if not len(yes) or not len(no):
        return Figure(0.0, 0.0, 1.0, 0)
    above = np.sort(no)[::-1][int(len(no) * rate)]  # so many may lie above it
    hits = int(np.count_nonzero(yes > above))
    return Figure(hits / len(yes), *wilson(hits, len(yes)), len(yes))


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
    return int(np.count_nonzero(rows)) >= LABELLED


def _steps(confidence: Floats, right: Bools) -> tuple[Step, ...]:
    at = np.unique(np.quantile(confidence, np.linspace(0.0, 1.0, STEPS)).round(6))
    ends = confidence_interval(at, confidence, right)
    return tuple(Step(*map(float, row)) for row in np.column_stack([at, ends]).round(6))
