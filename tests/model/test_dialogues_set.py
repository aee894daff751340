"""Dialogues as many kinds of users lead them: the router stays above these floors."""

import pytest
from dialogues import OURS, outcomes_of, read

DIALOGUES = read(OURS)


@pytest.fixture(scope="module")
def outcomes(router):
    """For each figure, whether each text is right, and the text."""
    return outcomes_of(router, DIALOGUES)


@pytest.mark.parametrize(
    ("figure", "floor"),
    [
        ("first turn", 0.88),
        ("must ask", 0.85),
        ("no needless question", 0.94),
        ("right question", 0.90),
        ("branches", 0.75),
    ],
)
def test_a_figure_stays_above_its_floor(outcomes, figure, floor):
    rows = outcomes[figure]
    share = sum(right for right, _ in rows) / len(rows)
    wrong = [text for right, text in rows if not right]
    assert share >= floor, f"{figure}: {share:.3f} of {len(rows)}, wrong: {wrong}"


def test_the_dialogues_are_as_many_and_as_various_as_they_claim():
    assert len(DIALOGUES) == 170
    assert len({dialogue["query"].casefold() for dialogue in DIALOGUES}) == 170
    assert {row["question"] for row in DIALOGUES if row["action"] == "clarify"} == {
        "inference-or-training",
        "model-or-serving",
        "speed-or-accuracy",
        "deployment-target",
        "tracking-or-automation",
        "monitor-or-debug",
        "traffic-pattern",
    }


def test_no_query_of_a_dialogue_is_an_exemplar(router):
    exemplars = {line.casefold() for _, line in router.pack.target_exemplars()}
    queries = {dialogue["query"].casefold() for dialogue in DIALOGUES}
    assert not queries & exemplars
