import pickle

import numpy as np
import pytest
from evidence import TableEncoder, random_units

from router.heads.centroid_head import (
    CentroidHead,
    cosines_of_chosen,
    fit_centroid_head,
    fit_exemplar_head,
    is_too_large_for_kernel,
    likeliest,
)
from router.heads.similarity import FEW_TEXTS, cosines, unit_rows
from router.text import words_in

LABELS = ["a", "a", "a", "b", "b", "c"]
VECTORS = unit_rows(np.array([[2, 0, 1], [2, 1, 0], [2, 0, 0], [0, 2, 1], [0, 2, 0], [1, 1, 3]]))


def test_decisions_by_hand():
    head, _ = fit_centroid_head(VECTORS, LABELS)
    means = np.array([VECTORS[:3].sum(axis=0), VECTORS[3:5].sum(axis=0), VECTORS[5]])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    queries = unit_rows(np.array([[1.0, 2.0, 0.5], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(head.centroids, means, atol=1e-6)
    np.testing.assert_allclose(
        head.decisions(["", ""], queries), np.exp(3 * (queries @ means.T - 1)), atol=1e-6
    )
    assert head.names == ("a", "b", "c")
    assert head.counts.tolist() == [3, 2, 1]
    assert head.word_votes([["a"], []]).tolist() == [[0, 0, 0]] * 2


def test_a_held_out_exemplar_meets_the_centroid_of_the_others():
    """The closed form against five refits."""
    head, held_out = fit_centroid_head(VECTORS, LABELS)
    for left_out in range(5):  # the sixth is the only exemplar of its target
        rest = [i for i in range(6) if i != left_out]
        refitted, _ = fit_centroid_head(VECTORS[rest], [LABELS[i] for i in rest])
        decisions = refitted.decisions([""], VECTORS[left_out : left_out + 1])
        np.testing.assert_allclose(held_out[left_out], decisions[0], atol=1e-5)
    # Without its only exemplar nothing is known of a target: its cosine is 0 with everything.
    unknown = head.decisions([""], VECTORS[5:])
    unknown[0, 2] = np.exp(-3)
    np.testing.assert_allclose(held_out[5], unknown[0], atol=1e-5)


def test_what_is_too_large_for_a_kernel():
    assert not is_too_large_for_kernel(["a"] * 8_000)
    assert is_too_large_for_kernel(["a"] * 8_001)
    labels = [str(number) for number in range(2_001)]
    assert not is_too_large_for_kernel(labels[:2_000])  # 4,000,000 votes
    assert is_too_large_for_kernel(labels)


def test_exemplars_that_are_too_many_for_a_kernel_give_centroids(monkeypatch):
    texts = ["a word"] * 6
    assert not isinstance(fit_exemplar_head(texts, VECTORS, LABELS)[0], CentroidHead)
    monkeypatch.setattr("router.heads.centroid_head._MAX_EXEMPLARS", 5)
    assert isinstance(fit_exemplar_head(texts, VECTORS, LABELS)[0], CentroidHead)


def test_the_32_best_targets_are_marked():
    decisions = np.random.default_rng(3).random((5, 64))
    chosen = likeliest(decisions)
    assert chosen.sum(axis=1).tolist() == [32] * 5
    for row, marks in zip(decisions, chosen, strict=True):
        assert row[marks].min() > row[~marks].max()


@pytest.mark.parametrize("count", [1, FEW_TEXTS, FEW_TEXTS + 1])
def test_only_the_exemplars_of_chosen_targets_are_read(count):
    vectors, exemplars = random_units(count, seed=4), random_units(90, seed=5)
    counts = np.array([10, 50, 30])
    chosen = np.random.default_rng(6).random((count, 3)) < 0.5
    similarities = cosines_of_chosen(vectors, exemplars, counts, chosen)
    read = np.repeat(chosen, counts, axis=1)
    expected = cosines(vectors, exemplars)
    np.testing.assert_allclose(similarities[read], expected[read], atol=1e-6)
    assert (similarities[~read] == -1).all()


@pytest.fixture(scope="module")
def many():
    """Fit a head of 200 targets with three exemplars each, around a point of their own."""
    points = random_units(200, 48, seed=1)
    vectors = unit_rows(np.repeat(points, 3, axis=0) + 0.1 * random_units(600, 48, seed=2))
    labels = [f"skill:{i:03}" for i in range(200) for _ in range(3)]
    return points, vectors, labels, fit_centroid_head(vectors, labels)[0]


def test_of_many_targets_the_exemplars_of_the_likeliest_are_read(many):
    points, vectors, _, head = many
    scores = head.score(["a"], words_in(["a"]), TableEncoder(["a"], points[:1]))
    similarities = head._similarities(points[:1], head.decisions(["a"], points[:1]))[0]
    read = similarities > -1
    assert read.sum() == 3 * 32
    np.testing.assert_allclose(similarities[read], vectors[read] @ points[0], atol=1e-6)
    assert similarities.argmax() // 3 == scores.probabilities[0].argmax() == 0
    assert scores.nearest[0, 0] == similarities[:3].max()


def test_many_centroids_are_read_in_8_bits(many, monkeypatch):
    points, vectors, labels, head = many
    assert head.with_int8_index() is head
    monkeypatch.setattr("router.heads.centroid_head.FEWEST_POINTS", 100)
    int8 = head.with_int8_index()
    assert int8.graph is not None
    texts = [""] * 40
    decisions, exact = int8.decisions(texts, points[:40]), head.decisions(texts, points[:40])
    np.testing.assert_allclose(decisions, exact, rtol=0.03)  # exp(3 * 0.01)
    assert (decisions != exact).any()
    alone = [int8.decisions([""], row[None])[0] for row in points[:5]]
    np.testing.assert_allclose(decisions[:5], alone, atol=1e-5)
    again = pickle.loads(pickle.dumps(int8))
    np.testing.assert_array_equal(again.decisions(texts, points[:40]), decisions)
    few, _ = fit_centroid_head(vectors[:90], labels[:90])
    assert few.with_int8_index() is few
