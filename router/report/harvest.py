"""What the report keeps of a run: one pass over the decisions, bounded samples of them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from router.evaluation.gaps import MAX_CLUSTERED_TEXTS, is_unfit
from router.evaluation.rows import DecidedLine, confusion_cell
from router.evaluation.sampling import DistinctSample
from router.packs.pack import Pack

MAPPED = 700
OF_CELL = 100
MOST_SHOWN = 1_500
Cell = tuple[str, str]


@dataclass
class Harvest:
    """Samples of a run.

    `cells`: queries of each cell (wanted, given) of the confusion matrix; without labels, wanted
    and given are alike. `mapped`: for the map. `unfit`: what nothing fits.
    """

    n_lines: int = 0
    cells: dict[Cell, DistinctSample[DecidedLine]] = field(default_factory=dict)
    mapped: DistinctSample[DecidedLine] = field(default_factory=lambda: DistinctSample(MAPPED))
    unfit: DistinctSample[str | None] = field(
        default_factory=lambda: DistinctSample(MAX_CLUSTERED_TEXTS)
    )

    @classmethod
    def of(cls, rows: Iterable[DecidedLine], pack: Pack) -> "Harvest":
        """Read all rows once."""
        harvest = cls()
        for row in rows:
            harvest._add(row, confusion_cell(row, pack))
        return harvest

    def _add(self, row: DecidedLine, cell: Cell) -> None:
        self.n_lines += 1
        self.mapped.add(row.text, row)
        if is_unfit(row):
            self.unfit.add(row.text, row.wanted)
        if cell not in self.cells:
            self.cells[cell] = DistinctSample(OF_CELL)
        self.cells[cell].add(row.text, row)

    def shown(self) -> list[tuple[DecidedLine, Cell, int]]:
        """Give row, cell and count of the queries for the table, mistakes before the others.

        Each cell gives one after the other, so that none is left out while another has many.
        """
        turns: dict[int, list[tuple[DecidedLine, Cell, int]]] = defaultdict(list)
        for cell, sample in self.cells.items():
            for turn, (_, row, count) in enumerate(sample.items()):
                turns[turn].append((row, cell, count))
        rows = [one for turn in sorted(turns) for one in turns[turn]]
        rows.sort(key=lambda one: one[0].accepted is not False)  # stable: turns stay in order
        return rows[:MOST_SHOWN]
