"""Between which targets a text is undecided, and which question tells them apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import Bools, Floats, Indices
from router.model.doubt import MAX_OPTIONS
from router.model.layout import Layout
from router.model.model import Evidence
from router.packs.pack import Pack
from router.packs.parts import Destination


@dataclass(frozen=True)
class Candidates:
    """The conformal prediction set of a text (Sadinle, Lei, Wasserman 2019), cut to what a person
    can read.

    :param columns: Skills, then neighbours, as columns of the probabilities. Shape:
        (n_candidates,).
    :param threshold: A target belongs to the set from this probability on; the two likeliest
        always do.
    :param similarity_threshold: The cosine with its closest exemplar that every option has.
    :param options: For each question of the pack, the columns that each of its options leads to.
    """

    columns: Indices
    threshold: float
    similarity_threshold: float
    options: tuple[tuple[frozenset[int], ...], ...] = ()

    @classmethod
    def of(
        cls, pack: Pack, layout: Layout, threshold: float, similarity_threshold: float
    ) -> "Candidates":
        """Prepare a pack's candidates and questions."""
        columns = np.concatenate([layout.skills, layout.neighbours])
        names = [f"skill:{skill}" for skill in pack.skills]
        names += [f"neighbour:{neighbour}" for neighbour in pack.neighbours]
        column = dict(zip(names, columns.tolist(), strict=True))
        options = tuple(
            tuple(
                frozenset(column[name] for name in _final_targets(pack, option.leads_to))
                for option in question.options
            )
            for question in pack.questions.values()
        )
        return cls(columns, threshold, similarity_threshold, options)

    def ranked(self, evidence: Evidence, shares: Floats) -> tuple[Indices, Floats]:
        """Order the candidates of each text by probability, those that are too far away last.

        :param shares: Probabilities of skills, neighbours and the rest, given that nothing is
            asked. Shape: (n_texts, n_candidates or more).
        :return: Columns of the targets, and their shares, -1 where a target is too far away.
            Shapes: (n_texts, n_candidates).
        """
        shares = np.where(self._close(evidence), shares[:, : len(self.columns)], -1.0)
        order = np.argsort(-shares, axis=1, kind="stable")
        return self.columns[order], np.take_along_axis(shares, order, axis=1)

    def _close(self, evidence: Evidence) -> Bools:
        return evidence.nearest[:, self.columns] >= self.similarity_threshold

    def has_alternatives(self, evidence: Evidence) -> Bools:
        """Tell whether at least two candidates are close to each text. Shape: (n_texts,)."""
        return np.asarray(np.count_nonzero(self._close(evidence), axis=1) >= 2)

    def prediction_sets(self, evidence: Evidence, shares: Floats) -> Indices:
        """Find the options of each text, the likeliest first.

        :return: Columns of targets, -1 where there is none. Shape: (n_texts, MAX_OPTIONS).
        """
        columns, shares = self.ranked(evidence, shares)
        sets = np.full((len(columns), MAX_OPTIONS), -1, dtype=np.intp)
        width = min(MAX_OPTIONS, columns.shape[1])
        inside = offered(shares[:, :width], self.threshold)
        sets[:, :width] = np.where(inside, columns[:, :width], -1)
        return sets

    def separating_question(self, candidates: Indices, likely: Sequence[float]) -> int:
        """Find the likeliest question of the pack that tells the two likeliest candidates apart.

        :param candidates: The columns of one text. Shape: (MAX_OPTIONS,).
        :param likely: The probability of each question.
        :return: Its index, or -1 if no question does.
        """
        first, second = candidates[:2].tolist()
        separating = [
            question
            for question, options in enumerate(self.options)
            if any(first in ends and second not in ends for ends in options)
            and any(second in ends and first not in ends for ends in options)
        ]
        return max(separating, key=lambda question: likely[question], default=-1)


def offered(shares: Floats, threshold: float) -> Bools:
    """Mark what a question offers: all targets in the set, and the two likeliest.

    :param shares: Shares of the candidates, falling, -1 where they are too far away. Shape: (n,
        width).
    """
    inside = shares >= threshold
    inside[:, :2] = True
    return inside & (shares >= 0.0)


def _final_targets(pack: Pack, destination: Destination) -> set[str]:
    """Name the targets that an answer ends at, at once or after its follow-up question."""
    ends = {f"skill:{skill}" for skill in destination.all_skills}
    if not ends:  # beside skills, neighbours are only named
        ends = {f"neighbour:{neighbour}" for neighbour in destination.neighbours}
    if destination.ask is not None:
        for option in pack.questions[destination.ask].options:
            ends |= _final_targets(pack, option.leads_to)
    return ends
