import numpy as np
import pytest
from evidence import random_units
from hypothesis import given, settings
from hypothesis import strategies as st

from router.heads.similarity import FEW_TEXTS, Centroids, cosines, product, unit_rows

HALF = np.sqrt(0.5)


def test_centroids_by_hand():
    vectors = np.array([[1, 0], [0, -1], [0, 1]], dtype=np.float32)
    centroids = Centroids.of(vectors, ["b", "a", "b"])
    assert centroids.names == ("a", "b")
    np.testing.assert_allclose(centroids.vectors, [[0, -1], [HALF, HALF]], atol=1e-7)
    queries = np.array([[1, 0], [0, 1], [-HALF, -HALF], [0, 0]], dtype=np.float32)
    np.testing.assert_allclose(
        centroids.similarities(queries), [[0, HALF], [-1, HALF], [HALF, -1], [0, 0]], atol=1e-6
    )


def test_a_centroid_weighs_each_exemplar_alike():
    vectors = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], dtype=np.float32)
    (centroid,) = Centroids.of(vectors, ["a"] * 4).vectors
    np.testing.assert_allclose(centroid, [3 / np.sqrt(10), 1 / np.sqrt(10)], atol=1e-7)


def test_exemplars_that_cancel_out_give_a_zero_row():
    vectors = np.array([[1, 0], [-1, 0]], dtype=np.float32)
    assert not Centroids.of(vectors, ["a", "a"]).vectors.any()


def test_unit_rows_keep_a_zero_row():
    np.testing.assert_allclose(unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])), [[0.6, 0.8], [0, 0]])
    assert unit_rows(np.zeros((0, 2))).shape == (0, 2)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 40))
def test_the_order_of_exemplars_does_not_matter(chance, count):
    rows = np.random.default_rng(count).normal(size=(count, 8))
    vectors, labels = unit_rows(rows), [f"label {i % 3}" for i in range(count)]
    order = list(range(count))
    chance.shuffle(order)
    centroids = Centroids.of(vectors, labels)
    shuffled = Centroids.of(vectors[order], [labels[i] for i in order])
    assert centroids.names == shuffled.names
    np.testing.assert_allclose(centroids.vectors, shuffled.vectors, atol=1e-6)
    assert np.linalg.norm(centroids.vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_batch_is_its_texts_one_by_one():
    generator = np.random.default_rng(1)
    centroids = Centroids.of(unit_rows(generator.normal(size=(9, 8))), list("abcabcabc"))
    queries = unit_rows(generator.normal(size=(5, 8)))
    batch = centroids.similarities(queries)
    single = np.concatenate([centroids.similarities(row[None]) for row in queries])
    np.testing.assert_allclose(batch, single, atol=1e-6)
    assert np.abs(batch).max() <= 1 + 1e-6


@pytest.mark.parametrize("n_texts", [0, 1, 3, FEW_TEXTS, FEW_TEXTS + 1, 400])
@pytest.mark.parametrize("n_points", [0, 1, 63, 64, 197])  # a block has 64
def test_cosines_of_few_texts_are_those_of_many(n_texts, n_points):
    texts, points = random_units(n_texts, 24), random_units(n_points, 24, seed=1)
    similarities = cosines(texts, points)
    assert similarities.shape == (n_texts, n_points)
    np.testing.assert_allclose(similarities, texts @ points.T, atol=1e-6)


@pytest.mark.parametrize("n_rows", [1, 3, FEW_TEXTS, FEW_TEXTS + 1])
@pytest.mark.parametrize("width", [1, 22, 5_000, 30_000])
def test_a_product_in_blocks_is_that_of_the_whole(n_rows, width):
    generator = np.random.default_rng(5)
    rows = generator.standard_normal((n_rows, 131)).astype(np.float32)
    matrix = generator.standard_normal((131, width))
    whole = product(rows, matrix)
    np.testing.assert_allclose(whole, rows @ matrix, rtol=0, atol=1e-12)
    alone = [product(row[None], matrix)[0] for row in rows]  # BLAS adds up in another order
    np.testing.assert_allclose(whole, alone, rtol=0, atol=1e-12)
