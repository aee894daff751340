"""Our own dialogues, many voices: the router stays above these floors on them."""

from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from router import Clarify, Redirect, Route

DIALOGUES = [
    msgspec.json.decode(line)
    for line in (Path(__file__).parent / "data" / "dialogues.jsonl").read_bytes().splitlines()
]


def in_order(router, required, found):
    """Whether what is required is all there, and no ordered pair of it stands the wrong way."""
    kept = [skill for skill in found if skill in required]
    before = router.pack.precedence.before
    wrong = any(before(late, early) for i, late in enumerate(kept) for early in kept[:i])
    return set(required) <= set(found) and not wrong


def accepted(router, gold, decision):
    """Whether a careful expert would accept a decision, by what a dialogue says of it."""
    record = decision.to_dict()
    wanted = {gold.get("action", "route" if gold["skills"] else "redirect")}
    if record["action"] not in wanted | set(gold.get("ok_actions", [])):
        return False
    if isinstance(decision, Route):
        allowed = {*gold["skills"], *gold.get("ok_skills", [])}
        if not set(decision.skills) <= allowed:
            return False
        return len(gold["skills"]) < 2 or in_order(router, gold["skills"], decision.skills)
    if isinstance(decision, Redirect):
        return bool({*gold["packs"], *gold.get("ok_packs", [])} & set(decision.packs))
    return True


def ends_right(router, clarify, answer):
    """Whether a reply, and the reply to its follow-up question, ends where it should."""
    decision = router.answer(clarify, answer["say"])
    if not answer["follow_up"]:
        return accepted(router, answer, decision)
    if not isinstance(decision, Clarify) or decision.question.id != answer["follow_up"]:
        return False
    last = router.answer(decision, answer["then"]["say"])
    return accepted(router, answer["then"], last)


@pytest.fixture(scope="module")
def outcomes(router):
    """Each figure's yes and no, with the text that each stands for."""
    found = defaultdict(list)
    decisions = router.route_many([one["query"] for one in DIALOGUES])
    for gold, decision in zip(DIALOGUES, decisions, strict=True):
        text, asked = gold["query"], isinstance(decision, Clarify)
        must = gold["action"] == "clarify"
        known = {gold.get("question"), *gold.get("ok_questions", [])}
        found["first turn"].append((accepted(router, gold, decision), text))
        if must:
            found["must ask"].append((asked, text))
        elif "clarify" not in gold.get("ok_actions", []):
            found["no needless question"].append((not asked, text))
        right = asked and decision.question.id in known
        if must and asked:
            found["right question"].append((right, text))
        for answer in gold.get("answers", []):
            followed = right and decision.question.id == gold.get("question")
            end = followed and ends_right(router, decision, answer)
            found["branches"].append((end, f"{text} / {answer['say']}"))
    return found


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
    assert len({one["query"].casefold() for one in DIALOGUES}) == 170
    assert {one["question"] for one in DIALOGUES if one["action"] == "clarify"} == {
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
    queries = {one["query"].casefold() for one in DIALOGUES}
    assert not queries & exemplars
