"""Choose the lines of a log that are worth a person's time.

Most of them are uncertain and unlike one another: three times as many candidates as are wanted,
with the smallest margins, are clustered, and of each cluster the most central one is taken. Some
stand for themes that have no home. Some are drawn uniformly from all lines, so that the share of
errors among what nobody looks at is estimated without bias, whenever the review stops. The figures
are on docs/pages/evidence/review.md, by `benchmarks/review_curve.py`.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from msgspec import Struct, structs

from router.arrays import Floats, Indices, Vectors
from router.errors import RouterError
from router.evaluation.clusters import clusters_of
from router.evaluation.decisions_file import RunFolder
from router.review.log_texts import Choice, LogTexts
from router.router import Router

_CANDIDATES = 3
"""Candidates for each line that is chosen."""

_DRAWN_EVERY = 8
"""One line in this many is drawn uniformly."""

_GAPS_EVERY = 20
"""At most one line in this many stands for a theme that no route serves."""

_MAX_GAP_CANDIDATES = 1_000
_MAX_CANDIDATES = 6_000
"""The clustering takes the square of this many numbers."""


class Selection(Struct, frozen=True):
    """The lines that are worth a label.

    :param choices: The lines, the best first; no text twice. One in eight is drawn uniformly.
    :param drawn: The uniform draw in order, a text as often as it was drawn.
    :param n_lines: The number of lines of the log.
    """

    choices: tuple[Choice, ...]
    drawn: tuple[str, ...]
    n_lines: int

    @property
    def positions(self) -> list[int]:
        """The positions of the lines in the log, counted from 0, the best first."""
        return [choice.position for choice in self.choices]


def select(log: Sequence[str] | RunFolder | str | Path, n: int, router: Router) -> list[int]:
    """Give the positions of the lines that are worth a label, the best first.

    :param log: Texts, a run, or the folder of a run.
    :param n: How many; fewer are given if the log has fewer different texts.
    :param router: The router that is to be improved.
    :return: Positions counted from 0, in the list of texts or in the decisions of the run.
    :raises RouterError: `n` is less than 1, or the log has no text.
    """
    return choose(log, n, router).positions


def choose(log: Sequence[str] | RunFolder | str | Path, n: int, router: Router) -> Selection:
    """Choose lines as `select` does, and tell why each of them is worth a label.

    :param log: As of `select`.
    :param n: As of `select`.
    :param router: As of `select`.
    :raises RouterError: As of `select`.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise RouterError(f"n, how many lines to choose, is a whole number from 1, was: {n!r}")
    log_texts = LogTexts.of(log, router, max(1, n // _DRAWN_EVERY) if n > 1 else 0)
    if not log_texts.texts:
        raise RouterError("a log has at least one text that is not blank, this one has none")
    first = {line.text: line for line in (*log_texts.drawn[::-1], *log_texts.texts)}
    drawn_texts = dict.fromkeys(line.text for line in log_texts.drawn)
    drawn = [structs.replace(first[text], reason="drawn") for text in drawn_texts]
    n_left = n - len(drawn)
    gaps = _gaps(log_texts, n_left // _GAPS_EVERY, router)
    taken = {choice.text for choice in gaps}
    # The draw plays no part in this choice, so that each drawn line still speaks for all others.
    uncertain = _uncertain(log_texts, n_left - len(gaps), taken, router)
    choices = _interleaved([*gaps, *uncertain], drawn)
    if len(choices) < min(n, len(log_texts.texts)):  # some of the drawn were chosen anyway
        choices += _fill(log_texts, n - len(choices), {choice.text for choice in choices})
    return Selection(
        tuple(choices[:n]), tuple(line.text for line in log_texts.drawn), log_texts.n_lines
    )


def _worth(log_texts: LogTexts) -> Floats:
    """Tell how much a label of each text is worth: uncertain ones, and frequent ones."""
    margins = np.array([line.margin for line in log_texts.texts])
    counts = np.array([line.count for line in log_texts.texts])
    return np.asarray((1.0 - margins) * (1.0 + np.log(counts)))


def _fill(log_texts: LogTexts, n: int, taken: set[str]) -> list[Choice]:
    order = np.argsort(-_worth(log_texts), kind="stable").tolist()
    lines = (log_texts.texts[i] for i in order)
    return list(islice((line for line in lines if line.text not in taken), n))


def _uncertain(log_texts: LogTexts, n: int, taken: set[str], router: Router) -> list[Choice]:
    """Choose texts that are uncertain, frequent and unlike one another, the best first."""
    if n < 1:
        return []
    from scipy.cluster.hierarchy import fcluster, linkage

    worth, lines = _worth(log_texts), log_texts.texts
    order = np.argsort(-worth, kind="stable").tolist()
    free = [i for i in order if lines[i].text not in taken]
    candidates = np.array(free[: min(_CANDIDATES * n, max(_MAX_CANDIDATES, n))], dtype=np.intp)
    vectors = router.encoder.encode([lines[i].text for i in candidates.tolist()])
    codes = np.arange(len(vectors))
    if len(vectors) > n:
        codes = fcluster(linkage(vectors.astype(np.float64), "ward"), n, "maxclust")
    counts = np.array([lines[i].count for i in candidates.tolist()], dtype=np.float64)
    groups = list(_groups(codes, vectors, counts))
    groups.sort(key=lambda group: -float(worth[candidates[group[1]]].sum()))
    return [
        structs.replace(lines[candidates[best]], stands_for=len(members))
        for best, members in groups
    ]


def _gaps(log_texts: LogTexts, n: int, router: Router) -> list[Choice]:
    """Choose a text of each theme that has no home: clusters of what was refused."""
    refused = [line for line in log_texts.texts if line.outcome.action == "none"]
    refused = refused[:_MAX_GAP_CANDIDATES]
    if n < 1 or not refused:
        return []
    vectors = router.encoder.encode([line.text for line in refused])
    codes = clusters_of(vectors, router.model.head.exemplars.mean(axis=0))
    groups = list(_groups(codes, vectors, np.ones(len(vectors))))
    counts = np.array([line.count for line in refused])
    groups.sort(key=lambda group: (-int(counts[group[1]].sum()), group[0]))
    return [
        structs.replace(refused[best], reason="gap", stands_for=len(members))
        for best, members in groups[:n]
    ]


def _groups(codes: Indices, vectors: Vectors, weights: Floats) -> Iterator[tuple[int, Indices]]:
    """Give the most central member of each cluster, and all its members.

    :param codes: The cluster of each text, -1 for none. Shape: (n_texts,).
    :param vectors: Unit vectors. Shape: (n_texts, width).
    :param weights: How much each text draws the middle. Shape: (n_texts,).
    """
    for code in np.unique(codes[codes >= 0]):
        members = np.flatnonzero(codes == code)
        middle = weights[members] @ vectors[members]
        yield int(members[np.argmax(vectors[members] @ middle)]), members


def _interleaved(chosen: Sequence[Choice], drawn: Sequence[Choice]) -> list[Choice]:
    """Put the drawn ones among the others at equal distances; a text that is both comes once.

    Where a drawn text was chosen too, it counts as chosen: it is no part of the rest.
    """
    among = {choice.text for choice in chosen}
    rest = [choice for choice in drawn if choice.text not in among]
    places = np.linspace(0, len(chosen), len(rest) + 2)[1:-1].round().astype(int).tolist()
    merged: list[Choice] = []
    for index, choice in enumerate(chosen):
        while places and places[0] == index:
            places.pop(0)
            merged.append(rest.pop(0))
        merged.append(choice)
    return [*merged, *rest]
