"""Where the right skill stands in the ranking: the figures of a shortlist, and the ranking itself.

They are measured on the labelled queries of a finished run that want a skill or a neighbour.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from router.decisions.decision import Ranked
from router.evaluation.metrics import pretty_json
from router.evaluation.rows import DecidedLine
from router.files import write_whole
from router.logs.labels import Gold
from router.router import Router
from router.statistics.figure import NO_FIGURE, Figure

RANKING_FILE, RANKED_LINES_FILE = "ranking.json", "rankings.jsonl"
RANKING_FIGURES = {
    "first_right": "The share of the queries whose first target is a right one.",
    "within_3": "The share of the queries with a right target among the first three.",
    "within_5": "The share of the queries with a right target among the first five.",
    "reciprocal_rank": "The mean of 1 / rank of the first right target; 0 beyond the fiftieth.",
    "all_within_5": "The share of the queries for several skills that have all among the first"
    " five.",
}
"""The figures and their meaning; docs/pages/reference/files.md lists them too."""

_KEPT, _DEEPEST, _BATCH = 5, 50, 4_096
_DRAWS, _SEED, _PLACES = 500, 20_261_129, 4


class RankedLine(Struct, frozen=True):
    """A line of `rankings.jsonl`.

    :param id: The id of the line.
    :param line: Its number.
    :param ranks: The places of the targets that the label allows, in the order of the label; 0
        beyond the fiftieth.
    :param needs_all: Whether the label requires all of them.
    :param ranking: The five likeliest.
    """

    id: str
    line: int
    ranks: tuple[int, ...]
    needs_all: bool
    ranking: tuple[Ranked, ...]

    @property
    def first(self) -> int:
        """The best place of an allowed target; 0 if there is none."""
        return min(filter(None, self.ranks), default=0)


def measure_ranking(
    router: Router, lines: Iterable[DecidedLine], folder: Path
) -> dict[str, Figure]:
    """Rank the labelled queries of a run, and write `rankings.jsonl` and `ranking.json`.

    :param lines: The decided lines of the run.
    :param folder: The folder of the run.
    :return: The figures by name, as `RANKING_FIGURES` lists them.
    """
    ranked = list(ranked_lines(router, lines))
    encoder = msgspec.json.Encoder()
    write_whole(folder / RANKED_LINES_FILE, encoder.encode_lines(ranked))
    figures = figures_of_ranking(ranked)
    write_whole(folder / RANKING_FILE, pretty_json(figures))
    return figures


def ranked_lines(router: Router, lines: Iterable[DecidedLine]) -> Iterator[RankedLine]:
    """Rank the queries whose label wants a skill or a neighbour."""
    wanted = ((line, _targets(line.gold)) for line in lines if line.gold is not None)
    labelled = ((line, targets) for line, targets in wanted if targets)
    while batch := list(islice(labelled, _BATCH)):
        rankings = router.rank_many([line.text for line, _ in batch], _DEEPEST)
        for (line, targets), ranking in zip(batch, rankings, strict=True):
            place = {ranked.id: number for number, ranked in enumerate(ranking, start=1)}
            ranks = tuple(place.get(target, 0) for target in targets)
            needs_all = line.gold is not None and len(line.gold.skills) > 1
            yield RankedLine(line.id, line.line, ranks, needs_all, tuple(ranking[:_KEPT]))


def _targets(gold: Gold) -> Sequence[str]:
    """Give what a label wants in a ranking: its skills or packs, else those it allows."""
    if gold.action == "route":
        return gold.skills if len(gold.skills) > 1 else gold.allowed_skills
    return (*gold.packs, *gold.ok_packs) if gold.action == "redirect" else ()


def figures_of_ranking(lines: Sequence[RankedLine]) -> dict[str, Figure]:
    """Compute the figures of ranked lines, each with its 95 % interval."""
    n, places = len(lines), Counter(line.first for line in lines)
    several = [line for line in lines if line.needs_all]
    both = sum(all(0 < rank <= _KEPT for rank in line.ranks) for line in several)
    figures = {
        "first_right": Figure.of_share(places[1], n),
        "within_3": Figure.of_share(sum(places[place] for place in (1, 2, 3)), n),
        "within_5": Figure.of_share(sum(places[place] for place in range(1, 6)), n),
        "reciprocal_rank": _reciprocal_rank(places, n),
        "all_within_5": Figure.of_share(both, len(several)),
    }
    return {name: figures[name].rounded(_PLACES) for name in RANKING_FIGURES}


def _reciprocal_rank(places: Mapping[int, int], n: int) -> Figure:
    """Compute the mean of 1 / rank, with a bootstrap interval over lines."""
    if not n:
        return NO_FIGURE
    values = np.array([1.0 / place if place else 0.0 for place in places])
    counts = np.array(list(places.values()))
    draws = np.random.default_rng(_SEED).multinomial(n, counts / n, size=_DRAWS)
    return Figure.of_draws(float(counts @ values) / n, draws @ values / n, n)
