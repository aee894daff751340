import numpy as np
import pytest

from router.heads.scores import TokenMatches
from router.model.token_concerns import extra_skills_by_tokens

WHOLE = np.array([0.6, 0.3, 0.05])
# The fitted weights of the log odds.
GAIN, LIKELY, MARGIN, BIAS = 0.8, 0.1, 1.25, -3.5


def matches(*similarities, targets=None):
    rows = np.array(similarities, dtype=np.float32)
    return TokenMatches(np.arange(len(rows)) if targets is None else np.array(targets), rows)


HALVES = matches([0.5] * 4 + [0.0] * 4, [0.0] * 4 + [0.5] * 4, [0.1] * 8)


def test_a_further_concern_by_hand():
    extra = extra_skills_by_tokens(HALVES, WHOLE, 0.05)
    # The second half: 2.0 nearer than to the likeliest, 1.6 nearer than to the third.
    odds = GAIN * 2.0 + MARGIN * 1.6 + LIKELY * np.log(0.3 / 0.05) + BIAS
    assert extra[1] == pytest.approx(1.0 / (1.0 + np.exp(-odds)), abs=1e-6)
    # The third gains most in the same half, where the second is 1.6 nearer.
    odds = GAIN * 0.4 + MARGIN * -1.6 + LIKELY * np.log(0.05 / 0.05) + BIAS
    assert extra[2] == pytest.approx(1.0 / (1.0 + np.exp(-odds)), abs=1e-6)
    assert extra[0] == 0.0
    assert extra[1] > 0.5 > extra[2]


def test_the_order_of_the_parts_and_of_the_skills_does_not_matter():
    expected = pytest.approx(extra_skills_by_tokens(HALVES, WHOLE, 0.05))
    turned = matches(*HALVES.similarities[:, ::-1])
    assert extra_skills_by_tokens(turned, WHOLE, 0.05) == expected
    other_order = matches(*HALVES.similarities[::-1], targets=[2, 1, 0])
    assert extra_skills_by_tokens(other_order, WHOLE, 0.05) == expected


def test_where_the_likeliest_skill_explains_every_part_best_there_is_no_further_concern():
    single = matches([0.5] * 8, [0.2] * 8, [0.1] * 8)
    assert extra_skills_by_tokens(single, WHOLE, 0.05).max() < 0.1


def test_only_a_skill_that_was_read_can_be_a_further_concern():
    some = matches(*HALVES.similarities[:2], targets=[0, 2])
    extra = extra_skills_by_tokens(some, WHOLE, 0.0)  # "none" may be impossible
    assert extra[1] == 0.0
    assert 0.0 < extra[2] < 1.0


@pytest.mark.parametrize(
    "nothing_to_compare",
    [
        matches([0.5] * 7, [0.9] * 7),  # too short for two parts of four tokens
        matches([0.5] * 8),
        matches([0.5] * 8, [0.9] * 8, targets=[1, 2]),  # the likeliest was not read
    ],
)
def test_where_there_is_nothing_to_compare_there_is_no_further_concern(nothing_to_compare):
    assert extra_skills_by_tokens(nothing_to_compare, WHOLE, 0.05).tolist() == [0.0, 0.0, 0.0]
