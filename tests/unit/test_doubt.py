from dataclasses import replace

import numpy as np
import pytest

from router.fitting.exemplar_statistics import _offered_share
from router.model.doubt import Doubt, Nearness, scale_of
from router.model.layout import Layout


def nearness(n, **columns):
    """Give texts that lie at the mean of the exemplars, half a deviation ahead of other targets."""
    usual = {"nearest": 0.6, "lead": 0.05, "centroid": 0.5, "none": 0.0, "nearest_none": 0.0}
    return Nearness(**{name: np.full(n, value) for name, value in (usual | columns).items()})


SCALED = Doubt(scale=np.array([[0.6, 0.5], [0.1, 0.1]]))


def test_short_texts_between_targets_are_ambiguous():
    shares = np.array([[1.0, 0.0], [0.5, 0.5], [0.5, 0.5]])
    words = [["a"], ["a"], ["a"] * 9]
    # -1.5 log(1 + words) + 1.6 entropy - 0.58 * 0.5 + 3.35; the entropy of two halves is log 2
    short, between = -1.5 * np.log(2) + 3.06, 1.6 * np.log(2)
    expected = [short, short + between, -1.5 * np.log(10) + 3.06 + between]
    assert SCALED.ambiguity_of(nearness(3), shares, words) == pytest.approx(expected)


def test_texts_near_a_centroid_and_ahead_of_other_targets_are_less_ambiguous():
    shares, words = np.array([[0.5, 0.5]]), [["a"]]
    usual = SCALED.ambiguity_of(nearness(1), shares, words)
    central = SCALED.ambiguity_of(nearness(1, centroid=0.7), shares, words)
    ahead = SCALED.ambiguity_of(nearness(1, lead=0.25), shares, words)
    assert [usual - central, usual - ahead] == pytest.approx(np.array([[2 * 0.99], [2 * 0.58]]))


def test_nearness_reads_the_columns_of_its_layout():
    layout = Layout(np.array([0]), np.array([2]), np.array([3]), np.array([1]))
    nearest, probabilities = np.array([[0.4, 0.9, 0.7, 0.8]]), np.array([[0.2, 0.5, 0.2, 0.1]])
    found = Nearness.of(nearest, np.array([0.6]), probabilities, layout)
    assert (found.nearest[0], found.lead[0]) == pytest.approx((0.7, 0.3))
    assert (found.none[0], found.nearest_none[0], found.centroid[0]) == (0.5, 0.9, 0.6)
    alone = Layout(np.array([0]), *(np.array([], dtype=int),) * 3)
    only = Nearness.of(nearest[:, :1], np.array([0.6]), probabilities[:, :1], alone)
    assert (only.lead[0], only.nearest_none[0]) == (1.0, 0.0)


def test_far_texts_are_strange_and_those_near_none_more():
    near = SCALED.strangeness_of(nearness(1))
    far = SCALED.strangeness_of(nearness(1, nearest=0.4, centroid=0.3))
    assert (near[0], far[0]) == pytest.approx((-0.63, -0.63 + 2 * 1.02 + 2 * 0.71))
    beside = replace(SCALED, has_none=True)
    at_none = beside.strangeness_of(nearness(1, none=1.0, nearest_none=1.0))
    assert at_none[0] == pytest.approx(3.13 + 10.92 - 6.27)


def test_without_exemplars_the_bots_set_the_thresholds():
    limits = Doubt().thresholds(0.10)
    assert (limits.ambiguity, limits.border, limits.refused) == (0.8, 1.22, 1.91)
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
    # Only the lower half is asked about, and no more than a tenth of it lies below the threshold.
    assert doubt.option_threshold(0.1, alpha=0.1) == pytest.approx(0.04)


def test_what_is_always_or_never_offered_does_not_move_the_threshold():
    in_targets = np.array([[0.4, 0.3, 0.2, 0.06, 0.04]] * 5)
    of_truth = in_targets[0]
    shares = _offered_share(in_targets, of_truth)
    assert shares.tolist() == pytest.approx([1.0, 1.0, 0.2, 0.06, 0.0])
    doubt = Doubt(strangeness=np.full(5, 9.0), ambiguity=np.full(5, 9.0), true_share=shares)
    # A fifth is out of reach, however many are offered.
    assert [doubt.option_threshold(0.1, alpha=a) for a in (0.1, 0.2, 0.3, 0.5)] == pytest.approx(
        [0.0, 0.0, 0.06, 0.2]
    )


def test_few_exemplars_say_little_of_how_far_queries_lie():
    # 30 exemplars weigh as much as the bots: half of each
    cosines = np.tile([[0.9, 0.9], [0.7, 0.7]], (15, 1))
    expected = [[(0.8 + 0.59) / 2, (0.8 + 0.637) / 2], [(0.1 + 0.065) / 2, (0.1 + 0.063) / 2]]
    assert scale_of(cosines) == pytest.approx(np.array(expected))
