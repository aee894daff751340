"""How well a folder of SKILL.md files routes queries that nobody wrote it for.

    python benchmarks/zero_shot.py FOLDER QUERIES.csv

QUERIES is semantic-router's CSV: `utterance,expected_route`, the route being a skill's id.
"""

import argparse
import csv
from collections import Counter
from pathlib import Path

import numpy as np

from router import Router


def main() -> int:
    """Print the share right first and within three, what is decided, and each miss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--misses", action="store_true", help="print each query not right first")
    args = parser.parse_args()
    with args.queries.open(encoding="utf-8", newline="") as file:
        rows = [(row["utterance"], row["expected_route"]) for row in csv.DictReader(file)]
    router = Router.load(args.folder)
    if unknown := {wanted for _, wanted in rows} - set(router.pack.skills):
        raise SystemExit(f"{args.queries}: no such skill in {args.folder}: {sorted(unknown)}")
    texts, skills = [text for text, _ in rows], list(router.pack.skills)
    reading, _ = router.decide(texts)
    shares = reading.probabilities[:, router.model.layout.skills]  # (n_texts, n_skills)
    places = np.array([skills.index(wanted) for _, wanted in rows])
    ranked = np.argsort(-shares, axis=1, kind="stable")
    ranks = (ranked == places[:, None]).argmax(axis=1)  # 0: the right skill is the likeliest
    decisions = [decision.to_dict() for decision in router.route_many(texts)]
    led = [one["action"] == "route" and one["skills"][0] for one in decisions]
    right = [found == wanted for found, (_, wanted) in zip(led, rows, strict=True)]
    actions = Counter(str(one["action"]) for one in decisions)
    print(f"{len(skills)} skills, {len(rows)} queries")
    print(f"first {np.mean(ranks == 0):.3f}, within three {np.mean(ranks < 3):.3f}")
    print(f"routed there first {np.mean(right):.3f}; decided: {dict(actions)}")
    if args.misses:
        for (text, wanted), rank, best in zip(rows, ranks, ranked[:, :3], strict=True):
            if rank:
                print(f"{wanted} at {rank + 1}, first {[skills[i] for i in best]}: {text}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
