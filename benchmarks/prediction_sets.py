"""How often the options of composed questions hold the right route, beside what was promised.

    python benchmarks/prediction_sets.py FOLDER [NAME ...] [--shots 5] [--alpha 0.05 0.2]

FOLDER holds NAME_train_SHOTS.jsonl and NAME_valid.jsonl, a text and its label a line, as
`benchmarks/accuracy.py` reads them. A question promises its options at 1 - `alpha`, or less where
four options are too few for that.
"""

import argparse
from collections import Counter
from pathlib import Path

from accuracy import offers, read
from msgspec.structs import replace

from router import Clarify, Router

_QUERIES = 1_000


def measure(folder: Path, name: str, shots: str, alphas: list[float]) -> None:
    """Print what one set says."""
    routes: dict[str, list[str]] = {}
    for text, label in zip(*read(folder / f"{name}_train_{shots}.jsonl"), strict=True):
        routes.setdefault(label, []).append(text)
    queries, truth = (
        rows[:: max(1, len(rows) // _QUERIES)] for rows in read(folder / f"{name}_valid.jsonl")
    )
    router = Router.from_exemplars(routes)
    for alpha in alphas:
        file = router.pack.file
        policy = replace(file.policy, alpha=alpha)
        pack = replace(router.pack, file=replace(file, policy=policy))
        decisions = Router(pack, router.encoder, router.model).route_many(queries)
        rows = [(d, t) for d, t in zip(decisions, truth, strict=True) if isinstance(d, Clarify)]
        held = sum(offers(decision, label) for decision, label in rows) / max(len(rows), 1)
        sizes = Counter(len(decision.question.options) - 1 for decision, _ in rows)
        print(
            f"{name}, {shots} exemplars: {1 - alpha:.2f} promised, {held:.3f} of {len(rows)} hold"
            f" the right route; options {dict(sorted(sizes.items()))}"
        )


def main() -> None:
    """Read the arguments and measure each set."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=["banking77"])
    parser.add_argument("--shots", default="5")
    parser.add_argument("--alpha", nargs="+", type=float, default=[0.05, 0.2])
    arguments = parser.parse_args()
    for name in arguments.names:
        measure(arguments.folder, name, arguments.shots, arguments.alpha)


if __name__ == "__main__":
    main()
