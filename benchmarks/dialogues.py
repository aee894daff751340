"""Hold dialogues with the router, and print how often each turn is right.

    python benchmarks/dialogues.py [DIALOGUES.jsonl] [--json OUT.json]

A dialogue has a first `query`, the outcome expected of it in the form of a labelled log, and for a
query that must be asked about, `answers`: what people would reply (`say`) and where that must lead.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from router import Clarify, Decision, Redirect, Route, Router

OURS = Path(__file__).parent.parent / "tests" / "data" / "dialogues.jsonl"

Row: TypeAlias = dict[str, Any]


def read(path: Path) -> list[Row]:
    """Read dialogues, one a line."""
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines() if line.strip()]


def in_order(router: Router, required: list[str], found: Sequence[str]) -> bool:
    """Whether what is required is all there, and no ordered pair of it stands the wrong way."""
    kept = [skill for skill in found if skill in required]
    before = router.pack.precedence.before
    wrong = any(before(late, early) for i, late in enumerate(kept) for early in kept[:i])
    return set(required) <= set(found) and not wrong


def accepted(router: Router, gold: Row, decision: Decision) -> bool:
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


def ends_right(router: Router, clarify: Clarify, answer: Row) -> bool:
    """Whether a reply, and the reply to its follow-up question, ends where it should."""
    decision = router.answer(clarify, answer["say"])
    if not answer["follow_up"]:
        return accepted(router, answer, decision)
    if not isinstance(decision, Clarify) or decision.question.id != answer["follow_up"]:
        return False
    last = router.answer(decision, answer["then"]["say"])
    return accepted(router, answer["then"], last)


def outcomes_of(router: Router, dialogues: list[Row]) -> dict[str, list[tuple[bool, str]]]:
    """Give each figure's yes and no, with the text that each stands for."""
    found = defaultdict(list)
    decisions = router.route_many([one["query"] for one in dialogues])
    for gold, decision in zip(dialogues, decisions, strict=True):
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


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("dialogues", nargs="?", type=Path, default=OURS)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    outcomes = outcomes_of(Router.load(notify=print), read(args.dialogues))
    figures = {name: sum(right for right, _ in rows) / len(rows) for name, rows in outcomes.items()}
    for name, value in figures.items():
        print(f"{name:22s} {value:.3f}  n = {len(outcomes[name])}")
    if args.json is not None:
        args.json.write_bytes(msgspec.json.encode(figures))


if __name__ == "__main__":
    main()
