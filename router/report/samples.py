"""The decisions that a report shows: bounded samples, taken in one pass over a run."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from router.evaluation.gaps import MAX_CLUSTERED_TEXTS, is_unfit
from router.evaluation.rows import DecidedLine, confusion_cell
from router.evaluation.sampling import DistinctSample
from router.packs.pack import Pack

CellKey: TypeAlias = tuple[str, str]
"""The targets wanted and decided; without a label, what was decided twice."""

_MAX_MAPPED = 700
_MAX_OF_CELL = 100
_MAX_LISTED = 1_500


@dataclass
class RunSamples:
    """Samples of a run.

    `cells` holds queries of each cell of the confusion matrix, `mapped` those for the map, and
    `unfit` those that no skill fits, with the target that their label wants.
    """

    n_lines: int = 0
    cells: defaultdict[CellKey, DistinctSample[DecidedLine]] = field(
        default_factory=lambda: defaultdict(lambda: DistinctSample(_MAX_OF_CELL))
    )
    mapped: DistinctSample[DecidedLine] = field(default_factory=lambda: DistinctSample(_MAX_MAPPED))
    unfit: DistinctSample[str | None] = field(
        default_factory=lambda: DistinctSample(MAX_CLUSTERED_TEXTS)
    )

    @classmethod
    def of(cls, decisions: Iterable[DecidedLine], pack: Pack) -> "RunSamples":
        """Read all decisions once."""
        samples = cls()
        for line in decisions:
            samples.n_lines += 1
            samples.mapped.add(line.text, line)
            if is_unfit(line):
                samples.unfit.add(line.text, line.wanted)
            samples.cells[confusion_cell(line, pack)].add(line.text, line)
        return samples

    def listed(self) -> list[tuple[DecidedLine, CellKey, int]]:
        """Give the queries for the table with their cells and counts, mistakes first.

        The cells take turns, so that a cell of many queries does not push out the others.
        """
        ranked = [
            (line.accepted is not False, turn, (line, key, count))
            for key, sample in self.cells.items()
            for turn, (_, line, count) in enumerate(sample.items())
        ]
        ranked.sort(key=lambda row: row[:2])
        return [row for _, _, row in ranked[:_MAX_LISTED]]
