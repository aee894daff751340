"""Fit what tells ambiguous queries and strangers, on small bots of many domains.

    python benchmarks/doubt_weights.py [FOLDER]

FOLDER (benchmarks/bots) holds for each bot its routes with exemplars, queries that belong nowhere,
and queries of users with what is right, written by others than the exemplars. Five bots are held
out (`HELD_OUT`) and only measured. It prints the weights and thresholds that
`router/model/doubt.py` has, and what they do on both groups of bots: the shares asked and refused.
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from router import Clarify, NoRoute, Router
from router.arrays import Bools, Floats
from router.model.doubt import Nearness

BOTS = Path(__file__).parent / "bots"
HELD_OUT = ("car-rental", "gym", "insurance", "library-desk", "school-portal")
CLEAR_SHARE = 1.3
"""More of the clear queries of the bots may be asked about than the rate says, because their users
write unlike the exemplars."""

RATES = (0.02, 0.05, 0.10, 0.15, 0.20, 0.30, 0.50)


@dataclass(frozen=True)
class Bot:
    """A router with the evidence on its queries; `kind` is like "single" or "unrelated"."""

    router: Router
    texts: list[str]
    kind: NDArray[np.str_]
    right: Bools
    ambiguity: Floats  # (n, 4)
    strangeness: Floats  # (n, 4)


def read_bot(folder: Path, with_none: bool) -> Bot:
    """Fit a router on a bot, and gather the evidence on its queries."""
    routes = json.loads((folder / "routes.json").read_text())
    none = json.loads((folder / "none.json").read_text()) if with_none else []
    gold = [json.loads(line) for line in (folder / "test.jsonl").read_text().splitlines()]
    router = Router.from_exemplars(routes, none=none)
    texts = [row["text"] for row in gold]
    evidence, _ = router.evidence_and_result(texts)
    layout, doubt = router.model.layout, router.model.statistics.doubt
    nearness = Nearness.of(
        evidence.nearest, evidence.centroid_similarity, evidence.probabilities, layout
    )
    of_targets = evidence.probabilities[:, layout.targets]
    best = [list(router.pack.skills)[column] for column in of_targets.argmax(axis=1)]
    accepted = [{s.replace("_", "-") for s in (*row["skills"], *row["ok_skills"])} for row in gold]
    return Bot(
        router,
        texts,
        np.array([row["kind"] for row in gold]),
        np.array([skill in group for skill, group in zip(best, accepted, strict=True)]),
        doubt.ambiguity_features(nearness, of_targets, evidence.words),
        doubt.strangeness_features(nearness),
    )


def fit(
    features: Floats, truth: Bools, sample_weight: Floats | None = None, *, balanced: bool = True
) -> tuple[Floats, float]:
    """Fit a logistic model; weights and bias.

    :param balanced: Take both answers for equally frequent.
    """
    model = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=0.3, class_weight="balanced" if balanced else None, max_iter=1_000),
    ).fit(features, truth, logisticregression__sample_weight=sample_weight)
    weights = model[-1].coef_[0] / model[0].scale_
    return weights, float(model[-1].intercept_[0] - weights @ model[0].mean_)


def print_weights(bots: list[Bot], with_none: bool) -> None:
    """Print what is fitted on bots that all have, or all lack, queries that belong nowhere."""
    kinds = np.concatenate([bot.kind for bot in bots])
    right = np.concatenate([bot.right for bot in bots])
    strange = np.concatenate([bot.strangeness for bot in bots])[:, : 4 if with_none else 2]
    weights, bias = fit(strange, np.isin(kinds, ("near", "unrelated")))
    print(f"strangeness, with none: {with_none}: {np.round(weights, 2)}, bias {bias:.2f}")
    single = kinds == "single"
    levels = np.quantile(strange[single] @ weights + bias, (0.99, 0.98))
    print(f"  exceeded by 1 % and 2 % of the clear queries: {np.round(levels, 2)}")
    clear = single & right
    used = single | (kinds == "ambiguous")
    ambiguity = np.concatenate([bot.ambiguity for bot in bots])
    weights, bias = fit(ambiguity[used], ~clear[used])
    print(f"ambiguity: {np.round(weights, 2)}, bias {bias:.2f}")
    levels = np.quantile(ambiguity[single] @ weights + bias, 1 - CLEAR_SHARE * np.array(RATES))
    print(f"  exceeded by {CLEAR_SHARE} times {RATES} of the clear queries: {np.round(levels, 2)}")


def print_shares(name: str, bots: Iterable[Bot]) -> None:
    """Print the shares asked and refused for each kind of query."""
    rows: dict[str, list[list[bool]]] = {}
    for bot in bots:
        for kind, decision in zip(bot.kind, bot.router.route_many(bot.texts), strict=True):
            asked, refused = isinstance(decision, Clarify), isinstance(decision, NoRoute)
            rows.setdefault(kind, []).append([asked, refused])
    for kind, of_kind in rows.items():
        asked, refused = np.mean(of_kind, axis=0)
        print(f"  {name}, {kind}: asked {asked:.3f}, refused {refused:.3f}, n = {len(of_kind)}")


def main() -> None:
    """Read the argument, then fit and measure without and with queries that belong nowhere."""
    parser = argparse.ArgumentParser(description="Weights of doubt from small bots.")
    parser.add_argument("folder", nargs="?", type=Path, default=BOTS)
    folder = parser.parse_args().folder
    for with_none in (False, True):
        bots = {path.name: read_bot(path, with_none) for path in sorted(folder.iterdir())}
        fitted = [bot for name, bot in bots.items() if name not in HELD_OUT]
        print_weights(fitted, with_none)
        print_shares("fitted on", fitted)
        print_shares("held out", [bots[name] for name in HELD_OUT if name in bots])


if __name__ == "__main__":
    main()
