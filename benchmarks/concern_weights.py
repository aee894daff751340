"""Fit what tells a further concern from a passing mention, on small bots and public intents.

    python benchmarks/concern_weights.py FOLDER [--bots FOLDER]

FOLDER holds NAME_train_10.jsonl and NAME_train_full.jsonl of BANKING77 and CLINC150, a text and its
label a line; the test splits are not read. The bots are those of `benchmarks/bots`: their queries
of two routes and of one were written by others than the exemplars, and five bots are only
measured. Of the public sets, half of the texts outside of the ten exemplars stand alone and half
are joined in pairs.

It prints the weights in `router/model/concerns.py`, and for texts of two clauses and more what they
do on texts that were not fitted on: the share of two-route queries found exactly, and the share of
single ones that get a route too many.
"""

import argparse
import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from doubt_weights import BOTS, HELD_OUT, fit

from router import Router
from router.arrays import Bools, Floats
from router.fitting.joined_queries import join_exemplars
from router.model.concerns import ClauseEvidence, clauses_of, gate_features
from router.packs.labels import id_of_label
from router.text import words_in

_N_SINGLE, _N_JOINED = 2_500, 500
_MAX_WORDS = 30
_BOT_WEIGHT = 4
"""A text of a bot counts as much as so many texts of the public sets."""

_THRESHOLD = 0.8
"""The `extra_skill_threshold` of packs that name none."""

_OVERLOOKED = 0.03
"""The share of the further concerns that the gate may miss."""


@dataclass(frozen=True)
class Judged:
    """Texts of two clauses and more, and what is known of them."""

    name: str
    features: Floats  # (n, n_skills, n_features)
    possible: Bools  # (n, n_skills)
    required: Bools  # (n, n_skills)
    accepted: Bools  # (n, n_skills)
    top: Bools  # (n, n_skills): the likeliest skill
    gate: Floats  # (n, n_gate_features)

    @property
    def fair(self) -> Bools:
        """What is plainly right or plainly wrong as a further concern."""
        return self.possible & (self.required | ~self.accepted)

    def found(self, weights: Floats, bias: float, opened: Bools) -> tuple[float, float]:
        """Share of two-route queries found exactly, and of single ones with a route too many."""
        odds = self.features @ weights + bias
        extra = self.possible & (odds >= np.log(_THRESHOLD / (1 - _THRESHOLD))) & opened[:, None]
        chosen = extra | self.top
        exact = (chosen >= self.required).all(axis=1) & (chosen <= self.accepted).all(axis=1)
        two = self.required.sum(axis=1) > 1
        needless = (extra & ~self.accepted).any(axis=1)
        return float(exact[two].mean()), float(needless[~two].mean())


def judge(name: str, router: Router, rows: list[tuple[str, set[str], set[str]]]) -> Judged:
    """Gather the evidence on (text, required, accepted)."""
    rows = [row for row in rows if len(clauses_of(row[0])) > 1]
    texts = [text for text, _, _ in rows]
    words, clauses = words_in(texts), [clauses_of(text) for text in texts]
    flat = [clause for group in clauses for clause in group]
    head, skills = router.model.head, router.model.layout.skills
    vectors = router.encoder.encode(flat)
    parts = head.probabilities(flat, vectors)[:, skills]
    whole = head.probabilities(texts, router.encoder.encode(texts))[:, skills]
    evidence = ClauseEvidence.of(words, clauses, parts, head.nearest(vectors)[:, skills])
    features, possible = evidence.features(whole)
    ids = list(router.pack.skills)
    required, accepted = (
        np.array([[skill in row[column] for skill in ids] for row in rows]) for column in (1, 2)
    )
    return Judged(
        name,
        features,
        possible,
        required,
        accepted | required,
        np.arange(len(ids)) == whole.argmax(axis=1)[:, None],
        gate_features(words, clauses, np.zeros(parts.shape), whole),
    )


def judge_bot(folder: Path) -> Judged:
    """Gather the evidence on the queries of a bot."""
    router = Router.from_exemplars(json.loads((folder / "routes.json").read_text()))
    gold = [json.loads(line) for line in (folder / "test.jsonl").read_text().splitlines()]
    return judge(
        folder.name,
        router,
        [
            (
                row["text"],
                {id_of_label(skill) for skill in row["skills"]},
                {id_of_label(skill) for skill in row["ok_skills"]},
            )
            for row in gold
            if row["action"] == "route"
        ],
    )


def judge_public(folder: Path, name: str) -> Judged:
    """Gather the evidence on training texts that are no exemplars, alone and joined."""
    few, full = (
        [json.loads(line) for line in (folder / f"{name}_train_{part}.jsonl").open()]
        for part in ("10", "full")
    )
    routes: dict[str, list[str]] = {}
    for row in few:
        routes.setdefault(row["label"], []).append(row["text"])
    known = {row["text"] for row in few}
    rest = [row for row in full if row["text"] not in known]
    random.Random(1).shuffle(rest)
    rows = [(row["text"], {id_of_label(row["label"])}, set[str]()) for row in rest[:_N_SINGLE]]
    lines: dict[str, list[str]] = {}
    for row in rest[_N_SINGLE : 2 * _N_SINGLE]:
        lines.setdefault(id_of_label(row["label"]), []).append(row["text"])
    joined = join_exemplars(lines, _N_JOINED, seed=3, max_words=_MAX_WORDS)
    rows += [(text, set(skills), set[str]()) for text, skills in joined]
    return judge(name, Router.from_exemplars(routes), rows)


def main() -> None:
    """Read the arguments, fit, and measure."""
    parser = argparse.ArgumentParser(description="Weights of further concerns.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bots", type=Path, default=BOTS)
    arguments = parser.parse_args()
    bots = [judge_bot(path) for path in sorted(arguments.bots.iterdir())]
    public = [judge_public(arguments.folder, name) for name in ("banking77", "clinc150")]
    fitted = [bot for bot in bots if bot.name not in HELD_OUT]
    rows = [(bot, np.arange(len(bot.top)), _BOT_WEIGHT) for bot in fitted]
    rows += [(one, np.arange(0, len(one.top), 2), 1) for one in public]
    features, truth, repeats = [], [], []
    for one, chosen, weight in rows:
        fair = one.fair[chosen]
        features.append(one.features[chosen][fair])
        truth.append(one.required[chosen][fair])
        repeats.append(np.full(int(fair.sum()), weight))
    weights, bias = fit(
        np.concatenate(features), np.concatenate(truth), np.concatenate(repeats), balanced=False
    )
    print(f"concern: {np.round(weights, 2).tolist()}, bias {bias:.2f}")
    threshold = np.log(_THRESHOLD / (1 - _THRESHOLD))
    opens = [
        (one.possible & (one.features @ weights + bias >= threshold)).any(axis=1)
        & (one.required.sum(axis=1) > 1)
        for one, _, _ in rows
    ]
    gates = np.concatenate([one.gate[chosen] for one, chosen, _ in rows])
    found = np.concatenate([of[chosen] for of, (_, chosen, _) in zip(opens, rows, strict=True)])
    gate_weights, gate_bias = fit(gates, found)
    odds = gates @ gate_weights + gate_bias
    level = float(np.quantile(odds[found], _OVERLOOKED))
    print(f"gate: {np.round(gate_weights, 2).tolist()}, bias {gate_bias - level:.2f}")
    for one in bots + public:
        opened = one.gate @ gate_weights + gate_bias >= level
        two, single = one.found(weights, bias, opened)
        part = "measured" if one.name in HELD_OUT or one in public else "fitted on"
        share = opened[one.required.sum(axis=1) < 2].mean()
        print(f"{one.name} ({part}): two {two:.3f}, single {single:.3f}, opened {share:.2f}")


if __name__ == "__main__":
    main()
