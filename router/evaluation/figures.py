"""Turns counts into figures: each is a value with its 95 % interval and the number it rests on."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, TypeVar

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from router.evaluation.counts import Day, DecisionCounts, TargetCount
from router.evaluation.definitions import FIGURES
from router.evaluation.rows import UNIT
from router.packs.pack import Pack
from router.statistics.figure import NO_FIGURE, Figure
from router.statistics.intervals import expected_calibration_error

_Point = TypeVar("_Point")
_Counts: TypeAlias = NDArray[np.int64]
_Statistic: TypeAlias = Callable[[_Counts, _Counts, _Counts], float]
"""A function of rising confidences in units, and of the decisions and acceptable ones at each."""

_BINS = 10
_MAX_CURVE_POINTS = 200
_RESAMPLES = 500
_SEED = 20_260_901
_PLACES = 4


class OfTarget(Struct, frozen=True):
    """How well decisions find a skill or category.

    `precision` is the share of the decisions naming it that were right to name it. `recall` is the
    share of the queries requiring it for which it was named, or which were decided acceptably
    without it. `f1` is their harmonic mean; its interval is computed from the ends of both.
    """

    precision: Figure
    recall: Figure
    f1: Figure


class Cell(Struct, frozen=True):
    """A cell of the confusion matrix: of its `count` decisions `accepted` are acceptable."""

    wanted: str
    given: str
    count: int
    accepted: int


class Confusion(Struct, frozen=True):
    """The targets wanted against the targets given.

    `labels` are, in the order of the pack, "skill:ID", "category:ID", "neighbour:ID", "ask" and
    "none". Cells without a decision are left out.
    """

    labels: tuple[str, ...]
    cells: tuple[Cell, ...]


class Risk(Struct, frozen=True):
    """A point of the risk-coverage curve.

    If only decisions of at least this `confidence` are taken, `coverage` is the share of the
    queries that is decided, and `risk` is the share of these decisions that is wrong.
    """

    confidence: float
    coverage: float
    risk: float


class Asking(Struct, frozen=True):
    """What would happen if decisions up to a `confidence` became questions as well.

    `asked` is the share of the queries asked about, and `accuracy` the acceptable share of the
    others. `with_answers` is the acceptable share of all queries, if every question led to the
    right end.
    """

    confidence: float
    asked: float
    accuracy: float | None
    with_answers: float


class Bin(Struct, frozen=True):
    """The decisions with a confidence from `start` to `end`, and the share that is acceptable."""

    start: float
    end: float
    confidence: float
    accepted: Figure


class Shares(Struct, frozen=True):
    """Counts over all lines, the most frequent first."""

    actions: dict[str, int]
    skills: dict[str, int]
    packs: dict[str, int]
    questions: dict[str, int]


@dataclass(frozen=True)
class Figures:
    """All figures of the counts, each computed when it is asked for.

    :param counts: The counts.
    :param pack: The pack by which the lines were decided.
    """

    counts: DecisionCounts
    pack: Pack

    @cached_property
    def named(self) -> dict[str, Figure]:
        """Every figure that has a name, in the order of the definitions."""
        counts = self.counts
        figures = {
            "asked": _share(counts.actions.get("clarify", 0), counts.lines),
            "calibration_error": self._resampled(_calibration_error),
            "risk_coverage_area": self._resampled(_risk_coverage_area),
        }
        figures |= {name: _share(count.hits, count.trials) for name, count in counts.shares.items()}
        return {figure.name: figures.get(figure.name, NO_FIGURE) for figure in FIGURES}

    @property
    def values(self) -> dict[str, float | int | None]:
        """The values alone, and the number of labelled queries, or of all if none is labelled."""
        values = {name: figure.value for name, figure in self.named.items()}
        return {"queries": self.counts.labelled or self.counts.lines, **values}

    @property
    def skills(self) -> dict[str, OfTarget]:
        """Each skill that a label or a decision names, in the order of the pack."""
        return _of_targets(self.pack.skills, self.counts.skills)

    @property
    def categories(self) -> dict[str, OfTarget]:
        """Each category that a label or a decision names, in the order of the pack."""
        ids = [category.id for category in self.pack.file.categories]
        return _of_targets(ids, self.counts.categories)

    @property
    def confusion(self) -> Confusion:
        """The confusion matrix."""
        order = [
            *(f"skill:{skill}" for skill in self.pack.skills),
            *(f"category:{category.id}" for category in self.pack.file.categories),
            *(f"neighbour:{neighbour}" for neighbour in self.pack.neighbours),
            "ask",
            "none",
        ]
        cells = tuple(
            Cell(wanted, given, row[given].trials, row[given].hits)
            for wanted, row in sorted(
                self.counts.cells.items(), key=lambda item: order.index(item[0])
            )
            for given in sorted(row, key=order.index)
        )
        used = {name for cell in cells for name in (cell.wanted, cell.given)}
        return Confusion(tuple(name for name in order if name in used), cells)

    @property
    def risk_coverage(self) -> tuple[Risk, ...]:
        """The curve from the surest decisions alone to all of them."""
        falling, trials, hits = (column[::-1] for column in self._by_confidence)
        n, right = trials.cumsum(), hits.cumsum()
        points = zip(falling / UNIT, n / max(self.counts.labelled, 1), 1 - right / n, strict=True)
        return _thinned([Risk(*map(_rounded, point)) for point in points])

    @property
    def ask_rate(self) -> tuple[Asking, ...]:
        """The curve from the questions asked now to asking about everything, the unsurest first."""
        rising, trials, hits = self._by_confidence
        total = self.counts.labelled
        asked = total - trials.sum() + np.append(0, trials.cumsum())
        right = hits.sum() - np.append(0, hits.cumsum())
        points = []
        for confidence, n_asked, n_right in zip([0, *rising], asked, right, strict=True):
            n_decided = total - n_asked
            accuracy = _rounded(n_right / n_decided) if n_decided else None
            with_answers = _rounded((n_right + n_asked) / total) if total else 0.0
            share = _rounded(n_asked / total) if total else 0.0
            points.append(Asking(_rounded(confidence / UNIT), share, accuracy, with_answers))
        return _thinned(points) if total else ()

    @property
    def reliability(self) -> tuple[Bin, ...]:
        """The stated confidence and the share accepted, in ten bins; empty ones are left out."""
        confidences, trials, hits = self._by_confidence
        bin_of = _bin_of(confidences)
        bins = []
        for index in np.unique(bin_of):
            members = bin_of == index
            n, stated = int(trials[members].sum()), float((confidences * trials)[members].sum())
            ends = _rounded(index / _BINS), _rounded((index + 1) / _BINS)
            accepted = _share(int(hits[members].sum()), n)
            bins.append(Bin(*ends, _rounded(stated / n / UNIT), accepted))
        return tuple(bins)

    @property
    def shares(self) -> Shares:
        """What was decided, over all lines."""
        counts = self.counts
        columns = (counts.actions, counts.skills_named, counts.packs_named, counts.questions)
        return Shares(*map(_most_frequent_first, columns))

    @property
    def days(self) -> dict[str, Day]:
        """The counts of each day on which a line has its time, in order."""
        return {
            date: structs.replace(
                day,
                actions=_most_frequent_first(day.actions),
                skills=_most_frequent_first(day.skills),
            )
            for date, day in sorted(self.counts.days.items())
        }

    @cached_property
    def _by_confidence(self) -> tuple[_Counts, _Counts, _Counts]:
        """Rising confidences in units, the labelled decisions at each, and the acceptable ones."""
        rows = sorted(
            (unit, count.trials, count.hits) for unit, count in self.counts.confidence.items()
        )
        table = np.array(rows, dtype=np.int64).reshape(-1, 3)
        return table[:, 0], table[:, 1], table[:, 2]

    def _resampled(self, statistic: _Statistic) -> Figure:
        """Compute a statistic with a bootstrap interval over lines."""
        confidences, trials, hits = self._by_confidence
        n = int(trials.sum())
        if not n:
            return NO_FIGURE
        shares = np.concatenate([hits, trials - hits]) / n
        random = np.random.default_rng(_SEED)
        draws = []
        for _ in range(_RESAMPLES):
            right, wrong = random.multinomial(n, shares).reshape(2, -1)
            draws.append(statistic(confidences, right + wrong, right))
        value = statistic(confidences, trials, hits)
        return Figure.of_draws(value, np.array(draws), n).rounded(_PLACES)


def _bin_of(confidences: _Counts) -> _Counts:
    return np.minimum(confidences * _BINS // UNIT, _BINS - 1)


def _calibration_error(confidences: _Counts, trials: _Counts, hits: _Counts) -> float:
    return expected_calibration_error(confidences / UNIT, hits, trials, _BINS)


def _risk_coverage_area(confidences: _Counts, trials: _Counts, hits: _Counts) -> float:
    """Mean risk over the decisions, each at its own coverage; equal confidences come together."""
    n, right = trials[::-1].cumsum(), hits[::-1].cumsum()
    risk = 1 - right / np.maximum(n, 1)
    return float((risk * trials[::-1]).sum() / trials.sum())


def _share(hits: int, n: int) -> Figure:
    return Figure.of_share(hits, n).rounded(_PLACES)


def _of_targets(ids: Iterable[str], counts: Mapping[str, TargetCount]) -> dict[str, OfTarget]:
    return {target: _of_target(counts[target]) for target in ids if target in counts}


def _of_target(count: TargetCount) -> OfTarget:
    precision, recall = _share(count.right, count.named), _share(count.met, count.required)
    value, low, high = (
        _harmonic_mean(getattr(precision, end), getattr(recall, end))
        for end in ("value", "low", "high")
    )
    return OfTarget(
        precision, recall, Figure(value, low, high, 0 if value is None else count.required)
    )


def _harmonic_mean(a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return None
    return _rounded(2 * a * b / (a + b)) if a + b else 0.0


def _thinned(points: list[_Point]) -> tuple[_Point, ...]:
    """Keep some points of a long curve, the first and the last among them."""
    if len(points) <= _MAX_CURVE_POINTS:
        return tuple(points)
    kept = np.linspace(0, len(points) - 1, _MAX_CURVE_POINTS).round().astype(int)
    return tuple(points[index] for index in kept)


def _most_frequent_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _rounded(value: float) -> float:
    return round(float(value), _PLACES)
