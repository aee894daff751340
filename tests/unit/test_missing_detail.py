import math

import numpy as np
import pytest

from router.model.missing_detail import MissingDetail, QuestionEvidence, QuestionIndex
from router.packs.parts import Destination, Option, Question
from router.text import words_in

HALF = math.sqrt(0.5)


def question(name, *triggers):
    options = tuple(Option(letter, letter, Destination(skills=("s",))) for letter in "ab")
    return Question(name, "?", options, triggers=triggers)


@pytest.fixture
def index():
    centroids = np.array([[1, 0], [0, 1]], dtype=np.float32)
    replies = {
        "first": np.array([[0, 1], [HALF, HALF]], dtype=np.float32),
        "second": np.zeros((0, 2), dtype=np.float32),
    }
    questions = [question("first", "bike trouble", "old bike"), question("second", "broken")]
    return QuestionIndex.of(questions, centroids, replies)


def test_evidence_by_hand(index):
    texts = ["My OLD bike is broken!", "the oldest bike", ""]
    vectors = np.array([[1, 0], [0, 1], [0, 0]], dtype=np.float32)
    probabilities = np.array([[0.5, 0.2], [0.1, 0.3], [0.0, 0.0]])
    evidence = index.evidence(words_in(texts), vectors, probabilities)
    assert evidence.triggered.tolist() == [True, False, False]
    np.testing.assert_allclose(
        evidence.answered,
        # closest reply less queries that need the question; -1 stands for a missing closest reply
        [HALF - 1, -1 - 1, 0 - 0],
        atol=1e-6,
    )
    assert evidence.n_words.tolist() == [5, 3, 0]
    np.testing.assert_array_equal(evidence.probabilities, probabilities)


def test_features_by_hand():
    evidence = QuestionEvidence(
        probabilities=np.array([[0.2, 0.5], [0.0, 0.0]]),
        triggered=np.array([False, True]),
        answered=np.array([0.1, 0.4]),
        n_words=np.array([6.0, 0.0]),
    )
    edge = math.log(0.001 / 0.999)  # a probability of 0 counts as 0.001
    np.testing.assert_allclose(
        evidence.features(),
        [[math.log(0.7 / 0.3), 0, 0.1, math.log(7)], [edge, 1, 0.4, 0]],
    )


def evidence_of(share, triggered=False, answered=0.0, n_words=6.0):
    return QuestionEvidence(
        np.array([[share, 0.0]]),
        np.array([triggered]),
        np.array([answered]),
        np.array([n_words]),
    )


def test_a_pack_without_questions_never_asks():
    assert MissingDetail(None).probability(evidence_of(0.9)).tolist() == [0.0]


def test_what_is_fitted_asks_less_where_the_text_answers_and_more_where_detail_is_missing():
    """Made so that each kind of evidence decides a part of the examples by itself."""
    generator = np.random.default_rng(2)
    share, answered = generator.uniform(0.05, 0.95, 400), generator.normal(0, 0.3, 400)
    triggered, n_words = generator.random(400) < 0.5, generator.integers(2, 60, 400).astype(float)
    odds = 3 * (share - 0.5) + 2 * triggered - 4 * answered - 2 * (np.log(n_words) - 2.5)
    needs_question = odds + generator.logistic(size=400) > 0
    zero = np.zeros(400)
    evidence = QuestionEvidence(np.column_stack([share, zero]), triggered, answered, n_words)
    missing_detail = MissingDetail.fit(evidence.features(), needs_question)

    def asks(*row, **settings):
        return missing_detail.probability(evidence_of(*row, **settings))[0]

    assert asks(0.9) > asks(0.5) > asks(0.1)
    assert asks(0.5, triggered=True) > asks(0.5)
    assert asks(0.5, answered=0.5) < asks(0.5) < asks(0.5, answered=-0.5)
    assert asks(0.5, n_words=4.0) > asks(0.5, n_words=50.0)


def test_where_no_text_ever_needs_a_question_asking_is_unlikely():
    evidence = QuestionEvidence(
        np.full((9, 1), 0.5), np.zeros(9, dtype=bool), np.zeros(9), np.full(9, 5.0)
    )
    missing_detail = MissingDetail.fit(evidence.features(), np.zeros(9, dtype=bool))
    np.testing.assert_allclose(
        missing_detail.probability(evidence), 0.5 / 10
    )  # (0 + 0.5) of (9 + 1)
