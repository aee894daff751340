"""The form of `metrics.json`: every figure of a run, with what it stands on."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import msgspec
from msgspec import Struct

from router.evaluation.figures import (
    Asking,
    Bin,
    Confusion,
    Figure,
    Figures,
    OfTarget,
    Risk,
    Shares,
)
from router.evaluation.run_parts import Query, pretty
from router.evaluation.tally import Day
from router.router import Router

FORMAT = 1
"""Raised whenever the files of a run change their form."""


class Versions(Struct, frozen=True):
    """What decided: the package, the pack by its content, the encoder, and what was fitted.

    `pack_hash` covers all of the pack, settings too; `model_hash` what the classifier was fitted
    on; `calibration` what labelled texts have fitted besides, if any.
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
            router=installed(),
            pack=router.pack.file.id,
            pack_hash=_hash(router.pack),
            model_hash=router.model.pack_hash,
            encoder=router.encoder.key,
            calibration=None if router.calibration is None else _hash(router.calibration),
        )


class Lines(Struct, frozen=True):
    """Lines of the log: `read` = `decided` + `rejected`. `texts`: different ones decided."""

    read: int
    decided: int
    rejected: int
    blank: int
    labelled: int
    texts: int


class Metrics(Struct, frozen=True):
    """What `metrics.json` holds.

    `figures`: the values alone, rounded to 4 places, and `queries`, the number behind them.
    `intervals`: the same with 95 % intervals. `skills`, `categories`: by id. `days`: by date, UTC.
    `repeated`, `least_certain`, `mistakes`: queries, the first the most so; of `mistakes`, wrong
    decisions that are no question, the first is the most confident.
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

    @classmethod
    def of(
        cls,
        versions: Versions,
        lines: Lines,
        figures: Figures,
        *,
        repeated: tuple[Query, ...],
        least_certain: tuple[Query, ...],
        mistakes: tuple[Query, ...],
    ) -> "Metrics":
        """Gather all there is to tell."""
        return cls(
            format=FORMAT,
            versions=versions,
            lines=lines,
            figures=figures.values,
            intervals=figures.named,
            skills=figures.skills,
            categories=figures.categories,
            confusion=figures.confusion,
            risk_coverage=figures.risk_coverage,
            ask_rate=figures.ask_rate,
            reliability=figures.reliability,
            shares=figures.shares,
            days=figures.days,
            repeated=repeated,
            least_certain=least_certain,
            mistakes=mistakes,
        )

    def to_json(self) -> bytes:
        """Write as JSON that a person can read too."""
        return pretty(self)


def schema_text() -> str:
    """The JSON Schema of `metrics.json`."""
    schema = msgspec.json.schema(Metrics)
    title = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "metrics.json"}
    return pretty(title | schema).decode()


@cache
def installed() -> str:
    """The version of the package; "0" where it runs without being installed."""
    try:
        return version("router")
    except PackageNotFoundError:
        return "0"


def _hash(value: object) -> str:
    content = msgspec.json.encode(value, order="deterministic")
    return hashlib.sha256(content).hexdigest()[:16]
