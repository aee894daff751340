"""How likely is it that the detail which decides is missing from a text?

A low margin between two targets hardly tells an ambiguous query from a clear one. These do: how
close the text lies to queries that need a question, how short it is, whether it contains a trigger,
and whether it already says what one of the options says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import Bools, Floats, Probabilities, Vectors
from router.heads.similarity import cosines
from router.packs.parts import Question
from router.statistics.probability import Logistic, logit
from router.text import Phrases, Words


@dataclass(frozen=True)
class QuestionEvidence:
    """What speaks for and against the likeliest question of each text.

    :param probabilities: The probability of every question. Shape: (n_texts, n_questions).
    :param triggered: Whether the text contains a trigger of the question. Shape: (n_texts,).
    :param answered: The cosine with the closest reply to the question, less the cosine with the
        centroid of the queries that need it. Shape: (n_texts,), in [-2, 2].
    :param n_words: The number of words. Shape: (n_texts,).
    """

    probabilities: Probabilities
    triggered: Bools
    answered: Floats
    n_words: Floats

    def features(self) -> Floats:
        """Describe each text. Shape: (n_texts, 4)."""
        features = np.empty((len(self.n_words), 4))
        features[:, 0] = logit(self.probabilities.sum(axis=1))
        features[:, 1] = self.triggered
        features[:, 2] = self.answered
        features[:, 3] = np.log(self.n_words + 1.0)
        return features


@dataclass(frozen=True)
class QuestionIndex:
    """The questions of a pack as arrays, in the order of its file.

    :param centroids: The unit centroid of the queries that need each question. Shape:
        (n_questions, width).
    :param replies: The vectors of the replies to each question.
    """

    triggers: tuple[Phrases, ...]
    centroids: Vectors
    replies: tuple[Vectors, ...]

    @classmethod
    def of(
        cls, questions: Sequence[Question], centroids: Vectors, replies: Mapping[str, Vectors]
    ) -> "QuestionIndex":
        """Gather triggers and replies in the order of `questions`."""
        return cls(
            tuple(Phrases.of(question.triggers) for question in questions),
            centroids,
            tuple(replies[question.id] for question in questions),
        )

    def evidence(
        self, words: Words, vectors: Vectors, probabilities: Probabilities
    ) -> QuestionEvidence:
        """Gather the evidence on each text's likeliest question.

        :param words: The words of each text.
        :param probabilities: The probability of every question. Shape: (n_texts, n_questions).
        """
        triggered, answered = np.zeros(len(words), dtype=np.bool_), np.zeros(len(words))
        if len(self.triggers):
            likeliest = probabilities.argmax(axis=1)
            for question in set(likeliest.tolist()):
                rows = (likeliest == question).nonzero()[0]
                match = self.triggers[question].match
                triggered[rows] = [match(words[row]) for row in rows.tolist()]
                answered[rows] = self.answered(question, vectors[rows])
        n_words = np.array([len(of_text) for of_text in words], dtype=np.float64)
        return QuestionEvidence(probabilities, triggered, answered, n_words)

    def answered(self, question: int, vectors: Vectors) -> Floats:
        """Measure how much texts resemble replies to a question more than queries that need it.

        :return: The cosine with the closest reply, -1 if there is none, less the cosine with the
            centroid of the queries. Shape: (n_texts,), in [-2, 2].
        """
        closest = cosines(vectors, self.replies[question]).max(axis=1, initial=-1.0)
        return np.asarray(closest - vectors @ self.centroids[question], dtype=np.float64)


@dataclass(frozen=True)
class MissingDetail:
    """The fitted probability that a text needs a question; `model` is None without questions."""

    model: Logistic | None

    @classmethod
    def fit(cls, features: Floats, needs_question: Bools) -> "MissingDetail":
        """Fit on held-out texts that are known to need a question, or not.

        :param features: See `QuestionEvidence.features`. Shape: (n_texts, 4).
        :param needs_question: Shape: (n_texts,).
        """
        return cls(Logistic.fit(features, needs_question))

    def probability(self, evidence: QuestionEvidence) -> Floats:
        """Compute the probability that each text needs a question. Shape: (n_texts,)."""
        if self.model is None:
            return np.zeros(len(evidence.n_words))
        return self.model.probabilities(evidence.features())
