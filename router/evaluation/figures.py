"""From counts to figures: each a value with its 95 % interval and the number it stands on."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.evaluation.tally import UNIT, Day, Found, Share, Tally
from router.packs.pack import Pack
from router.statistics.intervals import wilson

T = TypeVar("T")
Counts: TypeAlias = NDArray[np.int64]

SHARES = (
    "accepted",
    "silently_wrong",
    "asked",
    "ask_precision",
    "ask_recall",
    "needless",
    "missed",
    "right_question",
    "skill_when_routed",
    "category_when_routed",
    "multi_exact_in_order",
    "packs_named_too",
    "redirect_right",
    "none_recall",
    "none_precision",
)
"""Figures that are shares; docs/pages/reference/files.md says of what."""
NAMES = (*SHARES, "calibration_error", "risk_coverage_area")

BINS = 10
POINTS = 200  # of a curve, at most
RESAMPLES = 500
SEED = 20_260_901
PLACES = 4


class Figure(Struct, frozen=True):
    """A figure in [0, 1] with the ends of its 95 % interval; None where `n` is 0.

    Shares have Wilson's interval, the calibration error and the area a bootstrap over lines.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int

    @classmethod
    def of(cls, hits: int, n: int) -> "Figure":
        """A share with Wilson's interval."""
        if not n:
            return cls(None, None, None, 0)
        low, high = wilson(hits, n)
        return cls(_rounded(hits / n), _rounded(low), _rounded(high), n)


class OfTarget(Struct, frozen=True):
    """How well a skill or category is found.

    `precision`: of the decisions that name it, those right to. `recall`: of the queries that
    require it, those where it was named, or the decision is acceptable without it. `f1`: their
    harmonic mean, with an interval from the ends of both.
    """

    precision: Figure
    recall: Figure
    f1: Figure


class Cell(Struct, frozen=True):
    """A cell of the confusion matrix; `accepted` of its `count` decisions are acceptable."""

    wanted: str
    given: str
    count: int
    accepted: int


class Confusion(Struct, frozen=True):
    """Wanted against given. `labels` are "skill:ID", "neighbour:ID", "ask", "none", in order."""

    labels: tuple[str, ...]
    cells: tuple[Cell, ...]


class Risk(Struct, frozen=True):
    """Deciding only from `confidence` on: the share decided, and of these the share wrong."""

    confidence: float
    coverage: float
    risk: float


class Asking(Struct, frozen=True):
    """Asking about all up to `confidence` too, beside what is asked now.

    `asked`: the share asked. `accuracy`: the share acceptable of the others. `with_answers`: the
    share acceptable of all, if each question leads to the right end.
    """

    confidence: float
    asked: float
    accuracy: float | None
    with_answers: float


class Bin(Struct, frozen=True):
    """Decisions stated with a confidence from `start` to `end`, and how many were acceptable."""

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
    """All figures of a tally, each worked out when it is asked for."""

    tally: Tally
    pack: Pack

    @cached_property
    def named(self) -> dict[str, Figure]:
        """Every figure that has a name, in the order of `NAMES`."""
        shares = self.tally.shares
        found = {name: shares.get(name, Share()) for name in SHARES}
        figures = {name: Figure.of(share.hits, share.trials) for name, share in found.items()}
        figures["calibration_error"] = self._resampled(_calibration_error)
        figures["risk_coverage_area"] = self._resampled(_area)
        return figures

    @property
    def values(self) -> dict[str, float | int | None]:
        """The values alone, and the number of labelled queries, or of all if none is."""
        values = {name: figure.value for name, figure in self.named.items()}
        return {"queries": self.tally.labelled or self.tally.lines, **values}

    @property
    def skills(self) -> dict[str, OfTarget]:
        """Each skill that a label or a decision names, in the order of the pack."""
        return _of_targets(self.pack.skills, self.tally.skills)

    @property
    def categories(self) -> dict[str, OfTarget]:
        """Each category that a label or a decision names, in the order of the pack."""
        ids = [category.id for category in self.pack.file.categories]
        return _of_targets(ids, self.tally.categories)

    @property
    def confusion(self) -> Confusion:
        """Wanted against given, in the order of the pack; cells that are 0 are left out."""
        order = [
            *(f"skill:{skill}" for skill in self.pack.skills),
            *(f"category:{category.id}" for category in self.pack.file.categories),
            *(f"neighbour:{neighbour}" for neighbour in self.pack.neighbours),
            "ask",
            "none",
        ]
        found = self.tally.cells
        seen = {*found, *(given for row in found.values() for given in row)}
        cells = [
            Cell(wanted, given, found[wanted][given].trials, found[wanted][given].hits)
            for wanted in sorted(found, key=order.index)
            for given in sorted(found[wanted], key=order.index)
        ]
        return Confusion(tuple(name for name in order if name in seen), tuple(cells))

    @property
    def risk_coverage(self) -> tuple[Risk, ...]:
        """The curve from the surest decisions alone to all of them."""
        falling, trials, hits = (part[::-1] for part in self._by_confidence)
        n, right = trials.cumsum(), hits.cumsum()
        points = zip(falling / UNIT, n / max(self.tally.labelled, 1), 1 - right / n, strict=True)
        return _thinned([Risk(*map(_rounded, point)) for point in points])

    @property
    def ask_rate(self) -> tuple[Asking, ...]:
        """The curve from today's questions to asking about everything, the least sure first."""
        rising, trials, hits = self._by_confidence
        total = self.tally.labelled
        asked = total - trials.sum() + np.append(0, trials.cumsum())
        right = hits.sum() - np.append(0, hits.cumsum())
        points = []
        for confidence, n_asked, n_right in zip([0, *rising], asked, right, strict=True):
            left = total - n_asked
            accuracy = _rounded(n_right / left) if left else None
            with_answers = _rounded((n_right + n_asked) / total) if total else 0.0
            share = _rounded(n_asked / total) if total else 0.0
            points.append(Asking(_rounded(confidence / UNIT), share, accuracy, with_answers))
        return _thinned(points) if total else ()

    @property
    def reliability(self) -> tuple[Bin, ...]:
        """Stated confidence against what came true, in ten bins; empty ones are left out."""
        confidences, trials, hits = self._by_confidence
        place = np.minimum(confidences * BINS // UNIT, BINS - 1)
        bins = []
        for one in np.unique(place):
            here = place == one
            n, stated = int(trials[here].sum()), float((confidences * trials)[here].sum())
            accepted = Figure.of(int(hits[here].sum()), n)
            mean = _rounded(stated / n / UNIT)
            bins.append(Bin(_rounded(one / BINS), _rounded((one + 1) / BINS), mean, accepted))
        return tuple(bins)

    @property
    def shares(self) -> Shares:
        """What was decided, over all lines."""
        tally = self.tally
        named = (tally.actions, tally.skills_named, tally.packs_named, tally.questions)
        return Shares(*(_most_first(counts) for counts in named))

    @property
    def days(self) -> dict[str, Day]:
        """Counts of each day that a line has a time on, in order."""
        return dict(sorted(self.tally.days.items()))

    @cached_property
    def _by_confidence(self) -> tuple[Counts, Counts, Counts]:
        """Rising confidence in units, labelled decisions of it, and the acceptable ones."""
        rows = sorted((key, one.trials, one.hits) for key, one in self.tally.confidence.items())
        table = np.array(rows, dtype=np.int64).reshape(-1, 3)
        return table[:, 0], table[:, 1], table[:, 2]

    def _resampled(self, figure: "Statistic") -> Figure:
        confidences, trials, hits = self._by_confidence
        n = int(trials.sum())
        if not n:
            return Figure(None, None, None, 0)
        cells = np.concatenate([hits, trials - hits])
        random = np.random.default_rng(SEED)
        drawn = []
        for _ in range(RESAMPLES):
            right, wrong = random.multinomial(n, cells / n).reshape(2, -1)
            drawn.append(figure(confidences, right + wrong, right))
        low, high = np.quantile(drawn, [0.025, 0.975])
        value = figure(confidences, trials, hits)
        return Figure(_rounded(value), _rounded(low), _rounded(high), n)


Statistic: TypeAlias = Callable[[Counts, Counts, Counts], float]
"""Of rising confidence in units, decisions of each, and the acceptable ones of these."""


def _calibration_error(confidences: Counts, trials: Counts, hits: Counts) -> float:
    """Expected gap between stated confidence and share accepted, in bins of equal width."""
    place = np.minimum(confidences * BINS // UNIT, BINS - 1)
    gaps = np.bincount(place, weights=confidences * trials - hits * UNIT, minlength=BINS)
    return float(np.abs(gaps).sum() / (UNIT * trials.sum()))


def _area(confidences: Counts, trials: Counts, hits: Counts) -> float:
    """Mean risk over the decisions, each at its own coverage; equal confidences come together."""
    n, right = trials[::-1].cumsum(), hits[::-1].cumsum()
    risk = 1 - right / np.maximum(n, 1)
    return float((risk * trials[::-1]).sum() / trials.sum())


def _of_targets(ids: Iterable[str], found: Mapping[str, Found]) -> dict[str, OfTarget]:
    return {one: _of_target(found[one]) for one in ids if one in found}


def _of_target(found: Found) -> OfTarget:
    precision = Figure.of(found.right, found.named)
    recall = Figure.of(found.met, found.required)
    value, low, high = (
        _harmonic(getattr(precision, end), getattr(recall, end)) for end in ("value", "low", "high")
    )
    f1 = Figure(value, low, high, 0 if value is None else found.required)
    return OfTarget(precision, recall, f1)


def _harmonic(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return None
    return _rounded(2 * one * other / (one + other)) if one + other else 0.0


def _thinned(points: list[T]) -> tuple[T, ...]:
    """Keep at most `POINTS` of a curve, the first and the last among them."""
    if len(points) <= POINTS:
        return tuple(points)
    places = np.linspace(0, len(points) - 1, POINTS).round().astype(int)
    return tuple(points[place] for place in places)


def _most_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _rounded(value: float) -> float:
    return round(float(value), PLACES)
