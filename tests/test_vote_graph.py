import pickle
from dataclasses import replace

import numpy as np
import pytest
from router.heads.vote_graph import FEWEST, VoteGraph, vote_graph

from router.heads.centroid_head import fit_exemplar_head
from router.heads.similarity import unit_rows
from router.watch.live_head import LiveHead

DICE = np.random.default_rng(3)
WIDTH, N_TARGETS = 48, 5


def points(count):
    """Unit vectors around a centre for each target, as an encoder makes them."""
    centres = DICE.normal(size=(N_TARGETS, WIDTH))
    labels = np.arange(count) % N_TARGETS
    return unit_rows(centres[labels] + DICE.normal(size=(count, WIDTH))).astype(np.float32), labels


@pytest.fixture(scope="module")
def fitted():
    vectors, labels = points(FEWEST + 1)
    texts = [f"text {number}" for number in range(len(vectors))]
    head, _ = fit_exemplar_head(texts, vectors, [f"t{label}" for label in labels])
    return texts, vectors, head


def test_it_says_what_single_precision_says(fitted):
    texts, vectors, head = fitted
    quick, asked = head.quickened(), points(40)[0]
    seen = []
    scores = quick.scores([""] * 40, asked, lambda _, near: seen.append(near))
    np.testing.assert_allclose(np.concatenate(seen), asked @ vectors.T, atol=0.01)
    assert np.abs(scores - head.scores([""] * 40, asked)).max() < 0.02
    assert np.abs(quick.scores(texts, vectors) - head.scores(texts, vectors)).max() < 0.02


def test_a_text_decides_the_same_beside_any_other(fitted):
    quick, asked = fitted[2].quickened(), points(300)[0]
    together = quick.scores([""] * 300, asked)
    alone = [quick.scores([""], row[None])[0] for row in asked[:20]]
    np.testing.assert_allclose(together[:20], alone, atol=1e-5)


def test_a_vector_of_nothing_is_like_nothing():
    vectors, labels = points(60)
    graph = VoteGraph(vote_graph(vectors, np.eye(N_TARGETS, dtype=np.float32)[labels], 3.0))
    near, votes = graph.votes(np.zeros((1, WIDTH), dtype=np.float32))
    assert not near.any()
    np.testing.assert_allclose(votes, np.full((1, N_TARGETS), 12 * np.exp(-3.0)), rtol=1e-4)


def test_few_exemplars_stay_as_they_are(fitted):
    texts, vectors, _ = fitted
    head, _ = fit_exemplar_head(
        texts[:50], vectors[:50], [f"t{place % N_TARGETS}" for place in range(50)]
    )
    assert head.quickened() is head


def test_centroids_are_read_in_8_bits_too(fitted, monkeypatch):
    texts, vectors, _ = fitted
    monkeypatch.setattr("router.heads.head.MOST_VOTES", 1)
    monkeypatch.setattr("router.heads.head.FEWEST", 100)
    labels = [f"t{place // 10:03}" for place in range(len(texts))]
    head, _ = fit_exemplar_head(texts, vectors, labels)
    quick, asked = head.quickened(), points(40)[0]
    assert head.graph is None
    assert quick.graph is not None
    scores, exact = quick.scores([""] * 40, asked), head.scores([""] * 40, asked)
    np.testing.assert_allclose(scores, exact, rtol=0.03)  # exp(3 * 0.01)
    assert (scores != exact).any()
    alone = [quick.scores([""], row[None])[0] for row in asked[:5]]
    np.testing.assert_allclose(scores[:5], alone, atol=1e-5)
    few, _ = fit_exemplar_head(texts[:90], vectors[:90], labels[:90])
    assert few.quickened() is few


def test_it_is_pickled_as_what_it_was_made_of(fitted):
    quick, asked = fitted[2].quickened(), points(3)[0]
    before = quick.scores([""] * 3, asked)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(quick)).scores([""] * 3, asked), before)


def test_an_updated_head_does_not_read_the_exemplars_of_before(fitted):
    texts, vectors, head = fitted
    rows = [(f"t{place % N_TARGETS}", text) for place, text in enumerate(texts)]
    live = LiveHead.of(head.quickened(), rows)
    kept = live.with_exemplars(rows[:-200], encoder=None).head
    by_hand = replace(kept, graph=None)
    np.testing.assert_array_equal(kept.scores([""], vectors[:1]), by_hand.scores([""], vectors[:1]))
    assert kept.scores([""], vectors[:1]).shape == (1, N_TARGETS)
    assert kept.graph is None
