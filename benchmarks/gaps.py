"""Do the gaps that are found equal the topics that are there?

    python benchmarks/gaps.py LABELLED.jsonl... --noise UNRELATED.jsonl [--topics 6] [--draws 9]

Draws topics from files of `{"text", "label"}`, some texts of each, mixes unrelated texts in,
clusters all of them as `router gaps` does, and compares the clusters with the topics. A text in no
cluster counts as a cluster of its own.
"""

import argparse
import json
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score, homogeneity_score

from router import Router
from router.evaluation.clusters import clusters_of

ALONE = 100_000


def rows_of(paths: list[Path]) -> list[dict[str, str]]:
    """Read the lines of several files."""
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--noise", type=Path, required=True)
    parser.add_argument("--topics", type=int, default=6)
    parser.add_argument("--fewest", type=int, default=8)
    parser.add_argument("--most", type=int, default=30)
    parser.add_argument("--unrelated", type=int, default=50)
    parser.add_argument("--draws", type=int, default=9)
    args = parser.parse_args()
    router = Router.load()
    common = router.model.head.exemplars.mean(axis=0)
    by_topic: dict[str, list[str]] = defaultdict(list)
    for row in rows_of(args.files):
        by_topic[row["label"]].append(row["text"])
    noise = [row["text"] for row in rows_of([args.noise])]
    figures = []
    for seed in range(args.draws):
        dice = random.Random(seed)
        texts = dice.sample(noise, min(args.unrelated, len(noise)))
        topics = [-1] * len(texts)
        for number, name in enumerate(dice.sample(sorted(by_topic), args.topics)):
            size = min(dice.randint(args.fewest, args.most), len(by_topic[name]))
            texts += dice.sample(by_topic[name], size)
            topics += [number] * size
        codes, truth = clusters_of(router.encoder.encode(texts), common), np.array(topics)
        alone = ALONE + np.arange(len(texts))
        found, wanted = np.where(codes < 0, alone, codes), np.where(truth < 0, alone, truth)
        ours, clustered = truth >= 0, codes >= 0
        figures.append(
            (
                adjusted_rand_score(truth[ours], found[ours]),
                homogeneity_score(wanted[clustered], codes[clustered]),
                clustered[ours].mean(),
                clustered[~ours].mean(),
                codes.max() + 1,
            )
        )
    means = np.mean(figures, axis=0)
    names = (
        "adjusted Rand index, of the topics' texts",
        "homogeneity, of all that is clustered",
        "share of the topics' texts in a cluster",
        "share of the unrelated in a cluster",
        f"clusters, of {args.topics}",
    )
    for name, value in zip(names, means, strict=True):
        print(f"{name:42} {value:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
