import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from router.calibration.held_out_report import auroc_figure
from router.statistics.figure import NO_FIGURE, Figure
from router.statistics.intervals import (
    confidence_interval,
    expected_calibration_error,
    wilson,
)
from router.statistics.probability import (
    Power,
    fit_power,
    log_loss,
    softmax,
)


def test_calibration_error_by_hand():
    confidence = np.array([0.95, 0.95, 0.55, 1.0])
    correct = np.array([True, False, True, True])
    # The last bin holds 0.95, 0.95, 1.0: stated 2.9, right 2; the sixth 0.55: stated 0.55, right 1.
    assert expected_calibration_error(confidence, correct) == pytest.approx((0.9 + 0.45) / 4)


def test_what_is_right_as_often_as_stated_has_no_error():
    confidence = np.full(4, 0.75)
    assert expected_calibration_error(confidence, np.array([True, True, True, False])) == 0.0


def test_a_row_of_several_answers_counts_as_these():
    confidence, correct = np.array([0.95, 0.55]), np.array([3, 1])
    answers = np.repeat(confidence, [4, 2])
    one_by_one = expected_calibration_error(answers, np.array([1, 1, 1, 0, 1, 0], dtype=bool))
    several = expected_calibration_error(confidence, correct, np.array([4, 2]))
    assert several == pytest.approx(one_by_one)


def test_auroc_by_hand():
    positive, negative = np.array([0.9, 0.5]), np.array([0.1, 0.5, 0.6, 0.2])
    # 0.9 lies above all four; 0.5 above two, and ties with one
    assert auroc_figure(positive, negative).value == pytest.approx((4 + 2.5) / 8)


def test_a_figure_of_nothing_has_no_value():
    assert Figure.of_share(0, 0) == NO_FIGURE == Figure(None, None, None, 0)
    assert NO_FIGURE.rounded() == NO_FIGURE
    assert not NO_FIGURE.excludes_zero


def test_figures_by_hand():
    assert Figure.of_share(8, 10).rounded(2) == Figure(0.8, 0.49, 0.94, 10)
    draws = np.linspace(-1.0, 1.0, 2_001)
    assert Figure.of_draws(0.25, draws, 7).rounded(3) == Figure(0.25, -0.95, 0.95, 7)
    assert Figure(0.2, 0.1, 0.3, 5).excludes_zero
    assert Figure(-0.2, -0.3, -0.1, 5).excludes_zero
    assert not Figure(0.2, -0.1, 0.3, 5).excludes_zero
    assert not Figure(0.2, 0.0, 0.3, 5).excludes_zero  # an end at 0 does not exclude it
    assert not Figure(-0.2, -0.3, 0.0, 5).excludes_zero


def test_wilson_by_hand():
    # z = 1.96: (0.8 + 3.8416 / 20) / 1.38416 -+ 1.96 / 1.38416 * sqrt(0.016 + 0.009604)
    low, high = wilson(8, 10)
    assert low == pytest.approx(0.4902, abs=1e-4)
    assert high == pytest.approx(0.9433, abs=1e-4)


def test_wilson_knows_that_ten_of_ten_is_not_certainty():
    low, high = wilson(10, 10)
    assert low == pytest.approx(0.7225, abs=1e-4)
    assert high == 1.0


def test_wilson_wants_a_trial():
    with pytest.raises(ValueError, match="n counts trials, at least 1, was: 0"):
        wilson(0, 0)


def test_power_by_hand():
    # Far from the bend the positive part is the decision itself.
    probabilities = Power(floor=0.2, exponent=2.0).transform(np.array([[1.0, 0.3]]))
    assert probabilities[0] == pytest.approx([1.44 / 1.69, 0.25 / 1.69], abs=1e-3)


def test_softmax_by_hand():
    assert softmax(np.log([[1.0, 3.0], [2.0, 2.0]])) == pytest.approx(
        np.array([[0.25, 0.75], [0.5, 0.5]])
    )


@pytest.mark.parametrize("transform", [softmax, Power(0.05, 3.0).transform])
def test_probabilities_keep_the_order_and_sum_to_one(transform):
    decisions = np.random.default_rng(0).normal(0.0, 0.5, size=(50, 6))
    probabilities = transform(decisions)
    assert (probabilities.argsort(axis=1) == decisions.argsort(axis=1)).all()
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(50))


def draws(sharpness: float, n: int = 4000):
    """Decisions, and labels that a softmax of them times this sharpness would give."""
    rng = np.random.default_rng(3)
    decisions = rng.normal(size=(n, 5))
    shares = softmax(sharpness * decisions)
    labels = (rng.random((n, 1)) > shares.cumsum(axis=1)).sum(axis=1)
    return decisions, labels


def test_the_power_is_fitted_on_more_than_it_is_judged_by():
    decisions, labels = draws(sharpness=2.5)
    fitted = fit_power(decisions[:3000], labels[:3000])
    held_out = decisions[3000:], labels[3000:]
    assert log_loss(fitted, *held_out) < log_loss(Power(0.05, 3.0), *held_out)
    probabilities = fitted.transform(held_out[0])
    correct = probabilities.argmax(axis=1) == held_out[1]
    assert expected_calibration_error(probabilities.max(axis=1), correct) < 0.05


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Power(0.0, 1.0), "floor is > 0, was: 0.0"),
        (lambda: Power(1.0, -1.0), "exponent is > 0, was: -1.0"),
    ],
)
def test_settings_are_positive(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_an_interval_holds_its_confidence_and_the_share_that_was_right_about_there():
    held_out = np.repeat([0.3, 0.9], 50)
    correct = np.arange(100) % 10 < np.where(held_out < 0.5, 3, 9)  # 3 and 9 of 10
    found = confidence_interval(np.array([0.2, 0.95]), held_out, correct, neighbours=50)
    assert found[0] == pytest.approx([min(0.2, wilson(15, 50)[0]), wilson(15, 50)[1]])
    assert found[1] == pytest.approx([wilson(45, 50)[0], max(0.95, wilson(45, 50)[1])])


def test_an_interval_narrows_with_what_is_known():
    rng = np.random.default_rng(5)
    held_out = rng.random(400)
    correct = rng.random(400) < held_out
    at = np.array([0.7])
    widths = [
        np.diff(confidence_interval(at, held_out, correct, neighbours=n))[0, 0] for n in (20, 300)
    ]
    assert widths[1] < widths[0]


def test_an_interval_wants_held_out_texts():
    few = np.ones(2)
    with pytest.raises(ValueError, match="at least 20 labelled texts, got 2"):
        confidence_interval(few, few, few.astype(bool))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    arrays(np.float64, (3, 4), elements=st.floats(-1e3, 1e3)),
    st.floats(1e-4, 10),
    st.floats(1e-3, 20),
)
def test_a_power_of_any_numbers_sums_to_one_and_keeps_the_order(decisions, floor, exponent):
    probabilities = Power(floor, exponent).transform(decisions)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities >= 0).all()
    positive = np.maximum(decisions, 0)
    higher = positive[:, :, None] > positive[:, None, :]
    assert (probabilities[:, :, None] >= probabilities[:, None, :])[higher].all()


def test_fitting_a_power_lowers_the_loss():
    decisions = np.array([[0.5, 0.2], [0.6, 0.1], [0.1, 0.4], [0.3, 0.2], [0.35, 0.3]])
    labels = np.array([0, 0, 1, 0, 1])

    def loss(power):
        return -np.log(power.transform(decisions)[np.arange(5), labels]).mean()

    fitted = fit_power(decisions, labels)
    grid = [Power(floor, exponent) for floor in (0.01, 0.1, 1.0) for exponent in (0.5, 2.0, 8.0)]
    assert loss(fitted) <= min(map(loss, grid)) + 1e-4


def test_a_few_right_texts_do_not_make_every_probability_one():
    decisions = np.array([[0.7, 0.2], [0.8, 0.1], [0.2, 0.7]])
    labels = np.array([0, 0, 1])
    typical = Power(0.01, 2.0)
    assert fit_power(decisions, labels).transform(np.array([[0.6, 0.3]]))[0, 0] > 0.99
    few = fit_power(decisions, labels, typical)
    assert few.transform(np.array([[0.6, 0.3]]))[0, 0] < 0.9
    many = fit_power(np.tile(decisions, (2000, 1)), np.tile(labels, 2000), typical)
    assert many.exponent > 2 * few.exponent  # what is typical counts for a dozen texts
