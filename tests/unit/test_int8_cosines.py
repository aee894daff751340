import pickle

import numpy as np
import pytest
from evidence import random_units

from router.heads.similarity import Int8Cosines, int8_graph

POINTS = random_units(300, 48)
TEXTS = random_units(40, 48, seed=1)


@pytest.fixture(scope="module")
def int8():
    return Int8Cosines(int8_graph(POINTS))


def test_cosines_are_those_of_single_precision(int8):
    cosines = int8.cosines(TEXTS)
    assert cosines.shape == (40, 300)
    np.testing.assert_allclose(cosines, TEXTS @ POINTS.T, atol=0.01)
    np.testing.assert_allclose(int8.cosines(POINTS).diagonal(), 1, atol=0.01)


def test_a_text_has_the_same_cosines_beside_any_other(int8):
    together = int8.cosines(TEXTS)
    alone = [int8.cosines(row[None])[0] for row in TEXTS]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_zero_vector_has_cosine_zero_with_everything(int8):
    assert not int8.cosines(np.zeros((1, 48), dtype=np.float32)).any()


def test_it_is_pickled_as_the_graph_that_it_was_made_of(int8):
    again = pickle.loads(pickle.dumps(int8))
    np.testing.assert_array_equal(again.cosines(TEXTS), int8.cosines(TEXTS))
