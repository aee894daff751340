"""Fit how much a turn needs what came before, on authored conversations of some domains.

    python benchmarks/turn_weights.py [--write] [--cache FOLDER]

benchmarks/conversations/fit and .../held-out hold conversations of different domains, each with the
kind of its last turn and what is right for it; benchmarks/bots holds the routes of the domains. The
weights are fitted on the first half, and on queries of the bots of other domains that follow
another query. What is printed is how often the last turn is decided rightly on each half: read
alone, joined with the turns before, and mixed. `--write` writes the weights into the package.
"""

import argparse
import json
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from router import Router
from router.arrays import Bools, Floats, Vectors
from router.conversations.cues import CUES, cues
from router.conversations.history import read_history
from router.conversations.mix import context_probabilities
from router.conversations.reader import TurnReader
from router.conversations.readings import Readings, features_of, read_turns
from router.conversations.turn_model import FEATURES, WEIGHTS_FILE, TurnModel, Weights
from router.decisions.builder import DecisionBuilder
from router.encoders.encoder import Encoder
from router.files import write_whole
from router.text import words_of

HERE = Path(__file__).parent
CONVERSATIONS, BOTS = HERE / "conversations", HERE / "bots"
NEEDS = ("same", "other", "pronoun", "correction")
KINDS = (*NEEDS, "new-topic", "full", "thanks", "unrelated", "ambiguous")
START = TurnModel(
    leaning=Weights(dict.fromkeys(CUES, 0.0), 0.0),
    needing=Weights(dict.fromkeys(FEATURES, 0.0), 0.0),
    staying=Weights(dict.fromkeys(FEATURES, 0.0), 0.0),
    alone_power=1.0,
    joined_power=1.0,
    before_power=1.0,
    topic_share=0.7,
    ruling_out=2.0,
)


class KeptVectors:
    """An encoder that keeps the vectors of all texts in a file."""

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        self.encoder = encoder
        self.file = folder / f"{encoder.key.replace(':', '-')}.pickle"
        self.vectors = pickle.loads(self.file.read_bytes()) if self.file.exists() else {}

    @property
    def key(self) -> str:
        """The key of the encoder within."""
        return self.encoder.key

    @property
    def width(self) -> int:
        """Length of a vector."""
        return self.encoder.width

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch; new texts are embedded."""
        missing = [text for text in dict.fromkeys(texts) if text not in self.vectors]
        if missing:
            self.vectors |= dict(zip(missing, self.encoder.encode(missing), strict=True))
        rows = [self.vectors[text] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(-1, self.width)

    def save(self) -> None:
        """Write all vectors."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_bytes(pickle.dumps(self.vectors))


@dataclass(frozen=True)
class Domain:
    """A router and the conversations of its domain, each a record of the file."""

    name: str
    router: Router
    rows: list[dict[str, Any]]

    @property
    def texts(self) -> list[str]:
        """The last turns."""
        return [row["turns"][-1] for row in self.rows]

    @property
    def histories(self) -> list[list[str]]:
        """The turns before."""
        return [row["turns"][:-1] for row in self.rows]

    def read(self, turns: TurnModel) -> Readings:
        """Read all last turns."""
        histories = [read_history(history) for history in self.histories]
        return read_turns(self.router.model, self.router.encoder, self.texts, histories, turns)


def router_of(name: str, cache: Path) -> Router:
    """Load the shipped pack, or fit the routes of a bot."""
    if name == "ml-production":
        router = Router.load()
    else:
        routes, none = (
            json.loads((BOTS / name / f"{part}.json").read_text()) for part in ("routes", "none")
        )
        router = Router.from_exemplars(routes, none=none)
    return replace(router, encoder=KeptVectors(router.encoder, cache))


def domains(half: str, cache: Path) -> Iterator[Domain]:
    """Read the conversations of one half."""
    for path in sorted((CONVERSATIONS / half).glob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        yield Domain(path.stem, router_of(path.stem, cache), rows)


def random_follow_ups(held_out: Sequence[str], cache: Path, n: int = 60) -> Iterator[Domain]:
    """Let queries of users follow any other query: new topics, and what belongs nowhere."""
    rng = np.random.default_rng(7)
    for folder in sorted(BOTS.iterdir()):
        if folder.name in held_out:
            continue
        lines = (folder / "test.jsonl").read_text(encoding="utf-8").splitlines()
        gold = [row for line in lines if (row := json.loads(line))["kind"] != "ambiguous"]
        first = [row["text"] for row in gold if row["kind"] == "single"]
        chosen = [gold[i] for i in rng.permutation(len(gold))[:n]]
        rows = [
            {
                "kind": "new-topic" if row["kind"] == "single" else "unrelated",
                "turns": [str(rng.choice(first)), row["text"]],
                "skills": row["skills"],
                "packs": [],
                "action": row["action"],
            }
            for row in chosen
        ]
        yield Domain(folder.name, router_of(folder.name, cache), rows)


def gold_column(row: dict[str, Any], names: Sequence[str]) -> int:
    """Give the column of what is right; -1 where a question is."""
    targets = [f"skill:{skill.replace('_', '-')}" for skill in row["skills"]]
    targets += [f"neighbour:{pack}" for pack in row["packs"]]
    targets += ["none"] if row["action"] == "none" else []
    return names.index(targets[0]) if targets and targets[0] in names else -1


def logistic(
    names: Sequence[str], features: Floats, truth: Bools, sample: Floats, strength: float = 0.3
) -> Weights:
    """Fit a logistic model on scaled features, and give it for the features as they are."""
    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    model = LogisticRegression(C=strength, max_iter=2_000)
    model.fit((features - mean) / scale, truth, sample_weight=sample)
    weights = model.coef_[0] / scale
    bias = float(model.intercept_[0] - weights @ mean)
    return Weights(dict(zip(names, weights.round(3).tolist(), strict=True)), round(bias, 3))


def fit(authored: Sequence[Domain], random: Sequence[Domain]) -> TurnModel:
    """Fit what the words tell first, then what the readings tell, then the powers."""
    used = [*authored, *random]
    of_words = np.array([cues(words_of(text)) for domain in used for text in domain.texts])
    kinds = np.array([row["kind"] for domain in used for row in domain.rows])
    is_random = np.concatenate([np.full(len(d.rows), d not in authored) for d in used])
    needs, counted = np.isin(kinds, NEEDS), ~np.isin(kinds, ("ambiguous", "thanks"))
    # Random follow-ups are many; all of them together weigh half as much as the authored turns.
    sample = np.where(is_random, 0.5 * (~is_random).sum() / max(is_random.sum(), 1), 1.0)
    change = msgspec.structs.replace
    leaning = logistic(CUES, of_words[counted], needs[counted], sample[counted])
    turns = change(START, leaning=leaning)
    readings = [domain.read(turns) for domain in used]
    features = np.concatenate(
        [features_of(read, d.router.model, turns) for read, d in zip(readings, used, strict=True)]
    )
    needing = logistic(FEATURES, features[counted], needs[counted], sample[counted])
    stays = np.concatenate([stayed(d, read) for d, read in zip(used, readings, strict=True)])
    staying = logistic(FEATURES, features[needs], stays[needs], sample[needs], 0.1)
    turns = change(turns, needing=needing, staying=staying)
    return fit_powers(turns, authored, readings[: len(authored)])


def stayed(domain: Domain, readings: Readings) -> Bools:
    """Tell which turns go where their topic does. Shape: (n_texts,)."""
    names = domain.router.model.names
    right = np.array([gold_column(row, names) for row in domain.rows])
    return np.asarray(readings.before.argmax(axis=1) == right)


def fit_powers(
    turns: TurnModel, authored: Sequence[Domain], readings: Sequence[Readings]
) -> TurnModel:
    """Find the powers under which turns that need what came before are likeliest."""
    names = ("alone_power", "joined_power", "before_power", "ruling_out")
    given = []
    for domain, read in zip(authored, readings, strict=True):
        model = domain.router.model
        staying = turns.staying.probabilities(features_of(read, model, turns), FEATURES)
        columns = np.array([gold_column(row, model.names) for row in domain.rows])
        needs = np.array([row["kind"] in NEEDS for row in domain.rows]) & (columns >= 0)
        given.append((read, model.layout, staying, columns, needs.nonzero()[0]))

    def with_powers(powers: Floats) -> TurnModel:
        values = np.abs(powers).round(3).tolist()
        return msgspec.structs.replace(turns, **dict(zip(names, values, strict=True)))

    def loss(powers: Floats) -> float:
        tried, total = with_powers(powers), 0.0
        for read, layout, staying, columns, rows in given:
            likely = context_probabilities(read, layout, staying, tried)
            total -= np.log(likely[rows, columns[rows]] + 0.01).sum()
        return total + 0.5 * float(np.square(powers - start).sum())

    start = np.array([getattr(START, name) for name in names])
    return with_powers(minimize(loss, start, method="Nelder-Mead", options={"maxfev": 200}).x)


def is_right(row: dict[str, Any], decision: Any) -> bool:  # noqa: ANN401 - any decision
    """Tell whether a decision is what the record says."""
    record = decision.to_dict()
    if record["action"] != row["action"]:
        return False
    if row["action"] == "route":
        return row["skills"][0].replace("_", "-") in record["skills"]
    return row["action"] != "redirect" or row["packs"][0] in record["packs"]


def results(domain: Domain, turns: TurnModel) -> list[tuple[str, dict[str, bool]]]:
    """Decide all last turns in four ways: kind, and which way is right."""
    router, texts = domain.router, domain.texts
    reader = TurnReader(DecisionBuilder(router.pack, router.model), router.encoder, router.policy)
    read = [read_history(history) for history in domain.histories]
    ways = {
        "alone": router.route_many(texts),
        "joined with one": router.route_many(
            ["\n".join([*h[-1:], t]) for h, t in zip(domain.histories, texts, strict=True)]
        ),
        "all joined": router.route_many(
            ["\n".join([*h, t]) for h, t in zip(domain.histories, texts, strict=True)]
        ),
        "mixed": reader.decisions(reader.decide(texts, read, turns=turns)),
    }
    return [
        (row["kind"], {name: is_right(row, ways[name][i]) for name in ways})
        for i, row in enumerate(domain.rows)
    ]


def print_results(title: str, rows: Sequence[tuple[str, dict[str, bool]]]) -> None:
    """Print the share of right decisions by kind."""
    print(f"\n{title}, n = {len(rows)}")
    kinds = [kind for kind in KINDS if any(row[0] == kind for row in rows)]
    print(f"{'':16}{'all':>7}" + "".join(f"{kind:>12}" for kind in kinds))
    for way in rows[0][1]:
        shares = [np.mean([right[way] for of, right in rows if of == kind]) for kind in kinds]
        total = np.mean([right[way] for _, right in rows])
        print(f"{way:16}{total:7.3f}" + "".join(f"{share:12.3f}" for share in shares))


def main() -> None:
    """Fit on one half, and measure on both."""
    parser = argparse.ArgumentParser(description="How much a turn needs what came before.")
    parser.add_argument("--write", action="store_true", help="write the package's weights")
    parser.add_argument("--cache", type=Path, default=Path("vectors"), help="folder of vectors")
    parser.add_argument("--held-out", action="store_true", help="measure the other half, too")
    parser.add_argument("--cross", action="store_true", help="leave each domain out in turn")
    arguments = parser.parse_args()
    held_out = [path.stem for path in (CONVERSATIONS / "held-out").glob("*.jsonl")]
    authored = list(domains("fit", arguments.cache))
    random = list(random_follow_ups(held_out, arguments.cache))
    if arguments.cross:
        found = []
        for left_out in authored:
            rest = [domain for domain in authored if domain is not left_out]
            turns = fit(rest, [domain for domain in random if domain.name != left_out.name])
            found += results(left_out, turns)
        print_results("each domain left out in turn", found)
    turns = fit(authored, random)
    print(json.dumps(msgspec.to_builtins(turns), indent=1))
    print_results("fitted on", [row for domain in authored for row in results(domain, turns)])
    print_results("random follow-ups", [row for domain in random for row in results(domain, turns)])
    if arguments.held_out:
        rows = {
            domain.name: results(domain, turns) for domain in domains("held-out", arguments.cache)
        }
        for name, of_domain in rows.items():
            print_results(name, of_domain)
        print_results("held out", [row for of_domain in rows.values() for row in of_domain])
    if arguments.write:
        text = json.dumps(msgspec.to_builtins(turns), indent=1)
        write_whole(WEIGHTS_FILE, f"{text}\n".encode())
    for domain in [*authored, *random]:
        domain.router.encoder.save()


if __name__ == "__main__":
    main()
