"""Would a static model in front of the encoder pay? Its share of answers against what it loses.

    pip install "model2vec[distill]"
    python benchmarks/cascade.py --data FOLDER [--static FOLDER] [--log LABELLED.jsonl]

The static model is model2vec's distillation of the encoder, 256 wide; it is kept in the folder
named by --static, where there is one. It has a head of its own, of the same kind and fitted on the
same exemplars; what it is surest of, it answers, and the encoder the rest. Tried on FOLDER's
NAME_valid.jsonl after NAME_train_10.jsonl ({"text", "label"} a line), and with the shipped pack on
the sample log or another one. The gate is fitted on the even texts, as low as a loss of 0.3 points
allows, and tried on the odd ones.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import msgspec
import numpy as np

from router import Router
from router.arrays import Bools, Floats, Vectors
from router.decisions.outcome import Outcome
from router.encoders.default import default_encoder
from router.encoders.encoder import Encoder
from router.encoders.model_files import default_folder
from router.estimators import FewShotClassifier
from router.fitting.fit import fit_model
from router.heads.similarity import unit_rows
from router.logs.labels import LabelReader, accepts
from router.paths import SAMPLE_LOG

ALLOWED = 0.003
SHARES = (0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
WIDTH = 256


class Static:
    """A static model as an encoder."""

    key = "static"
    width = WIDTH

    def __init__(self, folder: Path) -> None:
        from model2vec import StaticModel

        if not (folder / "config.json").is_file():
            from model2vec.distill import distill

            distill(model_name=str(default_folder()), pca_dims=WIDTH).save_pretrained(folder)
        self.model = StaticModel.from_pretrained(folder)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Look the pieces of each text up, and average. Shape: (n_texts, width)."""
        if not texts:
            return np.empty((0, WIDTH), dtype=np.float32)
        return unit_rows(self.model.encode(list(texts)))


@dataclass(frozen=True)
class Answers:
    """What one model says of the texts: how sure it is, whether it is right, seconds a text."""

    sure: Floats
    right: Bools
    seconds: float


def read(path: Path) -> tuple[list[str], list[str]]:
    """Read texts and labels."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row["text"] for row in rows], [row["label"] for row in rows]


def classified(encoder: Encoder, folder: Path, name: str) -> Answers:
    """Fit on ten shots a class, and classify the validation texts."""
    model = FewShotClassifier(encoder).fit(*read(folder / f"{name}_train_10.jsonl"))
    texts, truth = read(folder / f"{name}_valid.jsonl")
    start = perf_counter()
    likely = model.predict_proba(texts)
    seconds = (perf_counter() - start) / len(texts)
    right = model.classes_[likely.argmax(axis=1)] == np.array(truth)
    return Answers(likely.max(axis=1), right, seconds)


def routed(router: Router, log: Path) -> Answers:
    """Decide a labelled log."""
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    golds = [LabelReader(router.pack).read(row) for row in rows]
    start = perf_counter()
    decisions = router.route_many([row["text"] for row in rows])
    seconds = (perf_counter() - start) / len(rows)
    outcomes = [msgspec.convert(decision.to_dict(), Outcome) for decision in decisions]
    right = [
        gold is not None and accepts(gold, outcome, router.pack.precedence)
        for gold, outcome in zip(golds, outcomes, strict=True)
    ]
    sure = np.array([decision.confidence for decision in decisions])
    return Answers(sure, np.array(right), seconds)


def gate_of(sure: Floats, lost: Floats) -> float:
    """Give the lowest gate above which the net loss is allowed; 2.0 if there is none."""
    order = np.argsort(-sure, kind="stable")
    fits = np.flatnonzero(np.cumsum(lost[order]) / len(sure) <= ALLOWED)
    return float(sure[order[fits[-1]]]) if len(fits) else 2.0


def curve(name: str, fast: Answers, slow: Answers) -> None:
    """Print a row for each share that the static model answers, and one for a fitted gate."""
    odd = np.arange(len(fast.sure)) % 2 == 1
    for share in SHARES:
        gate = float(np.quantile(fast.sure, 1 - share))
        row(name, fast, slow, gate, np.ones_like(odd))
    lost = slow.right.astype(float) - fast.right
    row(f"{name}, fitted gate", fast, slow, gate_of(fast.sure[~odd], lost[~odd]), odd)


def row(name: str, fast: Answers, slow: Answers, gate: float, tried: Bools) -> None:
    """Print one cascade, against the encoder alone."""
    static = fast.sure[tried] >= gate
    right = np.where(static, fast.right[tried], slow.right[tried]).mean()
    lost = slow.right[tried].mean() - right
    share = static.mean()
    times = slow.seconds / (fast.seconds + (1 - share) * slow.seconds)
    print(
        f"| {name} | {share:.2f} | {100 * right:.2f} | {100 * lost:+.2f} | {times:.2f} |",
        flush=True,
    )


def main() -> None:
    """Print the curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--static", type=Path, help="where the static model is, or is to be kept")
    parser.add_argument("--log", type=Path, default=SAMPLE_LOG, help="for the shipped pack")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        static, encoder = Static(args.static or Path(scratch) / "static"), default_encoder()
    print("| set | static answers | accuracy, % | lost, points | times as fast |")
    print("|---|---|---|---|---|")
    for path in sorted(args.data.glob("*_train_10.jsonl")):
        name = path.name.removesuffix("_train_10.jsonl")
        fast, slow = (classified(one, args.data, name) for one in (static, encoder))
        curve(name, fast, slow)
    router = Router.load(encoder=encoder)
    quick = Router(router.pack, static, fit_model(router.pack, static))
    curve("shipped pack", routed(quick, args.log), routed(router, args.log))


if __name__ == "__main__":
    main()
