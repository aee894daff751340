import numpy as np
import pytest

from router.model.doubt import Doubt, ambiguity, scale_of


def test_short_texts_between_targets_are_ambiguous():
    shares = np.array([[1.0, 0.0], [0.5, 0.5], [0.5, 0.5]])
    words = [["a"], ["a"], ["a"] * 9]
    # -1.44 log(1 + words) + 2.97 entropy + 1.43; the entropy of two halves is log 2
    expected = [0.4319, 0.4319 + 2.0586, 1.43 - 1.44 * np.log(10) + 2.0586]
    assert ambiguity(shares, words) == pytest.approx(expected, abs=1e-3)


def test_far_texts_are_strange_and_those_near_none_more():
    ones, zeros = np.ones(1), np.zeros(1)
    plain = Doubt(scale=np.array([[0.6, 0.5], [0.1, 0.1]]))
    near = plain.strangeness_of(0.6 * ones, 0.5 * ones, zeros, zeros)
    far = plain.strangeness_of(0.4 * ones, 0.3 * ones, zeros, zeros)
    assert (near[0], far[0]) == pytest.approx((-0.61, -0.61 + 2 * 0.99 + 2 * 0.69))
    beside = Doubt(has_none=True)
    at_none = beside.strangeness_of(zeros, zeros, ones, ones)
    assert at_none[0] == pytest.approx(3.37 + 10.57 - 6.09)


def test_without_exemplars_the_bots_set_the_thresholds():
    limits = Doubt().thresholds(0.10)
    assert (limits.ambiguity, limits.border, limits.refused) == (0.38, 0.84, 1.74)
    assert Doubt().thresholds(0.0).ambiguity == np.inf


def test_a_higher_rate_asks_more():
    rng = np.random.default_rng(0)
    doubt = Doubt(ambiguity=rng.normal(size=500), strangeness=rng.normal(size=500), n_exemplars=500)
    rates = [doubt.thresholds(rate).ambiguity for rate in (0.05, 0.1, 0.2, 0.4)]
    assert rates == sorted(rates, reverse=True)


def test_with_many_exemplars_the_share_is_met_on_them():
    rng = np.random.default_rng(0)
    doubt = Doubt(
        ambiguity=rng.normal(size=4_000), strangeness=rng.normal(size=4_000), n_exemplars=10**7
    )
    limits = doubt.thresholds(0.10)
    asked = (doubt.ambiguity >= limits.ambiguity) | (doubt.strangeness >= limits.border)
    assert asked.mean() == pytest.approx(0.10, abs=0.005)


def test_options_cover_the_truth_of_what_is_asked_about():
    shares = np.linspace(0.0, 1.0, 101)
    doubt = Doubt(
        ambiguity=np.where(shares < 0.5, 9.0, -9.0),
        strangeness=np.full(101, -9.0),
        true_share=shares,
        n_exemplars=101,
    )
    # Only the lower half is asked about, and a tenth of it lies below the threshold.
    assert doubt.option_threshold(0.1, alpha=0.1) == pytest.approx(0.049, abs=0.002)


def test_few_exemplars_say_little_of_how_far_queries_lie():
    # 30 exemplars weigh as much as the bots: half of each
    cosines = np.tile([[0.9, 0.9], [0.7, 0.7]], (15, 1))
    expected = [[(0.8 + 0.59) / 2, (0.8 + 0.637) / 2], [(0.1 + 0.065) / 2, (0.1 + 0.063) / 2]]
    assert scale_of(cosines) == pytest.approx(np.array(expected))
