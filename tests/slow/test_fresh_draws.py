"""What a fitted threshold promises is kept on fresh texts, on average over many draws."""

import numpy as np
import pytest
from evidence import drawn

from router.calibration.from_labels import folds_of
from router.calibration.thresholds import Goal, fit_thresholds
from router.packs.policy import Policy


def test_on_fresh_draws_no_more_is_silently_wrong_than_promised():
    chance = np.random.default_rng(4)
    fold = folds_of([str(i) for i in range(200)])
    silent, asked = [], []
    for _ in range(120):
        fitted = fit_thresholds(drawn(chance, 200), fold, Goal(max_error=0.1), Policy())
        fresh = drawn(chance, 400)
        simulated = fitted.simulate(fresh)
        silent.append(np.mean(~simulated.asked & ~fresh.correct))
        asked.append(simulated.asked.mean())
    error = np.std(silent) / np.sqrt(len(silent))
    assert np.mean(silent) <= 0.1 + 2 * error
    assert np.mean(silent) > 0.08  # and no more is asked than that takes
    assert np.mean(asked) < 0.6


def test_on_fresh_draws_about_as_many_are_asked_as_wanted():
    chance = np.random.default_rng(5)
    fold = folds_of([str(i) for i in range(200)])
    asked = [
        fit_thresholds(drawn(chance, 200), fold, Goal(ask_rate=0.1), Policy())
        .simulate(drawn(chance, 400))
        .asked.mean()
        for _ in range(40)
    ]
    assert np.mean(asked) == pytest.approx(0.1, abs=0.02)
