"""What encoders, and a second look at unsure queries, bring and cost: the table of encoders.

    python benchmarks/encoders.py FOLDER [--encoder NAME] [--second-look NAME] [--split valid|test]

FOLDER holds NAME_train_10.jsonl and NAME_SPLIT.jsonl, a text and its label a line, for banking77
and clinc150. A line a set is printed for the router with the embedded encoder, and for what is
named beside it. Times are those of single queries, taken by turns with those of the embedded
encoder, so that other jobs on the machine slow both.

- first: the first of the ranking is the label.
- decided: with nothing asked (`ask_rate=0`), the label and nothing besides is decided.
- asked, in the end: with `ask_rate=0.1`, decided right, or asked with the right option offered.
- twice: the share of queries that both encoders looked at.
- median and mean: time of a query by that of the embedded encoder. MB: the files of the encoders.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from accuracy import offers, read

from router import Router
from router.decisions.decision import Route
from router.encoders.cached import CachedEncoder
from router.encoders.encoder import Encoder
from router.encoders.onnx_encoder import OnnxEncoder
from router.encoders.paired import PairedEncoder

_SETS = ("banking77", "clinc150")
_TIMED = 200
"""Queries that are timed one by one."""


def megabytes(encoder: Encoder) -> float:
    """Measure the files of exported models."""
    if isinstance(encoder, PairedEncoder):
        return megabytes(encoder.first) + megabytes(encoder.second)
    if isinstance(encoder, CachedEncoder):
        return megabytes(encoder.encoder)
    if isinstance(encoder, OnnxEncoder):
        folder, export = encoder.prepare()
        return (folder / export.file).stat().st_size / 1e6
    return float("nan")


def seconds_each(routers: list[Router], queries: list[str]) -> list[list[float]]:
    """Time each query with each router, by turns."""
    for router in routers:
        router.route_many(queries[:50])
    times: list[list[float]] = [[] for _ in routers]
    for query in queries:
        for of_router, router in zip(times, routers, strict=True):
            start = time.perf_counter()
            router.route(query)
            of_router.append(time.perf_counter() - start)
    return times


def measure(folder: Path, name: str, split: str, choices: list[dict[str, str]]) -> None:
    """Print a line for each choice of encoders on one set."""
    texts, labels = read(folder / f"{name}_train_10.jsonl")
    known = set(labels) - {"oos"}
    routes: dict[str, list[str]] = {label: [] for label in sorted(known)}
    for text, label in zip(texts, labels, strict=True):
        if label in known:
            routes[label].append(text)
    queries, truth = read(folder / f"{name}_{split}.jsonl")
    inside = [i for i, label in enumerate(truth) if label in known]
    queries, truth = [queries[i] for i in inside], [truth[i] for i in inside]
    routers = []
    for choice in choices:
        silent = Router.from_exemplars(routes, ask_rate=0.0, **choice)
        asking = Router.from_exemplars(routes, **choice)
        decided, answered = silent.route_many(queries), asking.route_many(queries)
        right = [
            isinstance(d, Route) and d.skills == (t,) for d, t in zip(decided, truth, strict=True)
        ]
        first = [r[0].id == t for r, t in zip(silent.rank_many(queries, k=1), truth, strict=True)]
        end = [offers(d, t) for d, t in zip(answered, truth, strict=True)]
        print(
            f"{name:10} {choice or 'the embedded encoder'}: first {np.mean(first):.4f},"
            f" decided {np.mean(right):.4f},"
            f" asked {np.mean([d.to_dict()['action'] == 'clarify' for d in answered]):.3f},"
            f" in the end {np.mean(end):.4f},"
            f" twice {np.mean([d.second_look for d in decided]):.3f},"
            f" {megabytes(asking.encoder):.0f} MB",
            flush=True,
        )
        routers.append(asking)
    base, *others = seconds_each(routers, queries[:: -(-len(queries) // _TIMED)])
    for choice, times in zip(choices[1:], others, strict=True):
        print(
            f"{name:10} {choice}: median {np.median(times) / np.median(base):.2f},"
            f" mean {np.mean(times) / np.mean(base):.2f} times the embedded encoder's"
        )


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", action="append", default=[])
    parser.add_argument("--second-look", action="append", default=[])
    parser.add_argument("--split", default="valid", choices=["valid", "test"])
    parser.add_argument("--set", choices=_SETS, action="append")
    arguments = parser.parse_args()
    choices = [{}, *({"encoder": name} for name in arguments.encoder)]
    choices += [{"second_look": name} for name in arguments.second_look]
    for name in arguments.set or _SETS:
        measure(arguments.folder, name, arguments.split, choices)


if __name__ == "__main__":
    main()
