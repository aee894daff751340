"""Which texts have their clauses encoded: that costs twice what the text did, and few need it.

What is known for nothing says enough: the skills that the whole text speaks for, and the words of
its clauses. The guess is fitted on what encoding the clauses of exemplars, plain and joined, finds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from router.arrays import Bools, Floats, Probabilities
from router.model.concerns import JOINERS, SEQUENCERS
from router.statistics.logistic import Logistic, logit
from router.text import Words

N_FEATURES = 8

FOUND = 0.6
"""Probability from which on a further concern counts as found; no policy of ours asks for less."""

OVERLOOKED, OVERLOOKED_LINES = 0.01, 0.1
"""Share of the texts with a further concern whose clauses the gate leaves alone; and of lines of
documents, which are less like queries: 1 % of them would open it for nine queries in ten, and 10 %
lose none of those joined from two real queries that are found at all."""


@dataclass(frozen=True)
class ClauseGate:
    """The fitted guess whether encoding a text's clauses will find a further concern."""

    model: Logistic = field(default_factory=lambda: Logistic(np.zeros(N_FEATURES), 0.0))
    least: float = 0.0

    @classmethod
    def fit(cls, features: Floats, found: Bools, overlooked: float = OVERLOOKED) -> "ClauseGate":
        """Fit on texts of two clauses and more.

        :param features: As `gate_features` gives them. Shape: (n, 8).
        :param found: Whether their clauses did show a further concern. Shape: (n,).
        :param overlooked: Share of those that may stay closed.
        """
        model = Logistic.fit(features, found)
        least = np.quantile(model.probabilities(features[found]), overlooked) if found.any() else 0
        return cls(model, float(least))

    def opens(self, features: Floats) -> Bools:
        """Whether each text's clauses are worth encoding. Shape: (n_texts,)."""
        return self.model.probabilities(features) >= self.least


def gate_features(
    said: Words, clauses: Sequence[Sequence[str]], votes: Floats, whole: Probabilities
) -> Floats:
    """Describe texts of at least one clause each by what no clause has to be encoded for.

    :param said: The words of each text.
    :param votes: What the words of each clause of each text, in order, say for each skill. Shape:
        (n_clauses, n_skills).
    :param whole: The skills' probabilities from the whole texts. Shape: (n_texts, n_skills).
    :return: Shape: (n_texts, 8); no rows where no skill can come second.
    """
    if not len(said) or whole.shape[1] < 2:
        return np.empty((0, N_FEATURES))
    counts = np.array([len(group) for group in clauses], dtype=np.intp)
    starts = np.cumsum(counts) - counts
    top = np.repeat(whole.argmax(axis=1), counts)  # (n_clauses,)
    of_top = votes[np.arange(len(votes)), top]
    others = votes.copy()
    others[np.arange(len(votes)), top] = -np.inf
    best = others.max(axis=1)
    ranked = np.sort(whole, axis=1)
    return np.column_stack(
        [
            np.maximum.reduceat(best, starts),
            np.maximum.reduceat(best - of_top, starts),
            logit(ranked[:, -1]),
            logit(ranked[:, -2]),
            np.log([max(len(words), 1) for words in said]),
            np.log(counts),
            [JOINERS.match(words) for words in said],
            [SEQUENCERS.match(words) for words in said],
        ]
    )
