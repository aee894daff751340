"""Decides and counts the lines of a chunk; the totals of all chunks give the metrics of a run.

Wherever chunks are decided, on this machine or on several, their totals are added up in any order.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec import Struct, field

from router.errors import LogError
from router.evaluation.counts import DecisionCounts
from router.evaluation.decision_memo import DecisionMemo, NewDecisions
from router.evaluation.figures import Figures
from router.evaluation.metrics import RUN_FORMAT, Lines, Metrics, Versions
from router.evaluation.rows import SHOWN_CHARACTERS, DecidedLine, Query, decided_lines
from router.logs.formats import Rejected
from router.logs.reader import LogLine
from router.packs.pack import Pack
from router.router import Router

MAX_LISTED = 100
"""Queries in each list of `metrics.json`."""

_Listed = TypeVar("_Listed", DecidedLine, Query)


class RunTotals(Struct):
    """Totals of some lines of a log: of one chunk, or of all chunks together.

    `texts` counts the different texts that were decided.
    """

    read: int = 0
    rejected: int = 0
    texts: int = 0
    first_rejected: Rejected | None = None
    counts: DecisionCounts = field(default_factory=DecisionCounts)
    least_certain: list[Query] = []
    mistakes: list[Query] = []

    def add(self, part: "RunTotals") -> None:
        """Add the totals of another chunk."""
        self.read += part.read
        self.rejected += part.rejected
        self.texts += part.texts
        rejected = [line for line in (self.first_rejected, part.first_rejected) if line is not None]
        self.first_rejected = min(rejected, key=lambda line: line.line, default=None)
        self.counts.add(part.counts)
        self.least_certain = _ranked([*self.least_certain, *part.least_certain], 1)
        self.mistakes = _ranked([*self.mistakes, *part.mistakes], -1)

    def metrics(
        self,
        versions: Versions,
        pack: Pack,
        *,
        lines: int,
        blank: int,
        repeated: Sequence[Query] = (),
    ) -> Metrics:
        """Compute the figures, and make sure that no line is lost.

        :param lines: The number of lines in the files of the log, blank ones left out.
        :param blank: The number of blank lines.
        :param repeated: The texts that came most often.
        :raises LogError: A line is lost, or there is no line that can be read.
        """
        counts, rejected = self.counts, self.rejected
        if not lines == self.read == counts.lines + rejected:
            raise LogError(
                f"the log has {lines:,} lines, of which {counts.lines:,} were decided and"
                f" {rejected:,} rejected: it has changed during the run; cure: run it again"
            )
        if not counts.lines:
            first = self.first_rejected
            reason = "" if first is None else f"; the first: {first.reason}"
            raise LogError(
                f"a log needs a line that can be read; of {lines:,} there is none{reason}"
            )
        figures = Figures(counts, pack)
        return Metrics(
            format=RUN_FORMAT,
            versions=versions,
            lines=Lines(lines, counts.lines, rejected, blank, counts.labelled, self.texts),
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
            repeated=tuple(repeated),
            least_certain=tuple(self.least_certain),
            mistakes=tuple(self.mistakes),
        )


def decide_chunk(
    router: Router, memo: DecisionMemo, lines: Sequence[LogLine], rejected: Sequence[Rejected]
) -> tuple[list[DecidedLine], NewDecisions, RunTotals]:
    """Decide the lines of a chunk.

    :param rejected: The lines of the chunk that can't be read.
    :return: The decided lines in order, what the memo has learnt, and the totals of the chunk.
    """
    batch, new = memo.decide(router, lines)
    decided = decided_lines(lines, batch, router.pack.precedence)
    unasked = [line for line in decided if not line.asks]
    wrong = [line for line in unasked if line.silently_wrong]
    totals = RunTotals(
        read=len(lines) + len(rejected),
        rejected=len(rejected),
        texts=len(new.digests),
        first_rejected=rejected[0] if rejected else None,
        counts=DecisionCounts.of(decided, router.pack),
        least_certain=[Query.of(line) for line in _ranked(unasked, 1)],
        mistakes=[Query.of(line) for line in _ranked(wrong, -1)],
    )
    return decided, new, totals


def _ranked(lines: Iterable[_Listed], sign: int) -> list[_Listed]:
    """List the first lines by `sign` times their confidence, each text once."""
    first: dict[str, _Listed] = {}
    for line in sorted(lines, key=lambda line: (sign * line.confidence, line.line)):
        first.setdefault(line.text[:SHOWN_CHARACTERS], line)
        if len(first) == MAX_LISTED:
            break
    return list(first.values())
