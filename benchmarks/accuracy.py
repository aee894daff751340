"""What a router of one's own routes decides on public sets, beside simple classifiers.

    python benchmarks/accuracy.py FOLDER [NAME ...] [--shots 5 10 full] [--split valid|test]

FOLDER holds NAME_train_SHOTS.jsonl and NAME_SPLIT.jsonl, a text and its label a line; NAME is
banking77 and clinc150 by default. The router is built by `Router.from_exemplars` and asked by
`route_many`; all others get the same vectors of the same encoder. Every setting was chosen on the
validation split.

- accuracy: the first choice, nothing asked (`ask_rate=0`), is the label and nothing besides.
- asked, in the end: with `ask_rate=0.1`, decided right, or asked with the right option offered.
- strangers: queries of no class (NAME_oos_SPLIT.jsonl), refused or asked about.
- LR: logistic regression with C = 20 and balanced classes, up to 5,000 exemplars.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from router import Clarify, Decision, NoRoute, Route, Router
from router.arrays import Vectors
from router.heads.similarity import Centroids
from router.packs.labels import id_of_label

_SHOTS = ("5", "10")


def read(path: Path) -> tuple[list[str], list[str]]:
    """Read texts and the ids of their labels; nothing if there is no such file."""
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    texts = [row["text"] for row in rows]
    return texts, [id_of_label(row.get("label", "oos")) for row in rows]


def offers(decision: Decision, label: str) -> bool:
    """Tell whether a question offers a route, or the decision is that route alone."""
    if isinstance(decision, Clarify):
        return any(label in option.leads_to.skills for option in decision.question.options)
    return isinstance(decision, Route) and decision.skills == (label,)


def peers(vectors: Vectors, labels: list[str], queries: Vectors) -> dict[str, list[str]]:
    """Classify queries by simple classifiers on the same vectors."""
    names, codes = np.unique(labels, return_inverse=True)
    similarities = queries @ vectors.T
    best = {"nearest exemplar": names[codes[similarities.argmax(axis=1)]]}
    centroids = Centroids.of(vectors, labels)
    best["centroid"] = names[centroids.similarities(queries).argmax(axis=1)]
    if len(labels) < 5_000:
        model = LogisticRegression(C=20, max_iter=1_000, class_weight="balanced")
        best["LR"] = model.fit(vectors, labels).predict(queries)
    return {name: list(chosen) for name, chosen in best.items()}


def measure(folder: Path, name: str, shots: str, split: str) -> None:
    """Print what one set says."""
    texts, labels = read(folder / f"{name}_train_{shots}.jsonl")
    known = set(labels) - {"oos"}
    routes: dict[str, list[str]] = {label: [] for label in sorted(known)}
    for text, label in zip(texts, labels, strict=True):
        if label in known:
            routes[label].append(text)
    queries, truth = read(folder / f"{name}_{split}.jsonl")
    inside = [i for i, label in enumerate(truth) if label in known]
    queries, truth = [queries[i] for i in inside], [truth[i] for i in inside]
    start = time.perf_counter()
    silent = Router.from_exemplars(routes, ask_rate=0.0)
    seconds = time.perf_counter() - start
    asking = Router.from_exemplars(routes)
    decided, answered = silent.route_many(queries), asking.route_many(queries)
    right = [isinstance(d, Route) and d.skills == (t,) for d, t in zip(decided, truth, strict=True)]
    first = [r[0].id == t for r, t in zip(silent.rank_many(queries, 1), truth, strict=True)]
    asked = [isinstance(decision, Clarify) for decision in answered]
    end = [offers(decision, label) for decision, label in zip(answered, truth, strict=True)]
    options = [len(d.question.options) - 1 for d in answered if isinstance(d, Clarify)]
    refused = [isinstance(decision, NoRoute) for decision in answered]
    print(
        f"\n{name}, {shots} exemplars a class, {split}, {len(queries)} queries, fit {seconds:.1f} s"
    )
    print(f"  router: accuracy {np.mean(right):.4f}, first of the ranking {np.mean(first):.4f}")
    print(
        f"  router, ask_rate 0.1: asked {np.mean(asked):.3f} with {np.mean(options or [0]):.2f}"
        f" options, right in the end {np.mean(end):.4f}, refused {np.mean(refused):.4f}"
    )
    strangers, _ = read(folder / f"{name}_oos_{split}.jsonl")
    if strangers:
        caught = [isinstance(d, Clarify | NoRoute) for d in asking.route_many(strangers)]
        print(f"  strangers refused or asked {np.mean(caught):.3f}")
    lines = [line for group in routes.values() for line in group]
    of_lines = [label for label, group in routes.items() for _ in group]
    encode = silent.encoder.encode
    for peer, chosen in peers(encode(lines), of_lines, encode(queries)).items():
        share = np.mean([c == t for c, t in zip(chosen, truth, strict=True)])
        print(f"  {peer}: accuracy {share:.4f}")


def main() -> None:
    """Read the arguments and measure each set."""
    parser = argparse.ArgumentParser(description="The router of own routes on public sets.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=["banking77", "clinc150"])
    parser.add_argument("--shots", nargs="+", default=list(_SHOTS))
    parser.add_argument("--split", default="valid", choices=["valid", "test"])
    arguments = parser.parse_args()
    for name in arguments.names:
        for shots in arguments.shots:
            measure(arguments.folder, name, shots, arguments.split)


if __name__ == "__main__":
    main()
