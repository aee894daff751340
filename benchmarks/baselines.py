"""What simple classifiers do with the exemplars of a pack, beside the router, on a labelled log.

    python benchmarks/baselines.py [LOG.jsonl] [--pack FOLDER]

All of them get the same exemplars and the same vectors. A query goes to the likeliest target; a
question is a target like the others, and so is "none". The mean of the best five is the default
rule of semantic-router: the five closest exemplars vote, and the target with the largest mean
cosine wins. Accepted, silently wrong and asked are counted as `router evaluate` counts them.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np
from sklearn.linear_model import LogisticRegression

from router import Router
from router.arrays import Vectors
from router.decisions.outcome import Outcome
from router.encoders.cached import with_exemplar_cache
from router.logs.labels import Gold, LabelReader, accepts
from router.packs.pack import Pack
from router.paths import SAMPLE_LOG

Classify: TypeAlias = Callable[[Vectors, Sequence[str], Vectors], list[str]]
"""Exemplars, the target of each, and queries, to the target of each query."""


def centroid(exemplars: Vectors, targets: Sequence[str], queries: Vectors) -> list[str]:
    """The target whose mean vector is closest."""
    names = sorted(set(targets))
    rows = np.array(targets)
    means = np.stack([exemplars[rows == name].mean(axis=0) for name in names])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    return [names[column] for column in (queries @ means.T).argmax(axis=1)]


def nearest(exemplars: Vectors, targets: Sequence[str], queries: Vectors) -> list[str]:
    """The target of the closest exemplar."""
    return [targets[row] for row in (queries @ exemplars.T).argmax(axis=1)]


def best_five(exemplars: Vectors, targets: Sequence[str], queries: Vectors) -> list[str]:
    """The target with the largest mean cosine among the five closest exemplars."""
    given = []
    for cosines in queries @ exemplars.T:
        voters: dict[str, list[float]] = {}
        for row in np.argsort(-cosines, kind="stable")[:5]:
            voters.setdefault(targets[row], []).append(float(cosines[row]))
        given.append(max(voters, key=lambda name: np.mean(voters[name])))
    return given


def logistic(exemplars: Vectors, targets: Sequence[str], queries: Vectors) -> list[str]:
    """Logistic regression on the vectors."""
    model = LogisticRegression(C=20, max_iter=2_000).fit(exemplars, targets)
    return [str(name) for name in model.predict(queries)]


BASELINES: dict[str, Classify] = {
    "nearest centroid": centroid,
    "nearest exemplar": nearest,
    "mean of the best five": best_five,
    "logistic regression, C = 20": logistic,
}


def outcome_of(target: str) -> Outcome:
    """Decide for one target."""
    kind, _, name = target.partition(":")
    if kind == "skill":
        return Outcome("route", skills=(name,))
    if kind == "neighbour":
        return Outcome("redirect", packs=(name,))
    return Outcome("clarify", question=name) if kind == "question" else Outcome("none")


def row(name: str, outcomes: Sequence[Outcome], labels: Sequence[Gold], pack: Pack) -> str:
    """Give a row of the table."""
    pairs = list(zip(labels, outcomes, strict=True))
    right = np.array([accepts(gold, outcome, pack.precedence) for gold, outcome in pairs])
    asked = np.array([outcome.action == "clarify" for outcome in outcomes])
    shares = (right.mean(), (~right & ~asked).mean(), asked.mean())
    return f"| {name} | {' | '.join(f'{share:.3f}' for share in shares)} |"


def main() -> None:
    """Run all of them on one log."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", nargs="?", type=Path, default=SAMPLE_LOG)
    parser.add_argument("--pack", type=Path)
    args = parser.parse_args()
    router = Router.load(args.pack)
    lines = [msgspec.json.decode(line) for line in args.log.read_bytes().splitlines() if line]
    texts = [line["text"] for line in lines]
    read = LabelReader(router.pack).read
    labels = [gold for line in lines if (gold := read(line.get("gold", line))) is not None]
    pairs = list(router.pack.target_exemplars(shared=False))
    exemplars = with_exemplar_cache(router.encoder).encode([text for _, text in pairs])
    queries = router.encoder.encode(texts)
    print("| | accepted | silently wrong | asked |\n|---|---|---|---|")
    batch = router.outcomes(texts)
    print(row("router", [batch.outcomes[i] for i in batch.indices], labels, router.pack))
    for name, classify in BASELINES.items():
        given = classify(exemplars, [target for target, _ in pairs], queries)
        print(row(name, [outcome_of(target) for target in given], labels, router.pack))


if __name__ == "__main__":
    main()
