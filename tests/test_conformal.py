import numpy as np
import pytest

from router.calibration.conformal import (
    ask_threshold,
    error_threshold,
    fewest,
    fit_sharpness,
    gain_of_asking,
    precision_threshold,
    sets,
    threshold,
)
from router.heads.maps import Temperature


def test_threshold_by_hand():
    # The truth got 0.1, 0.2, ..., 0.9. Of 9, alpha 0.2: k = 10 * 0.2 = 2, the second smallest.
    of_truth = np.arange(1, 10) / 10
    probabilities = np.stack([of_truth, 1 - of_truth], axis=1)
    assert threshold(probabilities, np.zeros(9, dtype=int), alpha=0.2) == pytest.approx(0.2)


def test_sets_by_hand():
    probabilities = np.array([[0.5, 0.3, 0.2], [0.9, 0.06, 0.04], [0.19, 0.18, 0.17]])
    found = sets(probabilities, 0.2)
    # The last row has none at 0.2: its likeliest stays.
    assert found.tolist() == [[True, True, True], [True, False, False], [True, False, False]]


def test_the_fewest_labels_are_said():
    assert fewest(0.03) == 33
    assert fewest(0.5) == 1
    probabilities, labels = np.full((32, 2), 0.5), np.zeros(32, dtype=int)
    with pytest.raises(ValueError, match="alpha 0.03 needs at least 33 labelled texts, got 32"):
        threshold(probabilities, labels, 0.03)


def queries(rng, n):
    """Decisions about 6 classes, of which the true one is likely the largest, and the truth."""
    labels = rng.integers(0, 6, n)
    return rng.normal(size=(n, 6)) + 2.0 * np.eye(6)[labels], labels


@pytest.mark.parametrize("n", [40, 200])
def test_sets_hold_the_truth_as_often_as_promised_on_fresh_draws(n):
    rng = np.random.default_rng(11)
    temperature = Temperature(1.3)
    covered = []
    for _ in range(300):
        decisions, labels = queries(rng, n)
        floor = threshold(temperature.transform(decisions), labels, alpha=0.1)
        decisions, labels = queries(rng, 200)
        chosen = sets(temperature.transform(decisions), floor)
        covered.append(chosen[np.arange(200), labels].mean())
    # Promised: between 0.9 and 0.9 + 1 / (n + 1); the mean of 300 draws has an error of 0.003.
    assert 0.9 - 0.009 < np.mean(covered) < 0.9 + 1 / (n + 1) + 0.009


def test_a_smaller_alpha_shows_more():
    probabilities, labels = np.random.default_rng(0).dirichlet(np.ones(4), 200), np.zeros(200, int)
    floors = [threshold(probabilities, labels, alpha) for alpha in (0.01, 0.05, 0.2)]
    assert floors == sorted(floors)


def test_sharpness_keeps_to_the_options_or_takes_the_smallest_sets():
    decisions, labels = queries(np.random.default_rng(2), 400)

    def sizes(temperature):
        probabilities = temperature.transform(decisions)
        return sets(probabilities, threshold(probabilities, labels, 0.05)).sum(axis=1)

    kept = sizes(fit_sharpness(decisions, labels, 0.05, max_options=3.0))
    smallest = sizes(fit_sharpness(decisions, labels, 0.05, max_options=1.0))
    assert kept.mean() <= 3.0
    assert smallest.mean() <= kept.mean()
    assert (kept == 1).mean() >= (smallest == 1).mean()


def test_gain_of_asking_by_hand():
    probabilities = np.array([[0.5, 0.3, 0.15, 0.05], [0.05, 0.05, 0.0, 0.9]])
    assert gain_of_asking(probabilities, options=3) == pytest.approx([0.45, 0.1])
    assert gain_of_asking(probabilities[:, :2], options=3) == pytest.approx([0.3, 0.05])


def test_ask_threshold_by_hand():
    confidence = np.array([0.9, 0.1, 0.5, 0.3, 0.7])
    # 2 of 5 lie below 0.5
    assert ask_threshold(confidence, ask_rate=0.4) == 0.5
    assert ask_threshold(confidence, ask_rate=0.0) == 0.1


def test_no_more_is_asked_than_allowed_even_where_confidences_tie():
    confidence = np.array([0.2] * 5 + [0.8] * 5)
    assert (confidence < ask_threshold(confidence, ask_rate=0.3)).mean() <= 0.3


def test_error_threshold_by_hand():
    confidence = np.arange(1, 20) / 20  # 0.05 to 0.95
    correct = ~np.isin(np.arange(1, 20), [18, 10, 4])
    # 19 texts, max_error 0.1: 20 * 0.1 - 1 = 1 error may be answered, the one at 0.9; not 0.5
    assert error_threshold(confidence, correct, max_error=0.1) == pytest.approx(0.55)
    assert error_threshold(confidence, np.ones(19, dtype=bool), max_error=0.1) == 0.0
    assert error_threshold(np.ones(19), correct, max_error=0.1) is None


def answers(rng, n):
    """Confidences, and whether the first answer is right: as often as stated, squared."""
    confidence = rng.random(n)
    return confidence, rng.random(n) < np.sqrt(confidence)


def test_the_share_silently_wrong_is_kept_on_fresh_draws():
    rng = np.random.default_rng(7)
    wrong = []
    for _ in range(400):
        floor = error_threshold(*answers(rng, 60), max_error=0.1)
        confidence, correct = answers(rng, 200)
        wrong.append(np.mean((confidence >= floor) & ~correct))
    # Expected at most 0.1, and at least 0.1 - 2 / 61, so that nobody is asked for nothing.
    assert 0.1 - 2 / 61 - 0.006 < np.mean(wrong) < 0.1 + 0.006


def test_of_the_answered_few_are_wrong_in_most_draws():
    rng = np.random.default_rng(8)
    broken = 0
    for _ in range(300):
        floor = precision_threshold(*answers(rng, 300), max_error=0.15, delta=0.1)
        if floor is None:
            continue
        # The truth, over all texts answered: the mean of 1 - sqrt(confidence) above the floor.
        error = 1 - (2 / 3) * (1 - floor**1.5) / (1 - floor)
        broken += error > 0.15
    assert broken / 300 <= 0.1 + 0.04


def test_precision_threshold_by_hand():
    confidence = np.arange(30, 0, -1) / 30
    correct = np.arange(30) < 20
    # At delta 0.1: 14 right of 14 pass 0.16 (0.84 ** 14 = 0.087), 20 of 21 do not (0.129).
    found = precision_threshold(confidence, correct, max_error=0.16, delta=0.1)
    assert found == pytest.approx(confidence[19])
    assert precision_threshold(confidence, ~correct, max_error=0.16, delta=0.1) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda few, right: error_threshold(few, right, 0.05), "at least 19 labelled texts, got 3"),
        (lambda few, right: precision_threshold(few, right, 0.05), "at least 45 labelled"),
        (lambda few, _: ask_threshold(few, 0.1), "at least 9 texts, got 3"),
        (lambda few, _: ask_threshold(few, 1.0), r"ask_rate is a share in \[0, 1\), was: 1.0"),
        (lambda few, right: error_threshold(few, right, 0.0), r"max_error is a share in \(0, 1\)"),
    ],
)
def test_a_promise_that_cannot_be_kept_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.ones(3), np.ones(3, dtype=bool))
