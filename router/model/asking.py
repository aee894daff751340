"""Whether to ask, as a model: how likely is it that the detail that decides is missing?

A low margin between two targets hardly tells an ambiguous query from a clear one. What does:
closeness to queries known to need a question, missing detail (a short text), a trigger said, and
whether the text already says what one of the options says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from router.arrays import Bools, Floats, Probabilities, Vectors
from router.heads.cosines import cosines
from router.heads.lexicon import Phrases, words_of
from router.heads.logistic import Logistic, logit
from router.packs.pack import Question


@dataclass(frozen=True)
class QuestionEvidence:
    """What speaks for and against each question, for a batch. Shapes: (n_texts, n_questions)."""

    probabilities: Probabilities
    triggered: Bools
    answered: Floats  # cosine with the closest reply, less cosine with the needy centroid
    words: Floats  # (n_texts,)

    def features(self) -> Floats:
        """Describe the likeliest question of each text. Shape: (n_texts, 4)."""
        if not self.probabilities.shape[1]:
            return np.zeros((len(self.words), 4))
        best = self.probabilities.argmax(axis=1)[:, None]
        return np.column_stack(
            [
                logit(self.probabilities.sum(axis=1)),
                np.take_along_axis(self.triggered, best, axis=1)[:, 0].astype(np.float64),
                np.take_along_axis(self.answered, best, axis=1)[:, 0],
                np.log(self.words + 1.0),
            ]
        )


@dataclass(frozen=True)
class QuestionIndex:
    """The pack's questions as arrays: triggers, needy queries and replies."""

    triggers: tuple[Phrases, ...]
    needy: Vectors  # (n_questions, width): the unit centroid of each question's needy queries
    replies: tuple[Vectors, ...]

    @classmethod
    def of(
        cls,
        questions: Sequence[Question],
        needy: Vectors,
        replies: Mapping[str, Vectors],
    ) -> "QuestionIndex":
        """Gather them in the order of `questions`."""
        return cls(
            tuple(Phrases.of(question.triggers) for question in questions),
            needy,
            tuple(replies[question.id] for question in questions),
        )

    def evidence(
        self, texts: Sequence[str], vectors: Vectors, probabilities: Probabilities
    ) -> QuestionEvidence:
        """Weigh every question for every text. `probabilities`: (n_texts, n_questions)."""
        words = [words_of(text) for text in texts]
        shape = (len(texts), len(self.triggers))
        triggered = np.zeros(shape, dtype=np.bool_)
        for column, phrases in enumerate(self.triggers):
            triggered[:, column] = [phrases.said_in(said) for said in words]
        answered = self._closest_replies(vectors) - cosines(vectors, self.needy)
        counts = np.array([len(said) for said in words], dtype=np.float64)
        return QuestionEvidence(probabilities, triggered, answered, counts)

    def _closest_replies(self, vectors: Vectors) -> Floats:
        """Cosine with the closest reply to each question; -1 where a question has none."""
        closest = np.full((len(vectors), len(self.replies)), -1.0)
        counts = np.array([len(replies) for replies in self.replies], dtype=np.intp)
        filled = np.flatnonzero(counts)
        if len(filled):
            starts = np.cumsum(counts[filled]) - counts[filled]
            found = cosines(vectors, self._all_replies)
            closest[:, filled] = np.maximum.reduceat(found, starts, axis=1)
        return closest

    @cached_property
    def _all_replies(self) -> Vectors:
        return np.concatenate(self.replies)


@dataclass(frozen=True)
class Asking:
    """The fitted probability that a text needs a question. No model: the pack has no question."""

    model: Logistic | None

    @classmethod
    def fit(cls, evidence: QuestionEvidence, needs: Bools) -> "Asking":
        """Fit on held-out evidence of texts known to need a question, or not. Shape: (n_texts,)."""
        return cls(Logistic.fit(evidence.features(), needs))

    def probability(self, evidence: QuestionEvidence) -> Floats:
        """Probability that the text needs a question. Shape: (n_texts,), in [0, 1]."""
        if self.model is None:
            return np.zeros(len(evidence.words))
        return self.model.probabilities(evidence.features())
