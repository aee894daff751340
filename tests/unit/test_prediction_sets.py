import numpy as np
import pytest
from prediction_sets import fit_sharpness, gain_of_asking, set_threshold, sets
from temperature import Temperature, fit_temperature


def queries(rng, n):
    """Decisions about 6 classes, of which the true one is likely the largest, and the truth."""
    truth = rng.integers(0, 6, n)
    return rng.normal(size=(n, 6)) + 2.0 * np.eye(6)[truth], truth


def test_sets_by_hand():
    probabilities = np.array([[0.5, 0.3, 0.2], [0.9, 0.06, 0.04], [0.19, 0.18, 0.17]])
    # The last row has no class at 0.2: its likeliest stays.
    expected = [[True, True, True], [True, False, False], [True, False, False]]
    assert sets(probabilities, 0.2).tolist() == expected


def test_sharpness_keeps_to_the_options_or_takes_the_smallest_sets():
    decisions, truth = queries(np.random.default_rng(2), 400)

    def sizes(temperature):
        probabilities = temperature.transform(decisions)
        return sets(probabilities, set_threshold(probabilities, truth, 0.05)).sum(axis=1)

    few = sizes(fit_sharpness(decisions, truth, 0.05, max_options=3.0))
    smallest = sizes(fit_sharpness(decisions, truth, 0.05, max_options=1.0))
    assert few.mean() <= 3.0
    assert smallest.mean() <= few.mean()
    assert (few == 1).mean() >= (smallest == 1).mean()


def test_gain_of_asking_by_hand():
    probabilities = np.array([[0.5, 0.3, 0.15, 0.05], [0.05, 0.05, 0.0, 0.9]])
    assert gain_of_asking(probabilities, options=3) == pytest.approx([0.45, 0.1])
    assert gain_of_asking(probabilities[:, :2], options=3) == pytest.approx([0.3, 0.05])


def test_the_temperature_that_made_the_labels_is_found():
    rng = np.random.default_rng(3)
    decisions = rng.normal(size=(4_000, 5))
    shares = Temperature(2.5).transform(decisions)
    truth = (rng.random((4_000, 1)) > shares.cumsum(axis=1)).sum(axis=1)
    assert fit_temperature(decisions, truth).sharpness == pytest.approx(2.5, rel=0.05)
