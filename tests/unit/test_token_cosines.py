import numpy as np
import pytest
from evidence import random_units

from router.heads.late_interaction import (
    MAX_TOKENS,
    LateInteraction,
    first_tokens,
    mean_closeness,
)
from router.heads.similarity import unit_rows

E1, E2, E3 = np.eye(3, dtype=np.float16)


def rows(*vectors):
    return np.array(vectors, dtype=np.float16)


def fit(documents, everyday):
    width = next(len(line[0]) for lines in [*documents, everyday] for line in lines)
    points = [first_tokens(lines, width) for lines in documents]
    return LateInteraction.of(points, mean_closeness(points, everyday))


def random_tokens(count, seed=0):
    return random_units(count, seed=seed).astype(np.float16)


def test_closeness_by_hand():
    late = fit([[rows(E1), rows(E2)], [rows(E3)]], [rows(E3)])
    assert late.baseline == pytest.approx([0.0, 1.0])
    half = unit_rows(np.array([[1.0, 0.0, 1.0]]))[0]
    closeness = late.closeness([rows(E1, half)], np.zeros((1, 2)))
    a, b = (1.0 + 0.5**0.5) / 2, (0.0 + 0.5**0.5) / 2 - 1.0
    assert closeness == pytest.approx(np.array([[a, b]]), abs=1e-3)


def test_a_text_without_tokens_is_close_to_nothing():
    late = fit([[rows(E1)], []], [])
    assert late.baseline.tolist() == [0.0, 0.0]
    no_tokens = np.zeros((0, 1), dtype=np.float16)
    closeness = late.closeness([no_tokens, rows(E1)], np.zeros((2, 2)))
    assert closeness.tolist() == [[0, 0], [1, 0]]


def test_of_a_long_document_the_first_tokens_are_kept_once_each():
    tokens = random_tokens(MAX_TOKENS + 8)
    late = fit([[tokens[:100], tokens], [np.repeat(tokens[:3], 50, axis=0)]], [])
    assert late.counts.tolist() == [MAX_TOKENS, 3]
    closeness = late.closeness([tokens[:1]], np.zeros((1, 2)))
    assert closeness == pytest.approx(np.ones((1, 2)), abs=1e-2)
    assert late.closeness([tokens[-1:]], np.zeros((1, 2)))[0, 0] < 0.99


def test_of_many_documents_those_that_other_evidence_speaks_for_are_read(monkeypatch):
    late = fit([[random_tokens(4, number)] for number in range(48)], [random_tokens(2, 99)])
    tokens, log_odds = [random_tokens(5, 77)], np.random.default_rng(5).normal(size=(1, 48))
    closeness = late.closeness(tokens, log_odds)
    best = np.argsort(-log_odds[0])[:8]
    monkeypatch.setattr("router.heads.late_interaction._READ_DOCUMENTS", 48)
    of_all = late.closeness(tokens, log_odds)
    assert closeness[0, best] == pytest.approx(of_all[0, best], abs=1e-6)
    rest = np.setdiff1d(np.arange(48), best)
    assert closeness[0, rest] == pytest.approx(np.full(40, closeness[0, best].min()))
