"""Learn how documents are weighed, over public collections of skills.

    python benchmarks/document_weights.py CLONES [NAME ...]

CLONES and NAME are as in `skill_collections.py`; by default the three collections that the weights
were chosen on are read. Queries are the trigger prompts that a collection ships (`evals.json`
beside a SKILL.md: `prompt`, and `should_trigger` if it has that) and the single queries of
benchmarks/skill_queries.

It prints a conditional logit (McFadden 1974), each collection weighing as much as the root of its
number of queries, and how often the right skill is first with the weights of the other collections.
`router/heads/document_weights.json` was fitted in the same way with two more collections
(dotnet/skills, richfrem/agent-plugins-skills), so that it differs from what this prints.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from skill_collections import COLLECTIONS, QUERIES

from router import Router
from router.arrays import Floats, Indices
from router.encoders.encoder import encode_with_tokens
from router.heads.coverage import stems_in
from router.heads.document_head import DocumentHead, densities
from router.heads.similarity import cosines
from router.text import words_in

KINDS = ("density", "description", "words", "name", "document", "tokens")
CHOSEN_ON = ("fullstack", "marketing", "workspace")
SHRINK = 0.02


def read_prompts(root: Path, router: Router, name: str) -> list[tuple[str, str]]:
    """Give the queries of a collection, with the skill of each."""
    rows = [json.loads(line) for line in (QUERIES / f"{name}.jsonl").read_text().splitlines()]
    pairs = [(row["text"], row["expected"][0]) for row in rows if row["kind"] == "single"]
    for skill in router.pack.skills.values():
        folder = (root / skill.document).parent
        for path in (folder / "evals.json", folder / "evals" / "evals.json"):
            if path.is_file():
                read = json.loads(path.read_text(encoding="utf-8"))
                listed = read.get("evals", []) if isinstance(read, dict) else read
                pairs += [
                    (row["prompt"], skill.id) for row in listed if row.get("should_trigger", True)
                ]
    return [pair for pair in dict.fromkeys(pairs) if pair[1] in router.pack.skills]


def features(router: Router, texts: list[str]) -> Floats:
    """Give each kind of evidence for each skill. Shape: (n_texts, n_skills, 6)."""
    head = router.model.head
    if not isinstance(head, DocumentHead) or head.late is None:
        raise SystemExit("the collection has no documents, or the encoder gives no tokens")
    words = words_in(texts)
    stems = stems_in(words)
    vectors, tokens = encode_with_tokens(router.encoder, texts)
    density = densities(cosines(vectors, head.exemplars), head.starts, head.counts)
    every = [
        density - head.baseline[0],
        cosines(vectors, head.descriptions) - head.baseline[1],
        head.word_votes(words),
        head.name_words.shares(stems) - head.covered[0],
        head.document_words.shares(stems) - head.covered[1],
        head.late.closeness(tokens or [], density),
    ]
    return np.stack(every, axis=-1)[:, router.model.layout.skills]


def fit(evidence: list[Floats], truth: list[Indices]) -> NDArray[np.float64]:
    """Fit weights that are 0 or more. Shape: (6,)."""
    scale = np.sqrt(np.mean([part.var(axis=(0, 1)) for part in evidence], axis=0))
    shares = np.array([1.0 / np.sqrt(len(rows)) for rows in truth])
    total = sum(share * len(rows) for share, rows in zip(shares, truth, strict=True))

    def loss(weights: Floats) -> tuple[float, Floats]:
        value, slope = 0.5 * SHRINK * float(weights @ weights), SHRINK * weights
        for part, right, share in zip(evidence, truth, shares, strict=True):
            scaled, rows = part / scale, np.arange(len(right))
            odds = scaled @ weights
            odds -= odds.max(axis=1, keepdims=True)
            chances = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
            value -= share / total * np.log(chances[rows, right] + 1e-12).sum()
            expected = (chances[..., None] * scaled).sum(axis=1)
            slope = slope + share / total * (expected - scaled[rows, right]).sum(axis=0)
        return value, slope

    found = minimize(
        loss, np.zeros(len(KINDS)), jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(KINDS)
    )
    return np.asarray(found.x / scale)


def main() -> int:
    """Print the weights, and what they do on a collection that was left out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clones", type=Path)
    parser.add_argument("names", nargs="*", help=", ".join(COLLECTIONS))
    args = parser.parse_args()
    names = args.names or CHOSEN_ON
    evidence, truth = [], []
    for name in names:
        first = json.loads((QUERIES / f"{name}.jsonl").read_text().splitlines()[0])
        root = args.clones / name / first["folder"]
        router = Router.load(root)
        pairs = read_prompts(root, router, name)
        ids = list(router.pack.skills)
        evidence.append(features(router, [text for text, _ in pairs]))
        truth.append(np.array([ids.index(skill) for _, skill in pairs]))
    for place, name in enumerate(names):
        others = [index for index in range(len(names)) if index != place]
        if others:
            weights = fit([evidence[i] for i in others], [truth[i] for i in others])
            odds = evidence[place] @ weights
            own = odds[np.arange(len(odds)), truth[place]][:, None]
            rank = (odds > own).sum(axis=1)
            print(f"{name}: first {np.mean(rank == 0):.3f}, within three {np.mean(rank < 3):.3f}")
    weights = fit(evidence, truth)
    print(json.dumps(dict(zip(KINDS, np.round(weights, 1).tolist(), strict=True))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
