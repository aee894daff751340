"""Is what a clause names asked for, or only told? Words tell: "we already have", "how do I".

A further concern is asked for; what is merely told is the setting of the question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from router import english
from router.arrays import Bools, Floats
from router.text import words_of

_QUESTION_MARK = "?"


@cache
def _columns() -> dict[str, int]:
    """Number the words that are looked for, and the question mark."""
    return {word: column for column, word in enumerate(sorted(english.GRAMMAR_WORDS))} | {
        _QUESTION_MARK: len(english.GRAMMAR_WORDS)
    }


@dataclass(frozen=True)
class RequestWords:
    """The weight of each function word for a clause to be a request; a logistic regression.

    :param weights: Shape: (n_words,), in alphabetical order, the question mark last.
    """

    weights: Floats
    bias: float

    @classmethod
    def fit(
        cls, clauses: Sequence[str], requested: Bools, count: Floats | None = None
    ) -> "RequestWords":
        """Fit on clauses; nothing is told from words if all of them, or none, are requests.

        :param requested: Whether what each clause names is asked for. Shape: (n_clauses,).
        :param count: How many clauses each one stands for. Shape: (n_clauses,).
        """
        if requested.all() or not requested.any():
            return cls(np.zeros(len(_columns())), 0.0)
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=0.3, max_iter=500, class_weight="balanced")
        model.fit(_counts(clauses), requested, sample_weight=count)
        return cls(model.coef_[0], float(model.intercept_[0]))

    @classmethod
    def mean(cls, parts: Sequence["RequestWords"]) -> "RequestWords":
        """Average what was learnt on parts of the exemplars."""
        weights = np.mean([part.weights for part in parts], axis=0)
        return cls(weights, float(np.mean([part.bias for part in parts])))

    def log_odds(self, clauses: Sequence[str]) -> Floats:
        """Tell how much speaks for each clause to be a request. Shape: (n_clauses,)."""
        return np.asarray(_counts(clauses) @ self.weights + self.bias)


def _counts(clauses: Sequence[str]) -> Floats:
    """Mark the words that each clause has. Shape: (n_clauses, n_words)."""
    columns = _columns()
    marks = np.zeros((len(clauses), len(columns)))
    for row, clause in enumerate(clauses):
        found = [columns[word] for word in words_of(clause) if word in columns]
        marks[row, found] = 1.0
        marks[row, columns[_QUESTION_MARK]] = _QUESTION_MARK in clause
    return marks
