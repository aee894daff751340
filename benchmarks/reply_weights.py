"""Fit what tells a new query from an answer to a question of the shipped pack.

    python benchmarks/reply_weights.py

Prints the bias and the weights of `router/decisions/new_query.py`. Answers are those of
`replies.jsonl`. New queries are the few among them, and queries of the sample log that lead where
the question does not, most of them after words that turn the options down. Each half is judged with
the weights of the other half, and the share found and the share of answers lost are printed.
"""

import json
import random
from dataclasses import astuple
from pathlib import Path

import numpy as np
from replies import REPLIES, asked
from sklearn.linear_model import LogisticRegression

from router import Router
from router.decisions.new_query import Novelty, besides

LOG = Path(__file__).parent.parent / "data" / "logs" / "sample.jsonl"
OPENINGS = (
    "",
    "neither, ",
    "none of these, ",
    "it's not that. ",
    "actually ",
    "sorry, I meant something else: ",
    "that is settled. ",
    "different question: ",
)
PER_QUESTION, MAX_WORDS = 60, 25


def rows(router: Router) -> list[tuple[str, str, bool]]:
    """List (question, reply, whether it is a new query)."""
    chance = random.Random(0)
    lines = [json.loads(line) for line in REPLIES.read_text(encoding="utf-8").splitlines()]
    found = [
        (line["question"], line["reply"], line["kind"] == "new-query")
        for line in lines
        if line["option"] != "neither"
    ]
    log = [json.loads(line) for line in LOG.read_text(encoding="utf-8").splitlines()]
    for question in router.pack.questions:
        open_to = router._replies.open_to(asked(router, question).question, "")
        others = [
            line["text"]
            for line in log
            if line["action"] in ("route", "redirect")
            and len(line["text"].split()) < MAX_WORDS
            and not open_to & {f"skill:{skill}" for skill in line["skills"]}
            and not open_to & {f"neighbour:{pack}" for pack in line["packs"]}
        ]
        chosen = chance.sample(others, min(PER_QUESTION, len(others)))
        found += [(question, chance.choice(OPENINGS) + text, True) for text in chosen]
    return found


def main() -> None:
    """Fit, and judge by halves."""
    router = Router.load()
    known, model, encoder = rows(router), router.model, router.encoder
    features = []
    for question, reply, _ in known:
        open_to = router._replies.open_to(asked(router, question).question, reply)
        alone = model.evidence([besides(reply)], encoder)
        features.append(astuple(Novelty.of(model, question, open_to, reply, alone)))
    values, truth = np.array(features), np.array([is_new for _, _, is_new in known])
    half, held_out = np.arange(len(truth)) % 2, np.zeros(len(truth))
    for side in (0, 1):
        fitted = LogisticRegression(max_iter=1_000).fit(values[half != side], truth[half != side])
        held_out[half == side] = fitted.predict_proba(values[half == side])[:, 1]
    for threshold in (0.5, 0.6, 0.7, 0.8):
        of_new, of_answers = (held_out >= threshold)[truth], (held_out >= threshold)[~truth]
        print(
            f"from {threshold}: {of_new.mean():.3f} of {len(of_new)} new queries are found,", end=""
        )
        print(f" {of_answers.mean():.3f} of {len(of_answers)} answers are lost")
    fitted = LogisticRegression(max_iter=1_000).fit(values, truth)
    print(f"bias {fitted.intercept_[0]:.2f}, weights {np.round(fitted.coef_[0], 2).tolist()}")


if __name__ == "__main__":
    main()
