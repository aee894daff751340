from math import exp, log
from pathlib import Path

import msgspec
import numpy as np
import pytest
from evidence import TableEncoder

from router.fitting.parts_of_exemplars import halves_in_turn
from router.heads import document_head
from router.heads.coverage import stems_in
from router.heads.document_head import (
    Description,
    densities,
    documents_of,
    fit_document_head,
)
from router.heads.lexicon import Lexicon
from router.heads.similarity import unit_rows
from router.heads.term_counts import TermCounts
from router.text import words_in

E1, E2, E3 = np.eye(3, dtype=np.float32)

# The weights of the evidence where no tokens are known, and the sharpness of the density.
WEIGHTS = msgspec.json.decode(
    Path(document_head.__file__).with_name("document_weights.json").read_bytes()
)["without_tokens"]
DENSITY, DESCRIPTION, WORDS = (WEIGHTS[kind] for kind in ("density", "description", "words"))
DOCUMENT, EVERYDAY = WEIGHTS["document"], WEIGHTS["everyday"]
DENSE_EVERYDAY, SHARPNESS = 10.0, 10.0


def fitted(rows, descriptions=None):
    labels, texts, vectors = zip(*rows, strict=True)
    descriptions = descriptions or {}
    description_texts = {name: description.text for name, description in descriptions.items()}
    documents = documents_of(zip(labels, texts, strict=True), description_texts)
    words = TermCounts.of(words_in(documents[name] for name in sorted(documents)))
    lexicon = Lexicon.of_documents(words)
    vectors = np.array(vectors, dtype=np.float32)
    return fit_document_head(texts, vectors, labels, descriptions, lexicon, words)


def log_odds(head, text, vector, column, against):
    """The log odds of one target against another, as the head's probabilities have them."""
    encoder = TableEncoder([text], [vector])
    probabilities = head.score([text], words_in([text]), encoder).probabilities[0]
    return log(probabilities[column] / probabilities[against])


def test_a_density_by_hand():
    similarities = np.array([[1.0, 0.0, 0.5]], dtype=np.float32)
    density = densities(similarities, np.array([0, 2]), np.array([2, 1]))
    of_two = log((exp(SHARPNESS) + 1.0) / 2.0) / SHARPNESS
    assert density == pytest.approx(np.array([[of_two, 0.5]]), abs=1e-6)


def test_log_odds_by_hand_where_nothing_is_everyday():
    rows = [("skill:a", "aa", E1), ("skill:a", "ab", E2), ("skill:b", "bb", E3)]
    head = fitted(rows, {"skill:a": Description("xx", unit_rows(E1[None] + E2[None])[0])})
    # No word is shared. b has no description: its centroid, the only line, is taken instead.
    dense = log((exp(0.6 * SHARPNESS) + 1.0) / 2.0) / SHARPNESS
    a = DENSITY * dense + DESCRIPTION * 0.6 / 2**0.5
    b = (DENSITY + DESCRIPTION) * 0.8
    query = np.float32([0.6, 0.0, 0.8])
    assert log_odds(head, "qqq", query, 0, 1) == pytest.approx(a - b, abs=1e-4)


def test_a_shared_document_counts_its_words():
    head = fitted([("skill:a", "merge pages", E1), ("skill:b", "find out", E2)])
    # The query is the whole document of a, and no letter of it is in b: the cosines of words and of
    # n-grams are 1 and 0.
    zero = np.zeros(3, dtype=np.float32)
    assert head.word_votes(words_in(["merge pages\n"])) == pytest.approx(np.array([[2.0, 0.0]]))
    # The words of the document cover all of the query, and each word occurs once.
    assert head.document_words.shares(stems_in(words_in(["merge pages"]))) == pytest.approx(
        np.array([[1.0, 0.0]]), abs=1e-6
    )
    expected = 2 * WORDS + DOCUMENT
    assert log_odds(head, "merge pages\n", zero, 0, 1) == pytest.approx(expected, abs=1e-3)


EVERYDAY_ROWS = [("none", "hi", E3), ("none", "hello", unit_rows(E3[None] + E2[None])[0])]


def test_everyday_queries_are_no_evidence_for_a_target():
    """The mean log odds of each target over the everyday queries are 0."""
    head = fitted([*EVERYDAY_ROWS, ("skill:a", "aa", E1), ("skill:b", "bb", E2)])
    # Each everyday query has itself beside the other, whose cosine with it is the densest known.
    excess = log((exp(SHARPNESS) + exp(SHARPNESS / 2**0.5)) / 2.0) / SHARPNESS - 1 / 2**0.5
    everyday = EVERYDAY + DENSE_EVERYDAY * excess
    for column in (1, 2):
        odds = [log_odds(head, "", vector, column, 0) for _, _, vector in EVERYDAY_ROWS]
        assert np.mean(odds) == pytest.approx(-everyday, abs=1e-4)


def test_none_is_likelier_only_where_everyday_queries_are_denser_than_among_themselves():
    head = fitted([*EVERYDAY_ROWS, ("skill:a", "aa", E1)])
    far, inside = E1, unit_rows(2 * E3[None] + E2[None])[0]
    assert log_odds(head, "", far, 0, 1) == pytest.approx(EVERYDAY - (DENSITY + DESCRIPTION))
    of_two = (exp(SHARPNESS * 2 / 5**0.5) + exp(SHARPNESS * 3 / 10**0.5)) / 2.0
    excess = log(of_two) / SHARPNESS - 1 / 2**0.5
    expected = EVERYDAY + DENSE_EVERYDAY * excess
    assert log_odds(head, "", inside, 0, 1) == pytest.approx(expected, abs=1e-4)
    # Without its only line, nothing is known of how dense everyday queries are.
    single = fitted([EVERYDAY_ROWS[0], ("skill:a", "aa", E1)])
    assert log_odds(single, "", E3, 0, 1) == pytest.approx(EVERYDAY, abs=1e-4)


def test_halves_hold_every_exemplar_out_once():
    parts = halves_in_turn(["a", "a", "a", "b"])
    assert parts == [([0, 2, 3], [1]), ([1], [0, 2, 3])]
