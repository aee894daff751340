"""Which targets a text hangs between, and which question tells them apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import Bools, Floats, Indices
from router.model.model import Layout, Reading
from router.packs.pack import Destination, Pack

MOST_OPTIONS = 4
"""Options of a composed question, besides "none of these"; at least two."""


@dataclass(frozen=True)
class Contenders:
    """The conformal set of a text (Sadinle, Lei, Wasserman 2019), cut to what a person can read.

    `at_least`: probability from which on a target belongs to the set; the two likeliest always do.
    `near`: cosine with its closest exemplar that every option has: none is off the concern.
    `options`: of each authored question, the columns that each of its options leads to.
    """

    columns: Indices  # (n_candidates,): skills, then neighbours, as columns of the probabilities
    at_least: float
    near: float
    options: tuple[tuple[frozenset[int], ...], ...] = ()

    @classmethod
    def of(cls, pack: Pack, layout: Layout, at_least: float, near: float) -> "Contenders":
        """Prepare a pack's candidates and questions."""
        columns = np.concatenate([layout.skills, layout.neighbours])
        names = [f"skill:{one}" for one in pack.skills]
        names += [f"neighbour:{one}" for one in pack.neighbours]
        place = dict(zip(names, columns.tolist(), strict=True))
        options = tuple(
            tuple(frozenset(place[one] for one in _ends(pack, o.leads_to)) for o in q.options)
            for q in pack.questions.values()
        )
        return cls(columns, at_least, near, options)

    def ranked(self, reading: Reading, shares: Floats) -> tuple[Indices, Floats]:
        """Order the candidates of each text by probability, those that are off the concern last.

        :param shares: Probabilities of skills, neighbours and the rest, given that nothing is
            asked. Shape: (n_texts, n_candidates or more).
        :return: Columns of the targets, and their shares, -1 where off the concern. Shapes:
            (n_texts, n_candidates).
        """
        close = reading.near[:, self.columns] >= self.near
        likely = np.where(close, shares[:, : len(self.columns)], -1.0)
        order = np.argsort(-likely, axis=1, kind="stable")
        return self.columns[order], np.take_along_axis(likely, order, axis=1)

    def has_alternatives(self, reading: Reading) -> Bools:
        """Whether at least two candidates share the concern of each text. Shape: (n_texts,)."""
        close = reading.near[:, self.columns] >= self.near
        return np.asarray(np.count_nonzero(close, axis=1) >= 2)

    def sets(self, reading: Reading, shares: Floats) -> Indices:
        """Find each text's options, the likeliest first.

        :return: Columns of targets, -1 where there is none. Shape: (n_texts, MOST_OPTIONS).
        """
        columns, likely = self.ranked(reading, shares)
        found = np.full((len(columns), MOST_OPTIONS), -1, dtype=np.intp)
        width = min(MOST_OPTIONS, columns.shape[1])
        inside = offered(likely[:, :width], self.at_least)
        found[:, :width] = np.where(inside, columns[:, :width], -1)
        return found

    def authored(self, contenders: Indices, likely: Sequence[float]) -> int:
        """Find the likeliest question of the pack that tells the two likeliest contenders apart.

        :param contenders: Of one text. Shape: (MOST_OPTIONS,).
        :param likely: Probability of each question.
        :return: Its place, or -1 if none does.
        """
        one, other = contenders[:2].tolist()
        fit = [
            place
            for place, options in enumerate(self.options)
            if any(one in ends and other not in ends for ends in options)
            and any(other in ends and one not in ends for ends in options)
        ]
        return max(fit, key=lambda place: likely[place], default=-1)


def offered(likely: Floats, at_least: float) -> Bools:
    """Mark what a question offers: all in the set, and the two likeliest.

    :param likely: Shares of the candidates, falling, -1 where off the concern. Shape: (n, width).
    """
    inside = likely >= at_least
    inside[:, :2] = True
    return inside & (likely >= 0.0)


def _ends(pack: Pack, lead: Destination) -> set[str]:
    """Names of the targets that an answer ends at, at once or after its follow-up question."""
    ends = {f"skill:{one}" for one in lead.all_skills}
    if not ends:  # beside skills, packs are only named
        ends = {f"neighbour:{one}" for one in lead.neighbours}
    if lead.ask is not None:
        for option in pack.questions[lead.ask].options:
            ends |= _ends(pack, option.leads_to)
    return ends
