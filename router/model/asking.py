"""Whether to ask, as a model: how likely is it that the detail that decides is missing?

A low margin between two targets hardly tells an ambiguous query from a clear one. What does:
closeness to queries known to need a question, missing detail (a short text), a trigger said, and
whether the text already says what one of the options says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import Bools, Floats, Probabilities, Vectors
from router.heads.cosines import cosines
from router.packs.pack import Question
from router.statistics.logistic import Logistic, logit
from router.text import Phrases, Words


@dataclass(frozen=True)
class QuestionEvidence:
    """What speaks for and against the likeliest question of each text."""

    probabilities: Probabilities  # (n_texts, n_questions): of every question
    triggered: Bools  # (n_texts,)
    answered: Floats  # (n_texts,): cosine with the closest reply, less cosine with needy queries
    words: Floats  # (n_texts,)

    def features(self) -> Floats:
        """Describe each text. Shape: (n_texts, 4)."""
        features = np.empty((len(self.words), 4))
        features[:, 0] = logit(self.probabilities.sum(axis=1))
        features[:, 1] = self.triggered
        features[:, 2] = self.answered
        features[:, 3] = np.log(self.words + 1.0)
        return features


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
        self, said: Words, vectors: Vectors, probabilities: Probabilities
    ) -> QuestionEvidence:
        """Weigh each text's likeliest question.

        :param said: The words of each text.
        :param probabilities: Of every question. Shape: (n_texts, n_questions).
        """
        triggered, answered = np.zeros(len(said), dtype=np.bool_), np.zeros(len(said))
        if len(self.triggers):
            likeliest = probabilities.argmax(axis=1)
            for place in set(likeliest.tolist()):
                rows = (likeliest == place).nonzero()[0]
                phrases = self.triggers[place]
                triggered[rows] = [phrases.match(said[row]) for row in rows.tolist()]
                answered[rows] = self.answered(place, vectors[rows])
        counts = np.array([len(words) for words in said], dtype=np.float64)
        return QuestionEvidence(probabilities, triggered, answered, counts)

    def answered(self, place: int, vectors: Vectors) -> Floats:
        """Cosine with the closest reply to a question, -1 without one, less that with its centroid.

        :return: Shape: (n_texts,), in [-2, 2].
        """
        closest = cosines(vectors, self.replies[place]).max(axis=1, initial=-1.0)
        return np.asarray(closest - vectors @ self.needy[place], dtype=np.float64)


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
