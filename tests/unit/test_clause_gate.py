import math

import numpy as np
import pytest

from router.model.concerns import ClauseGate, clauses_of, gate_features
from router.text import words_in

N_FEATURES = 8


def test_features_by_hand():
    texts = ["bake the bread and then sell it", "one, two"]
    clauses = [["bake the bread", "sell it now"], ["only clause"]]
    votes = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.8], [0.1, 0.4, 0.6]])
    whole = np.array([[0.7, 0.1, 0.2], [0.25, 0.25, 0.5]])
    features = gate_features(words_in(texts), clauses, votes, whole)
    first = [0.8, 0.8 - 0.2, _logit(0.7), _logit(0.2), math.log(7), math.log(2), 1, 1]
    second = [0.4, 0.4 - 0.6, _logit(0.5), _logit(0.25), math.log(2), 0, 0, 0]
    np.testing.assert_allclose(features, [first, second])


def _logit(share):
    return math.log(share / (1 - share))


@pytest.mark.parametrize("shape", [(0, 3), (2, 1)])
def test_no_text_or_no_second_skill_has_no_features(shape):
    words = [["a", "text"]] * shape[0]
    features = gate_features(words, [["a clause"]] * shape[0], np.zeros(shape), np.zeros(shape))
    assert features.shape == (0, N_FEATURES)


def test_a_fitted_gate_overlooks_few_and_spares_many():
    chance = np.random.default_rng(4)
    found = chance.random(2_000) < 0.2
    features = chance.standard_normal((2_000, N_FEATURES))
    features[found, 0] += 4.0
    gate = ClauseGate.fit(features, found, overlooked=0.01)
    opened = gate.opens(features)
    assert np.mean(~opened[found]) == pytest.approx(0.01, abs=0.005)
    assert opened[~found].mean() < 0.25


def test_where_nothing_was_ever_found_every_gate_is_open():
    features = np.random.default_rng(5).standard_normal((50, N_FEATURES))
    assert ClauseGate.fit(features, np.zeros(50, dtype=bool), 0.01).opens(features).all()
    assert ClauseGate().opens(features).all()


def test_the_fixed_weights_open_for_joined_clauses_of_a_doubtful_text():
    texts = ["lock the door and then arm the alarm", "it is late, the door is open"]
    words, clauses = words_in(texts), [clauses_of(text) for text in texts]
    whole = np.array([[0.6, 0.4], [0.99, 0.01]])
    features = gate_features(words, clauses, np.zeros((4, 2)), whole)
    assert ClauseGate.typical().opens(features).tolist() == [True, False]
