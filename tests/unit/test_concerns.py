import math

import numpy as np
import pytest

from router.fitting.joined_queries import join_exemplars
from router.model.concerns import ClauseEvidence, Concerns, clauses_of
from router.model.request_words import RequestWords
from router.statistics.probability import Logistic
from router.text import words_in

EXEMPLARS = {
    "brakes": ["Brake pads are worn out.", "Does the lever feel soft?"],
    "tyres": ["Flat tyre again!", "ISO width of the tube"],
    "sales": ["Buy a city bike", "long " * 15],
}


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        (
            "First write down our runs, then automate the training",
            ["write down our runs", "automate the training"],
        ),
        ("set up alarms once the API is live", ["set up alarms", "the API is live"]),
        ("prune the net; wrap it. Watch it live", ["prune the net", "wrap it", "Watch it live"]),
        ("prune the net + wrap it & watch it", ["prune the net", "wrap it", "watch it"]),
        ("prune the net -> wrap it as an API", ["prune the net", "wrap it as an API"]),
        ("prune the net and then wrap it", ["prune the net", "wrap it"]),
        ("prune the net as well as wrap it", ["prune the net", "wrap it"]),
        ("a REST API\nsome alarms\na canary", ["a REST API", "some alarms", "a canary"]),
        ("why does the endpoint answer so late", []),
        ("version 1.2 of the model on the R&D box", []),
        ("roll-back to end-of-year state", []),
        ("", []),
        (" , . ; and then \n\n", []),
    ],
)
def test_clauses_by_hand(text, clauses):
    assert clauses_of(text) == clauses


def test_a_text_that_begins_with_once_is_two_clauses():
    assert clauses_of("Once it is live, watch the drift") == ["it is live", "watch the drift"]


def test_no_more_clauses_than_are_weighed():
    text = ". ".join(f"clause number {i}" for i in range(40))
    assert clauses_of(text) == [f"clause number {i}" for i in range(12)]


@pytest.mark.parametrize("piece", [" ", ", ", "-", " -", "\n", ".", " and", ";\t", "a, "])
def test_odd_text_of_the_greatest_length_is_split(piece):
    """A pattern that backtracks over the whole text at every character would not end."""
    assert clauses_of("a" + piece * (4_000 // len(piece)) + "b") == []


def test_joined_exemplars_are_the_same_for_the_same_seed():
    joined = join_exemplars(EXEMPLARS, 30, seed=4)
    assert joined == join_exemplars(dict(reversed(EXEMPLARS.items())), 30, seed=4)
    assert joined != join_exemplars(EXEMPLARS, 30, seed=5)
    assert joined[:10] == join_exemplars(EXEMPLARS, 10, seed=4)


def test_joined_exemplars_hold_one_short_sentence_of_each_of_their_two_skills():
    pieces = {
        line.rstrip(".?! ").casefold(): skill
        for skill, lines in EXEMPLARS.items()
        for line in lines
        if len(line.split()) <= 14
    }
    joined = join_exemplars(EXEMPLARS, 200)
    assert len(joined) == 200
    for text, skills in joined:
        contained = [skill for piece, skill in pieces.items() if piece in text.casefold()]
        assert len(contained) == 2
        assert frozenset(contained) == skills
        assert clauses_of(text)
    assert {pair for _, pair in joined} == {
        frozenset(pair) for pair in (("brakes", "tyres"), ("brakes", "sales"), ("sales", "tyres"))
    }
    assert any("ISO width" in text for text, _ in joined)  # a name keeps its capitals


@pytest.mark.parametrize("exemplars", [{}, {"a": ["x y"]}, {"a": ["x y"], "b": ["long " * 15]}])
def test_nothing_is_joined_with_fewer_than_two_skills(exemplars):
    assert join_exemplars(exemplars, 5) == []


def evidence_of(texts, rows, requests=None):
    """Give evidence whose cosines are half of the probabilities."""
    clauses = [clauses_of(text) for text in texts]
    return ClauseEvidence.of(words_in(texts), clauses, np.array(rows), np.array(rows) / 2, requests)


def test_evidence_lays_clauses_out_by_text():
    texts = ["buy a bike", "flat tyre, soft brake lever", "city bike; bike lock. a good pump"]
    rows = [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8], [0.9, 0.0]]
    evidence = evidence_of(texts, rows)
    np.testing.assert_array_equal(
        evidence.probabilities,
        [[[0, 0]] * 3, [rows[0], rows[1], [0, 0]], [rows[2], rows[3], rows[4]]],
    )
    np.testing.assert_array_equal(evidence.n_words, [[0, 0, 0], [2, 3, 0], [2, 2, 3]])
    assert evidence.joined.tolist() == [False, False, False]


def test_a_joining_word_is_a_whole_word():
    texts = ["later we buy", "Both", "flat tyre plus soft lever", "the thenar muscle", "brand"]
    rows = [[0.1, 0.2]] * 2  # of the third text's two clauses
    assert evidence_of(texts, rows).joined.tolist() == [False, True, True, False, False]
    assert evidence_of(texts, rows).sequenced.tolist() == [True, False, False, False, False]


TWO = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]
WHOLE = np.array([[0.6, 0.3, 0.1]])


def test_features_by_hand():
    evidence = evidence_of(["soft brake lever and flat tyre again"], TWO, np.array([-2.0, 1.5]))
    features, possible = evidence.features(WHOLE)
    # The clause that speaks for skill 1 is the second: 3 words of 6, which says 0.1 of skill 0.
    expected = [
        math.log(0.8 / 0.2),  # that clause of skill 1
        math.log(0.3 / 0.7),  # the whole of skill 1
        math.log(0.6 / 0.4),  # the whole of the likeliest
        math.log(0.1 / 0.9),  # that clause of the likeliest
        math.log(3 / 6),
        math.log(6),
        math.log(2),
        0.9,  # (0.1 + 0.8) of 3 words and (0.8 + 0.1) of 3, of 6
        1.0,  # contains "and"
        0.0,  # contains no word of order
        0.35,  # the cosine of that clause with skill 1, less that with the likeliest
        1.5,  # that clause is a request
        -2.0,  # and the other one is none
    ]
    np.testing.assert_allclose(features[0, 1], expected)
    assert possible.tolist() == [[False, True, False]]


def test_the_likeliest_request_among_the_other_clauses_counts():
    evidence = evidence_of(
        ["soft brake lever", "flat tyre, soft lever, old saddle"],
        [[0.1, 0.8, 0.1], *TWO],
        np.array([3.0, -1.0, 2.0]),
    )
    features, _ = evidence.features(np.repeat(WHOLE, 2, axis=0))
    assert features[0, :, 12].tolist() == [0.0, 0.0, 0.0]  # it has no clauses
    assert features[1, :, 11].tolist() == [-1.0, 3.0, 3.0]
    assert features[1, :, 12].tolist() == [3.0, 2.0, 2.0]


def test_words_tell_a_request_from_what_is_only_told():
    told = ["we already have a pump", "the lock was new and is in place", "our brakes are fine"]
    asked = ["how do I fix the tyre", "what should we buy", "can you help me with the saddle?"]
    requested = np.array([False, True] * 3)
    clauses = [clause for pair in zip(told, asked, strict=True) for clause in pair]
    fitted = RequestWords.fit(clauses, requested)
    new = fitted.log_odds(["how should I clean the chain?", "we already have a chain", "chain"])
    assert new[0] > new[2] > new[1]
    assert RequestWords.mean([fitted, fitted]).log_odds(clauses) == pytest.approx(
        fitted.log_odds(clauses)
    )


def test_where_all_clauses_are_requests_words_tell_nothing():
    fitted = RequestWords.fit(["how do I", "what is"], np.array([True, True]))
    assert fitted.log_odds(["we already have"]).tolist() == [0.0]


@pytest.mark.parametrize(
    ("rows", "possible"),
    [
        ([[0.8, 0.1, 0.1], [0.7, 0.149, 0.151]], [False, False, True]),  # from 0.15 on
        ([[0.0, 0.5, 0.5], [0.0, 0.6, 0.4]], [False, True, True]),  # never the likeliest
        ([[0.9, 0.05, 0.05], [0.9, 0.05, 0.05]], [False, False, False]),
    ],
)
def test_which_skill_can_be_a_further_concern(rows, possible):
    assert evidence_of(["soft lever, flat tyre"], rows).features(WHOLE)[1].tolist() == [possible]


def test_a_text_of_one_clause_has_no_further_concern():
    evidence = evidence_of(["soft lever"], np.zeros((0, 3)))
    assert not evidence.features(WHOLE)[1].any()
    assert not Concerns(Logistic(np.zeros(13), 3.0)).extra_skills(evidence, WHOLE).any()


def test_what_cannot_be_a_further_concern_has_probability_0():
    evidence = evidence_of(["soft brake lever and flat tyre again"], TWO)
    extra = Concerns(Logistic(np.zeros(13), math.log(3))).extra_skills(evidence, WHOLE)
    np.testing.assert_allclose(extra, [[0, 0.75, 0]])


def test_fitted_concerns_tell_a_second_concern_from_a_passing_mention():
    """One clause all for skill 1 is a concern; one that is half of either is not."""
    clear, vague = TWO, [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1]]
    texts = ["soft brake lever and flat tyre again"] * 40
    rows = [row for i in range(40) for row in (clear if i % 2 else vague)]
    truth = np.array([[True, bool(i % 2), False] for i in range(40)])
    whole = np.repeat(WHOLE, 40, axis=0)
    features, possible = evidence_of(texts, rows).features(whole)
    concerns = Concerns.fit(features[possible], truth[possible], whole[possible])
    extra = concerns.extra_skills(evidence_of(texts[:2], [*vague, *clear]), whole[:2])
    assert extra[0, 1] < 0.3
    assert extra[1, 1] > 0.7


def test_few_of_the_known_further_concerns_are_too_faint_to_be_looked_for():
    whole = np.linspace(0.0, 0.5, 1_001)
    truth = whole >= 0.1
    concerns = Concerns.fit(np.zeros((1_001, 13)), truth, whole)
    assert np.mean(whole[truth] < concerns.min_probability) == pytest.approx(0.02, abs=2e-3)


def test_what_the_whole_text_hardly_speaks_for_is_no_further_concern():
    evidence = evidence_of(["soft brake lever and flat tyre again"], TWO)
    strict = Concerns(Logistic(np.zeros(13), 3.0), min_probability=float(WHOLE[0, 1]) + 0.01)
    assert not strict.possible(WHOLE).any()
    assert not strict.extra_skills(evidence, WHOLE).any()
    lenient = Concerns(Logistic(np.zeros(13), 3.0), min_probability=float(WHOLE[0, 1]))
    assert lenient.possible(WHOLE).all()


def test_the_fixed_weights_find_a_second_concern_and_pass_over_a_mention():
    texts = ["soft brake lever and flat tyre again"] * 2
    clear, vague = [[0.98, 0.01, 0.01], [0.01, 0.98, 0.01]], [[0.98, 0.01, 0.01], [0.8, 0.19, 0.01]]
    whole = np.repeat(WHOLE, 2, axis=0)
    extra = Concerns.typical().extra_skills(evidence_of(texts, [*clear, *vague]), whole)
    assert extra[0, 1] > 0.95
    assert extra[1, 1] < 0.2
