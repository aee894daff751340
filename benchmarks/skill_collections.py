"""How well public collections of skills are routed, beside what others would do.

    python benchmarks/skill_collections.py CLONES [NAME ...]

CLONES holds a clone of each collection under the name that it has in `COLLECTIONS`, at that commit.
The queries (benchmarks/skill_queries) were written by somebody who had read the documents and not
the library. The weights of `router/heads/document_weights.json` were chosen with the first three
collections in view; the others were only measured.

Of single queries: the right skill first, within three, asked, and wrong in silence. Two skills are
right if both are named in order; ambiguous queries, if asked about; and those of no skill, if
refused or asked about. The calibration error is that of all that is decided, in ten bins.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from router import Clarify, Decision, NoRoute, Route, Router
from router.arrays import Floats
from router.text import words_of

COLLECTIONS = {
    "fullstack": ("Jeffallan/claude-skills", "3d95bb16b030af43bd838dc99fdc77dd40b29014"),
    "marketing": ("coreyhaines31/marketingskills", "c21a984a56da10fb6085e6334f6f60929220a4da"),
    "workspace": ("googleworkspace/cli", "1308786bdb0cb88e400bc4311b1dd224c7aa2aee"),
    "devops": ("iuliandita/skills", "9bc8aaaaa18954c29c293828071aa4fdb50baf60"),
    "science": ("K-Dense-AI/claude-scientific-skills", "899a51bfbd63218153b272c9459dcb4a7ae88da6"),
}
QUERIES = Path(__file__).parent / "skill_queries"

_K1, _B = 1.2, 0.75


def bm25(documents: Sequence[str], queries: Sequence[str]) -> Floats:
    """Score documents by Okapi BM25. Shape: (n_queries, n_documents)."""
    vectorizer = CountVectorizer(analyzer=words_of)
    counts = vectorizer.fit_transform(documents).toarray().astype(float)
    lengths = counts.sum(axis=1, keepdims=True)
    used = (counts > 0).sum(axis=0)
    idf = np.log(1.0 + (len(documents) - used + 0.5) / (used + 0.5))
    weights = idf * counts * (_K1 + 1.0)
    weights /= counts + _K1 * (1.0 - _B + _B * lengths / lengths.mean())
    return np.asarray(vectorizer.transform(queries) @ weights.T, dtype=np.float64)


def baselines(router: Router, texts: Sequence[str]) -> dict[str, Floats]:
    """Score each skill for each text as others would."""
    skills = router.pack.skills
    lexical = bm25([router.pack.documents[skill] for skill in skills], texts)
    described = router.encoder.encode([skill.description for skill in skills.values()])
    dense = (router.encoder.encode(texts) @ described.T).astype(np.float64)
    scaled = [
        (scores - scores.mean(axis=1, keepdims=True))
        / np.maximum(scores.std(axis=1, keepdims=True), 1e-9)
        for scores in (lexical, dense)
    ]
    return {
        "BM25 on the whole text": lexical,
        "MiniLM on descriptions": dense,
        "both together": scaled[0] + scaled[1],
    }


def calibration_error(confidence: Floats, right: Floats, n_bins: int = 10) -> float:
    """Average, over bins of equal width, how far the confidence is from the share that is right."""
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gaps = [abs((confidence - right)[bins == b].sum()) for b in range(n_bins)]
    return float(sum(gaps) / max(len(confidence), 1))


def is_right(decision: Decision, row: dict[str, list[str]]) -> bool:
    """Tell whether a decision that asks nothing is right."""
    if isinstance(decision, Route):
        return list(decision.skills) == row["expected"] or (
            row["kind"] == "ambiguous" and set(decision.skills) <= set(row["expected"])
        )
    return isinstance(decision, NoRoute) and not row["expected"]


def counts(router: Router, rows: list[dict[str, list[str]]]) -> dict[str, tuple[float, int]]:
    """Count what is right: the share or the number, and of how many."""
    texts = [row["text"] for row in rows]
    kinds = np.array([row["kind"] for row in rows])
    decisions = router.route_many(texts)
    ranks = []
    for row, ranking in zip(rows, router.rank_many(texts, k=None), strict=True):
        ids = [one.id for one in ranking]
        ranks.append(min((ids.index(s) for s in row["expected"] if s in ids), default=len(ids)))
    rank, single = np.array(ranks), kinds == "single"
    asked = np.array([isinstance(one, Clarify) for one in decisions])
    refused = np.array([isinstance(one, NoRoute) for one in decisions])
    right = np.array([is_right(one, row) for one, row in zip(decisions, rows, strict=True)])
    routed = ~asked & ~refused
    first = [
        isinstance(one, Route) and one.skills[0] in row["expected"]
        for one, row in zip(decisions, rows, strict=True)
    ]
    wrong = routed & ~np.array(first)
    confidence = np.array([one.confidence for one in decisions])
    n = int(single.sum())
    return {
        "first": ((rank == 0)[single].mean(), n),
        "within three": ((rank < 3)[single].mean(), n),
        "asked": (asked[single].mean(), n),
        "wrong in silence": (wrong[single].mean(), n),
        "refused": (refused[single].mean(), n),
        "two": (right[kinds == "two"].sum(), int((kinds == "two").sum())),
        "ambiguous": (asked[kinds == "ambiguous"].sum(), int((kinds == "ambiguous").sum())),
        "none": ((~routed)[kinds == "none"].sum(), int((kinds == "none").sum())),
        "calibration error": (
            calibration_error(confidence[~asked], right[~asked].astype(float)),
            int((~asked).sum()),
        ),
    }


def peers(router: Router, rows: list[dict[str, list[str]]]) -> dict[str, tuple[float, float]]:
    """Give the share right first and within three of each baseline, on single queries."""
    single = [row for row in rows if row["kind"] == "single"]
    ids = list(router.pack.skills)
    truth = np.array([ids.index(row["expected"][0]) for row in single])
    found = {}
    for name, scores in baselines(router, [row["text"] for row in single]).items():
        own = scores[np.arange(len(truth)), truth][:, None]
        rank = (scores > own).sum(axis=1)
        found[name] = float((rank == 0).mean()), float((rank < 3).mean())
    return found


def main() -> int:
    """Print the figures of each collection."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clones", type=Path)
    parser.add_argument("names", nargs="*", default=list(COLLECTIONS))
    parser.add_argument("--no-peers", action="store_true")
    args = parser.parse_args()
    for name in args.names:
        lines = (QUERIES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        began = time.process_time()
        router = Router.load(args.clones / name / rows[0]["folder"])
        router.route("hello")
        load_s = time.process_time() - began
        print(f"{name}: {len(router.pack.skills)} skills, {len(rows)} queries, {load_s:.1f} s")
        for what, (figure, n) in counts(router, rows).items():
            shown = f"{figure:.0f}" if what in ("two", "ambiguous", "none") else f"{figure:.3f}"
            print(f"  {what}: {shown} of {n}")
        if not args.no_peers:
            for peer, (first, three) in peers(router, rows).items():
                print(f"  {peer}: {first:.3f} first, {three:.3f} within three")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
