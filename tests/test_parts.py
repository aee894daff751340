import numpy as np
import pytest

from router.model.token_concerns import BIAS, FEWEST, GAIN, LIKELY, MARGIN, Heard, further_of

WHOLE = np.array([0.6, 0.3, 0.05])


def heard(*near, targets=None):
    rows = np.array(near, dtype=np.float32)
    return Heard(np.arange(len(rows)) if targets is None else np.array(targets), rows)


HALVES = heard([0.5] * 4 + [0.0] * 4, [0.0] * 4 + [0.5] * 4, [0.1] * 8)


def test_a_further_concern_by_hand():
    found = further_of(HALVES, WHOLE, 0.05)
    # The second half: 2.0 nearer than to the likeliest, 1.6 nearer than to the third.
    odds = GAIN * 2.0 + MARGIN * 1.6 + LIKELY * np.log(0.3 / 0.05) + BIAS
    assert found[1] == pytest.approx(1.0 / (1.0 + np.exp(-odds)), abs=1e-6)
    # The third gains most in the same half, where the second is 1.6 nearer.
    odds = GAIN * 0.4 + MARGIN * -1.6 + LIKELY * np.log(0.05 / 0.05) + BIAS
    assert found[2] == pytest.approx(1.0 / (1.0 + np.exp(-odds)), abs=1e-6)
    assert found[0] == 0.0
    assert found[1] > 0.5 > found[2]


def test_the_order_of_the_parts_and_of_the_skills_does_not_matter():
    turned = heard(*HALVES.near[:, ::-1])
    assert further_of(turned, WHOLE, 0.05) == pytest.approx(further_of(HALVES, WHOLE, 0.05))
    others = heard(*HALVES.near[::-1], targets=[2, 1, 0])
    assert further_of(others, WHOLE, 0.05) == pytest.approx(further_of(HALVES, WHOLE, 0.05))


def test_who_explains_the_whole_better_is_one_concern():
    one = heard([0.5] * 8, [0.2] * 8, [0.1] * 8)
    assert further_of(one, WHOLE, 0.05).max() < 0.1


def test_only_what_was_read_can_be_a_further_concern():
    some = heard(*HALVES.near[:2], targets=[0, 2])
    found = further_of(some, WHOLE, 0.0)  # impossible "none" is no fault
    assert found[1] == 0.0
    assert 0.0 < found[2] < 1.0


@pytest.mark.parametrize(
    "one",
    [
        heard([0.5] * (2 * FEWEST - 1), [0.9] * (2 * FEWEST - 1)),  # too short for two parts
        heard([0.5] * 8),
        heard([0.5] * 8, [0.9] * 8, targets=[1, 2]),  # the likeliest was not read
    ],
)
def test_where_there_is_nothing_to_compare_there_is_no_further_concern(one):
    assert further_of(one, WHOLE, 0.05).tolist() == [0.0, 0.0, 0.0]
