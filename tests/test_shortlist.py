import numpy as np
import pytest
from router.heads.shortlist import MOST, UNREAD, cosines_of, likeliest, worthwhile

from router.heads.document_head import fit_document_head
from router.heads.kernel_head import MOST_VOTES
from router.heads.lexicon import Lexicon
from router.heads.similarity import FEW, cosines


def unit_rows(count, width=16, seed=0):
    rows = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def made():
    """Two hundred targets of three exemplars each, around a point of their own."""
    points = unit_rows(200, seed=1)
    vectors = np.repeat(points, 3, axis=0) + 0.1 * unit_rows(600, seed=2)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = [f"skill:{i:03}" for i in range(200) for _ in range(3)]
    texts = [f"thing{i} part{j}" for i in range(200) for j in range(3)]
    return points, texts, vectors.astype(np.float32), labels


def test_the_best_targets_are_marked_where_there_are_many():
    scores = np.random.default_rng(3).random((5, 2 * MOST))
    chosen = likeliest(scores)
    assert chosen.sum(axis=1).tolist() == [MOST] * 5
    for row, marks in zip(scores, chosen, strict=True):
        assert row[marks].min() > row[~marks].max()
    assert worthwhile(2 * MOST)
    assert not worthwhile(2 * MOST - 1)


@pytest.mark.parametrize("count", [1, FEW, FEW + 1])
def test_only_the_exemplars_of_chosen_targets_are_read(count):
    vectors, exemplars = unit_rows(count, seed=4), unit_rows(90, seed=5)
    counts = np.array([10, 50, 30])
    chosen = np.random.default_rng(6).random((count, 3)) < 0.5
    found = cosines_of(vectors, exemplars, counts, chosen)
    read = np.repeat(chosen, counts, axis=1)
    np.testing.assert_allclose(found[read], cosines(vectors, exemplars)[read], atol=1e-6)
    assert (found[~read] == UNREAD).all()
    everything = cosines_of(vectors, exemplars, counts, None)
    np.testing.assert_allclose(everything, cosines(vectors, exemplars), atol=1e-6)


def seen_by(head, texts, vectors):
    """Score, and give what whoever looks on is shown."""
    shown = np.empty((len(texts), len(head.exemplars)), dtype=np.float32)

    def seen(rows, near):
        shown[rows] = near

    return head.scores(texts, vectors, seen), shown


def test_a_described_head_finds_the_same_targets_by_the_shortlist(made, monkeypatch):
    points, texts, vectors, labels = made
    head = fit_document_head(texts, vectors, labels, {}, Lexicon.fit(texts))
    asked = [f"thing{i}" for i in range(40)]
    few, shown = seen_by(head, asked, points[:40])
    assert (shown == UNREAD).mean() > 0.7
    monkeypatch.setattr("router.heads.shortlist.MOST", 1_000)
    every, _ = seen_by(head, asked, points[:40])
    np.testing.assert_array_equal(few.argmax(axis=1), every.argmax(axis=1))
    np.testing.assert_allclose(few.max(axis=1), every.max(axis=1), rtol=1e-6)


@pytest.mark.parametrize("kind", ["described", "centroids"])
def test_a_batch_is_read_as_its_texts_one_by_one(made, kind, monkeypatch):
    points, texts, vectors, labels = made
    if kind == "described":
        head = fit_document_head(texts, vectors, labels, {}, Lexicon.fit(texts))
    else:
        monkeypatch.setattr("router.heads.head.MOST_VOTES", 1)
        assert MOST_VOTES > 1
        head, _ = fit_exemplar_head(texts, vectors, labels)
        assert head.centroids is not None
    asked = [f"thing{i}" for i in range(40)]
    batch, shown = seen_by(head, asked, points[:40])
    for place in range(40):
        alone, shown_alone = seen_by(head, asked[place : place + 1], points[place : place + 1])
        np.testing.assert_allclose(alone[0], batch[place], atol=1e-4)
        np.testing.assert_allclose(shown_alone[0], shown[place], atol=1e-5)


def test_a_head_of_centroids_shows_the_exemplars_of_the_likeliest(made, monkeypatch):
    points, texts, vectors, labels = made
    monkeypatch.setattr("router.heads.head.MOST_VOTES", 1)
    head, _ = fit_exemplar_head(texts, vectors, labels)
    scores, shown = seen_by(head, texts[:1], points[:1])
    assert head.counts.tolist() == [3] * 200
    assert (shown[0] > UNREAD).sum() == 3 * MOST
    assert shown[0].argmax() // 3 == scores[0].argmax() == 0
