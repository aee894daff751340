"""Where replies to the questions of the shipped pack lead, by the kind of reply.

    python benchmarks/replies.py

`replies.jsonl` holds what people may type in answer to a question, with the option that it means:
a third of what an author wrote who saw the questions and their options and nothing else. The other
two thirds are exemplars of the pack, corrections, denials and positions aside. A reply is right if
its first target, or its follow-up question, is the one that the option's label leads to; where
none of the options fits, if it is none that an option leads to.
"""

import json
from collections import defaultdict
from pathlib import Path

from router import Clarify, Decision, Router
from router.decisions.builder import clarify
from router.decisions.decision import AskedQuestion

REPLIES = Path(__file__).parent / "replies.jsonl"
_GENERAL = {"both": "both", "unsure": "I don't know"}


def asked(router: Router, name: str) -> Clarify:
    """Put a question after a query that needs it."""
    question = AskedQuestion.of(router.pack.questions[name])
    query = router.pack.exemplars.questions[name][0]
    return clarify(question, (query,), (), {"confidence": 1.0, "margin": 0.0})


def end(decision: Decision) -> str:
    """Name the first target of a decision, or its question."""
    record = decision.to_dict()
    return next(iter([*record["skills"], *record["packs"]]), record["question"] or "none")


def main() -> None:
    """Print the share that leads where it should, of each kind and of all."""
    router = Router.load()
    right: dict[str, list[bool]] = defaultdict(list)
    for line in REPLIES.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        question = asked(router, row["question"])
        labels = {option.id: option.label for option in question.question.options}
        found = end(router.answer(question, row["reply"]))
        said = labels.get(row["option"]) or _GENERAL.get(row["option"])
        if row["kind"] == "new-query":
            continue
        if said is None:
            is_right = found not in {end(router.answer(question, one)) for one in labels.values()}
        else:
            is_right = found == end(router.answer(question, said))
        option = row["option"] if row["option"] in ("both", "neither", "unsure") else "an option"
        for kind in (row["kind"], f"means {option}", "all"):
            right[kind].append(is_right)
    for kind, results in sorted(right.items()):
        print(f"{kind}: {sum(results) / len(results):.3f} of {len(results)}")


if __name__ == "__main__":
    main()
