import numpy as np
import pytest

from router.statistics.conformal import (
    ask_rate_threshold,
    coverage_threshold,
    max_error_threshold,
    texts_needed,
)
from router.statistics.probability import softmax


def test_a_coverage_threshold_by_hand():
    # The truth got 0.1, 0.2, ..., 0.9. Of 9, alpha 0.2: k = 10 * 0.2 = 2, the second smallest.
    assert coverage_threshold(np.arange(1, 10) / 10, alpha=0.2) == pytest.approx(0.2)


def test_the_fewest_labels_are_said():
    assert texts_needed(0.03) == 33
    assert texts_needed(0.5) == 1
    with pytest.raises(ValueError, match="alpha 0.03 needs at least 33 labelled texts, got 32"):
        coverage_threshold(np.full(32, 0.5), 0.03)


def queries(rng, n):
    """Probability of the true one of 6 classes, whose decision value is likely the largest."""
    truth = rng.integers(0, 6, n)
    decisions = rng.normal(size=(n, 6)) + 2.0 * np.eye(6)[truth]
    return softmax(1.3 * decisions)[np.arange(n), truth]


@pytest.mark.parametrize("n", [40, 200])
def test_sets_hold_the_truth_as_often_as_promised_on_fresh_draws(n):
    rng = np.random.default_rng(11)
    covered = []
    for _ in range(300):
        threshold = coverage_threshold(queries(rng, n), alpha=0.1)
        covered.append((queries(rng, 200) >= threshold).mean())
    # Promised: between 0.9 and 0.9 + 1 / (n + 1); the mean of 300 draws has an error of 0.003.
    assert 0.9 - 0.009 < np.mean(covered) < 0.9 + 1 / (n + 1) + 0.009


def test_a_smaller_alpha_shows_more():
    truth_probability = np.random.default_rng(0).dirichlet(np.ones(4), 200)[:, 0]
    floors = [coverage_threshold(truth_probability, alpha) for alpha in (0.01, 0.05, 0.2)]
    assert floors == sorted(floors)


def test_ask_threshold_by_hand():
    confidence = np.array([0.9, 0.1, 0.5, 0.3, 0.7])
    # 2 of 5 lie below 0.5
    assert ask_rate_threshold(confidence, ask_rate=0.4) == 0.5
    assert ask_rate_threshold(confidence, ask_rate=0.0) == 0.1


def test_no_more_is_asked_than_allowed_even_where_confidences_tie():
    confidence = np.array([0.2] * 5 + [0.8] * 5)
    assert (confidence < ask_rate_threshold(confidence, ask_rate=0.3)).mean() <= 0.3


def test_max_error_threshold_by_hand():
    confidence = np.arange(1, 20) / 20  # 0.05 to 0.95
    correct = ~np.isin(np.arange(1, 20), [18, 10, 4])
    # 19 texts, max_error 0.1: 20 * 0.1 - 1 = 1 error may be answered, the one at 0.9; not 0.5
    assert max_error_threshold(confidence, correct, max_error=0.1) == pytest.approx(0.55)
    assert max_error_threshold(confidence, np.ones(19, dtype=bool), max_error=0.1) == 0.0
    assert max_error_threshold(np.ones(19), correct, max_error=0.1) is None


def answers(rng, n):
    """Confidences, and whether the first answer is right: as often as stated, squared."""
    confidence = rng.random(n)
    return confidence, rng.random(n) < np.sqrt(confidence)


def test_the_share_silently_wrong_is_kept_on_fresh_draws():
    rng = np.random.default_rng(7)
    wrong = []
    for _ in range(400):
        floor = max_error_threshold(*answers(rng, 60), max_error=0.1)
        confidence, correct = answers(rng, 200)
        wrong.append(np.mean((confidence >= floor) & ~correct))
    # Expected at most 0.1, and at least 0.1 - 2 / 61, so that nobody is asked for nothing.
    assert 0.1 - 2 / 61 - 0.006 < np.mean(wrong) < 0.1 + 0.006


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda few, right: max_error_threshold(few, right, 0.05),
            "at least 19 labelled texts, got 3",
        ),
        (lambda few, _: ask_rate_threshold(few, 0.1), "at least 9 texts, got 3"),
        (lambda few, _: ask_rate_threshold(few, 1.0), r"ask_rate is a share in \[0, 1\), was: 1.0"),
        (
            lambda few, right: max_error_threshold(few, right, 0.0),
            r"max_error is a share in \(0, 1\)",
        ),
    ],
)
def test_a_promise_that_cannot_be_kept_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.ones(3), np.ones(3, dtype=bool))
