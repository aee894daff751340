"""How replies to the questions of the shipped pack are understood, by the kind of reply.

    python benchmarks/replies.py

`replies.jsonl` holds what people may type in answer to a question, with the option that it means:
a third of what an author wrote who saw the questions and their options and nothing else. The other
two thirds are exemplars of the pack, corrections, denials and positions aside.
"""

import json
from collections import defaultdict
from pathlib import Path

from router import Router
from router.model.replies import BOTH, NEITHER, UNSURE
from router.model.reply_language import literal_meaning

REPLIES = Path(__file__).parent / "replies.jsonl"
_GENERAL = {"both": BOTH, "neither": NEITHER, "unsure": UNSURE}


def main() -> None:
    """Print the share that is understood, of each kind and of all."""
    router = Router.load()
    right: dict[str, list[bool]] = defaultdict(list)
    for line in REPLIES.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        question = router.pack.questions[row["question"]]
        wanted = {row["option"], _GENERAL.get(row["option"], row["option"])}
        if row["kind"] == "new-query":
            continue
        meaning = literal_meaning(question.options, row["reply"])
        if meaning is None:
            head = router.model.replies[question.id]
            meaning = next(iter(head.meanings(row["reply"], router.encoder)))
        right[row["kind"]].append(meaning in wanted)
        right["all"].append(meaning in wanted)
    for kind, found in sorted(right.items()):
        print(f"{kind}: {sum(found) / len(found):.3f} of {len(found)}")


if __name__ == "__main__":
    main()
