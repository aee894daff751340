"""The shape of `metrics.json`: every figure of a run, with what it rests on.

The figures themselves are defined in `definitions`: a new one is added there.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec import Struct

from router._version import installed_version
from router.evaluation.counts import Day, DecisionCounts
from router.evaluation.figures import Asking, Bin, Confusion, Figures, OfTarget, Risk, Shares
from router.evaluation.rows import DecidedLine, Query, by_confidence
from router.packs.pack import Pack
from router.router import Router
from router.statistics.figure import Figure

RUN_FORMAT = 1
"""Raised whenever the files of a run change their shape."""

_COMPUTED = (
    *("skills", "categories", "confusion", "risk_coverage"),
    *("ask_rate", "reliability", "shares", "days"),
)
"""What `Metrics` takes from `Figures` by the same name."""


class Versions(Struct, frozen=True):
    """What made the decisions: the package, the pack, the encoder, and what was fitted.

    `pack_hash` covers the whole pack, its settings included; `model_hash` covers what the
    classifier was fitted on; `calibration` is the hash of what was fitted to labelled texts, if
    anything was.
    """

    router: str
    pack: str
    pack_hash: str
    model_hash: str
    encoder: str
    calibration: str | None = None

    @classmethod
    def of(cls, router: Router) -> "Versions":
        """Name what a router is made of."""
        return cls(
            router=installed_version(),
            pack=router.pack.file.id,
            pack_hash=_hash(router.pack),
            model_hash=router.model.pack_hash,
            encoder=router.encoder.key,
            calibration=None if router.calibration is None else _hash(router.calibration),
        )


class Lines(Struct, frozen=True, omit_defaults=True):
    """Numbers of lines: `read` = `decided` + `rejected`.

    `texts` counts the different texts that were decided. `truncated` counts the lines that were too
    long, so that their middle was left out; it is absent if there is none.
    """

    read: int
    decided: int
    rejected: int
    blank: int
    labelled: int
    texts: int
    truncated: int = 0


class Metrics(Struct, frozen=True):
    """The contents of `metrics.json`.

    :param format: The version of the file.
    :param versions: What made the decisions.
    :param lines: The numbers of lines.
    :param figures: The value of each figure, rounded to 4 places, and `queries`, the number behind
        them.
    :param intervals: The same figures with 95 % intervals.
    :param skills: Precision, recall and F1 of each skill, by id.
    :param categories: The same of each category, by id.
    :param confusion: The targets wanted against the targets given.
    :param risk_coverage: The risk-coverage curve.
    :param ask_rate: What would happen if more were asked about.
    :param reliability: The stated confidence against the share accepted, in ten bins.
    :param shares: Counts of outcomes, skills, neighbours and questions.
    :param days: Counts of each day, UTC.
    :param repeated: The most frequent queries.
    :param least_certain: The decisions with the lowest confidence.
    :param mistakes: Wrong decisions that are no question, the most confident first.
    """

    format: int
    versions: Versions
    lines: Lines
    figures: dict[str, float | int | None]
    intervals: dict[str, Figure]
    skills: dict[str, OfTarget]
    categories: dict[str, OfTarget]
    confusion: Confusion
    risk_coverage: tuple[Risk, ...]
    ask_rate: tuple[Asking, ...]
    reliability: tuple[Bin, ...]
    shares: Shares
    days: dict[str, Day]
    repeated: tuple[Query, ...]
    least_certain: tuple[Query, ...]
    mistakes: tuple[Query, ...]


@dataclass
class LineTotals:
    """What is kept of decided lines: their counts, and some of them.

    :param counts: The counts.
    :param n_texts: The number of different texts.
    :param least_certain: The decisions with the lowest confidence, questions apart.
    :param mistakes: Wrong decisions that are no question, the most confident first.
    """

    counts: DecisionCounts = field(default_factory=DecisionCounts)
    n_texts: int = 0
    least_certain: list[DecidedLine] = field(default_factory=list)
    mistakes: list[DecidedLine] = field(default_factory=list)

    def add(self, lines: Sequence[DecidedLine], pack: Pack, n_texts: int) -> None:
        """Add some lines of the log.

        :param n_texts: How many texts among them have not come before.
        """
        self.counts.add(DecisionCounts.of(lines, pack))
        self.n_texts += n_texts
        unasked = [line for line in lines if not line.asks]
        wrong = [line for line in unasked if line.silently_wrong]
        self.least_certain = by_confidence([*self.least_certain, *unasked], 1)
        self.mistakes = by_confidence([*self.mistakes, *wrong], -1)

    def metrics(
        self,
        pack: Pack,
        versions: Versions,
        n_read: int,
        n_rejected: int,
        n_blank: int,
        repeated: Sequence[Query],
    ) -> Metrics:
        """Compute every figure."""
        counts, figures = self.counts, Figures(self.counts, pack)
        lines = (n_read, counts.lines, n_rejected, n_blank, counts.labelled, self.n_texts)
        return Metrics(
            format=RUN_FORMAT,
            versions=versions,
            lines=Lines(*lines, counts.truncated),
            figures=figures.values,
            intervals=figures.named,
            **{name: getattr(figures, name) for name in _COMPUTED},
            repeated=tuple(repeated),
            least_certain=tuple(map(Query.of, self.least_certain)),
            mistakes=tuple(map(Query.of, self.mistakes)),
        )


def queries_of(lines: Iterable[DecidedLine], counts: Mapping[int, int]) -> list[Query]:
    """List the lines of these numbers, with how often the text of each came."""
    first = {line.line: line for line in lines if line.line in counts}
    return [Query.of(first[number], count) for number, count in counts.items()]


def metrics_schema() -> str:
    """Give the JSON Schema of `metrics.json`."""
    schema = msgspec.json.schema(Metrics)
    title = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "metrics.json"}
    return pretty_json(title | schema).decode()


def pretty_json(value: object) -> bytes:
    """Write a value as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value)) + b"\n"


def _hash(value: object) -> str:
    content = msgspec.json.encode(value, order="deterministic")
    return hashlib.sha256(content).hexdigest()[:16]
