"""Run ours and its peers on a public set: same shots, same vectors, same process.

    python benchmarks/accuracy.py --data FOLDER --name banking77 --shots 10 --json OUT.json

A peer that is not installed is left out: pip install -c constraints.txt '.[bench]' has them.
"""

import argparse
import importlib.util
import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from plain_classifiers import BASELINES, CalibratedBaseline
from prediction_sets import fit_sharpness, gain_of_asking, set_threshold, sets
from sklearn.metrics import roc_auc_score

from router.arrays import Bools, Floats, Vectors
from router.estimators import FewShotClassifier, PromptedEncoder, TwoLayerEncoder
from router.estimators.few_shot import FEW_SHOT_SETTINGS, readable
from router.heads.centroid_head import CentroidHead, fit_centroid_head
from router.heads.kernel_head import KernelHead, fit_kernel_head
from router.statistics.intervals import expected_calibration_error
from router.statistics.probability import TrueColumns

ASKED = 0.10
OPTIONS = 3
ALPHA = 0.03
DRAWS = 500
KEYS = (
    "accuracy",
    "accuracy_ask10",
    "needless_ask10",
    "oos_auroc",
    "coverage",
    "singles",
    "mean_options",
    "ece",
    "fit_seconds",
)


FitHead: TypeAlias = Callable[
    [Sequence[str], Vectors, Sequence[str]], tuple[KernelHead | CentroidHead, Floats]
]


@dataclass(frozen=True)
class Data:
    """A public set. `oos` are texts of no class, () where the set has none."""

    name: str
    train: tuple[str, ...]
    train_labels: tuple[str, ...]
    test: tuple[str, ...]
    test_labels: tuple[str, ...]
    oos: tuple[str, ...]

    @property
    def classes(self) -> list[str]:
        """In the order of the columns."""
        return sorted(set(self.train_labels))

    @property
    def truth(self) -> TrueColumns:
        """Column of each test text. Shape: (n_test,)."""
        columns = {label: column for column, label in enumerate(self.classes)}
        return np.array([columns[label] for label in self.test_labels])


@dataclass(frozen=True)
class Answers:
    """What a method says of the test texts, and of those out of scope.

    :param ranks: Larger is likelier, in any unit. Shape: (n_test, n_classes).
    :param doubt: Larger is asked about first. Shape: (n_test,).
    :param confidence: Stated for the first answer, in [0, 1]. Shape: (n_test,).
    :param known, known_oos: How much each text looks like any class. Shapes: (n_test,), (n_oos,).
    :param options: Conformal sets, None if the method has none. Shape: (n_test, n_classes).
    """

    ranks: Floats
    doubt: Floats
    confidence: Floats
    known: Floats
    known_oos: Floats
    options: Bools | None
    fit_seconds: float


class Stored:
    """An encoder that was asked before: text to vector."""

    def __init__(self, texts: Sequence[str], vectors: Vectors, key: str) -> None:
        self.key = key
        self.width = vectors.shape[1]
        self._vectors = dict(zip(texts, vectors, strict=True))

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Look up. Shape: (n_texts, width)."""
        return np.stack([self._vectors[text] for text in texts])


def main() -> int:
    """Parse, run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--name", required=True, help="banking77, clinc150, ...")
    parser.add_argument("--shots", type=int, default=10)
    parser.add_argument("--json", type=Path, help="write the figures; a .md is written beside it")
    args = parser.parse_args()
    data = read(args.data, args.name, args.shots)
    report = run(data, args.shots)
    table = to_markdown(report)
    print(table)
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")
        args.json.with_suffix(".md").write_text(table + "\n")
    return 0


def read(folder: Path, name: str, shots: int) -> Data:
    """Read train, test and, where it exists, out-of-scope texts; never the validation file."""
    train, train_labels = _rows(folder / f"{name}_train_{shots}.jsonl")
    test, test_labels = _rows(folder / f"{name}_test.jsonl")
    oos_file = folder / f"{name}_oos_test.jsonl"
    oos = _rows(oos_file)[0] if oos_file.exists() else ()
    return Data(name, train, train_labels, test, test_labels, oos)


def run(data: Data, shots: int) -> dict[str, Any]:
    """Run every method; give what is written as JSON."""
    start = time.perf_counter()
    framed, layered, last = encode(data)
    encode_seconds = time.perf_counter() - start
    runs: dict[str, Callable[[], Answers]] = {
        "ours": lambda: ours(data, framed),
        "ours-one-frame": lambda: ours(data, layered),
        "ours-last-layer": lambda: ours(data, last),
        "ours-no-names": lambda: ours(data, framed, names={}),
        "ours-no-words": lambda: ours(data, framed, settings=FEW_SHOT_SETTINGS),
        "ours-one-step": lambda: ours(data, framed, discriminants=0.0),
        "router": lambda: router_head(data, last, fit_kernel_head),
        "router-many-exemplars": lambda: router_head(data, last, centroids_alone),
        "semantic-router-mean": lambda: semantic_router(data, last, "mean"),
        "semantic-router-max": lambda: semantic_router(data, last, "max"),
        "semantic-router-sum": lambda: semantic_router(data, last, "sum"),
        "semantic-router-fit": lambda: semantic_router(data, last, "mean", calibrate=True),
        **{name: partial(baseline, data, last, name) for name in BASELINES},
    }
    if importlib.util.find_spec("semantic_router") is None:
        print("semantic-router is not installed: left out", file=sys.stderr)
        runs = {name: run for name, run in runs.items() if not name.startswith("semantic-router")}
    return {
        "name": data.name,
        "shots": shots,
        "texts": {"train": len(data.train), "test": len(data.test), "oos": len(data.oos)},
        "encode_seconds": round(encode_seconds, 2),
        "methods": {name: figures(answer(), data.truth) for name, answer in runs.items()},
    }


def encode(data: Data) -> tuple[Stored, Stored, Stored]:
    """Encode every text once; give two layers in two frames, two layers, and the last alone."""
    encoder = PromptedEncoder(TwoLayerEncoder())
    names = [readable(label) for label in data.classes]
    texts = list(dict.fromkeys([*data.train, *names, *data.test, *data.oos]))
    vectors = encoder.encode(texts)
    width = encoder.encoder.width // 2

    def part(columns: int, key: str) -> Stored:
        kept = vectors[:, :columns]
        return Stored(texts, kept * np.float32(np.sqrt(vectors.shape[1] / columns)), key)

    key = encoder.encoder.key
    return Stored(texts, vectors, encoder.key), part(2 * width, key), part(width, f"{key}-last")


def ours(
    data: Data,
    encoder: Stored,
    names: dict[str, str] | None = None,
    **how: Any,  # noqa: ANN401
) -> Answers:
    """Exemplars, class names and words under a kernel, calibrated on the shots themselves."""
    start = time.perf_counter()
    model = FewShotClassifier(encoder, names=names, **how).fit(data.train, data.train_labels)
    seconds = time.perf_counter() - start
    return of_classifier(model, data.test, data.oos, model.familiarity, seconds)


class RouterHead:
    """What `Router` fits on the exemplars of a pack, as a classifier. Columns are in order."""

    def __init__(self, data: Data, encoder: Stored, fit: FitHead) -> None:
        order = np.argsort(data.train_labels, kind="stable")
        texts, labels = ([rows[i] for i in order] for rows in (data.train, data.train_labels))
        self._encoder = encoder
        self._head, self.held_out_decisions_ = fit(texts, encoder.encode(texts), labels)
        self.held_out_labels_ = np.unique(labels, return_inverse=True)[1]

    def decisions(self, texts: Sequence[str]) -> Floats:
        """Score. Shape: (n_texts, n_classes)."""
        return self._head.decisions(texts, self._encoder.encode(texts))

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Give probabilities. Shape: (n_texts, n_classes)."""
        return self._head.probabilities(texts, self._encoder.encode(texts))


def router_head(data: Data, encoder: Stored, fit: FitHead) -> Answers:
    """What a `Router` with these exemplars as its skills would decide by, before its policy."""
    start = time.perf_counter()
    classifier = RouterHead(data, encoder, fit)
    seconds = time.perf_counter() - start

    def known(texts: Sequence[str]) -> Floats:
        largest: Floats = classifier.decisions(texts).max(axis=1)
        return largest

    return of_classifier(classifier, data.test, data.oos, known, seconds)


def centroids_alone(
    texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
) -> tuple[CentroidHead, Floats]:
    """What `Router` falls back to beyond 8,000 exemplars."""
    return fit_centroid_head(vectors, labels)


def baseline(data: Data, encoder: Stored, name: str) -> Answers:
    """Run one of the plain classifiers on the same vectors, calibrated in the same way."""
    start = time.perf_counter()
    classifier = CalibratedBaseline(name, encoder.encode(data.train), data.train_labels)
    seconds = time.perf_counter() - start

    def known(vectors: Vectors) -> Floats:
        """Give what the field refuses by: the largest cosine; of logits, probability."""
        is_logistic = name == "logistic-regression"
        values = classifier.predict_proba(vectors) if is_logistic else classifier.decisions(vectors)
        largest: Floats = values.max(axis=1)
        return largest

    oos = encoder.encode(data.oos) if data.oos else ()
    return of_classifier(classifier, encoder.encode(data.test), oos, known, seconds)


def of_classifier(
    classifier: CalibratedBaseline | FewShotClassifier | RouterHead,
    test: Any,  # noqa: ANN401 - texts or vectors, as the classifier takes them
    oos: Any,  # noqa: ANN401
    known: Callable[[Any], Floats],
    seconds: float,
) -> Answers:
    """Ask a fitted classifier; its sets are calibrated on the exemplars it held out."""
    decisions = classifier.decisions(test)
    probabilities = classifier.predict_proba(test)
    held_out, labels = classifier.held_out_decisions_, classifier.held_out_labels_
    temperature = fit_sharpness(held_out, labels, ALPHA)
    floor = set_threshold(temperature.transform(held_out), labels, ALPHA)
    return Answers(
        ranks=decisions,
        doubt=gain_of_asking(probabilities, OPTIONS),
        confidence=probabilities.max(axis=1),
        known=known(test),
        known_oos=known(oos) if len(oos) else np.empty(0),
        options=sets(temperature.transform(decisions), floor),
        fit_seconds=seconds,
    )


def semantic_router(
    data: Data, encoder: Stored, aggregation: str, calibrate: bool = False
) -> Answers:
    """Route by the real package; its `fit` gets a fifth of the shots, held out from the routes."""
    start = time.perf_counter()
    calibrator: Any = None
    if calibrate:
        held_out = np.arange(len(data.train)) % 5 == 4
        router = _indexed_router(data, ~held_out, encoder, aggregation)
        texts = [data.train[place] for place in np.flatnonzero(held_out)]
        labels = [data.train_labels[place] for place in np.flatnonzero(held_out)]
        router.fit(texts, labels)
        calibrator = router.calibrator
    everything = np.ones(len(data.train), dtype=bool)
    router = _indexed_router(data, everything, encoder, aggregation, calibrator)
    seconds = time.perf_counter() - start
    ranks, confidence = _choices(router, data.test, data.classes)
    known_oos = _choices(router, data.oos, data.classes)[0].max(axis=1, initial=0.0)
    falling = -np.sort(-ranks, axis=1)
    doubt = falling[:, 1] - falling[:, 0]
    return Answers(ranks, doubt, confidence, falling[:, 0], known_oos, None, seconds)


def figures(answers: Answers, truth: TrueColumns) -> dict[str, Any]:
    """Measure; every interval is a bootstrap over the test texts, 95 %."""
    correct = answers.ranks.argmax(axis=1) == truth
    n_asked = round(ASKED * len(truth))
    asked = np.argsort(-answers.doubt, kind="stable")[:n_asked]
    shown = np.argsort(-answers.ranks[asked], axis=1, kind="stable")[:, :OPTIONS]
    after = correct.copy()
    after[asked] = (shown == truth[asked, None]).any(axis=1)
    result: dict[str, Any] = dict.fromkeys(KEYS)
    result |= {
        "accuracy": float(correct.mean()),
        "accuracy_ask10": float(after.mean()),
        "needless_ask10": float(correct[asked].mean()),
        "ece": expected_calibration_error(answers.confidence, correct),
        "fit_seconds": round(answers.fit_seconds, 3),
        "accuracy_interval": _interval(correct),
        "accuracy_ask10_interval": _interval(after),
        "needless_ask10_interval": _interval(correct[asked]),
    }
    if len(answers.known_oos):
        result |= _of_scope(answers.known, answers.known_oos)
    if answers.options is not None:
        result |= _of_options(answers.options, truth)
    return result


def to_markdown(report: dict[str, Any]) -> str:
    """Give a table: shares in %, with half the width of the interval of accuracies."""
    texts = report["texts"]
    lines = [
        f"{report['name']}, {report['shots']} shots: {texts['train']} exemplars,"
        f" {texts['test']} test texts, {texts['oos']} out of scope",
        "",
        f"| method | {' | '.join(KEYS)} |",
        f"| --- |{' ---: |' * len(KEYS)}",
    ]
    for name, figure in report["methods"].items():
        lines.append(f"| {name} | {' | '.join(_cell(key, figure) for key in KEYS)} |")
    return "\n".join(lines)


def _rows(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return tuple(row["text"] for row in rows), tuple(row["label"] for row in rows)


def _indexed_router(
    data: Data,
    kept: Bools,
    encoder: Stored,
    aggregation: str,
    calibrator: Any = None,  # noqa: ANN401 - the peer's
) -> Any:  # noqa: ANN401 - the peer's router
    from semantic_router.encoders import DenseEncoder
    from semantic_router.route import Route
    from semantic_router.routers import IndexedRouter

    class Local(DenseEncoder):  # type: ignore[misc]
        """Our vectors, for their router."""

        def __call__(self, docs: list[Any]) -> list[list[float]]:
            vectors: list[list[float]] = encoder.encode(docs).tolist()
            return vectors

    utterances: dict[str, list[str]] = {label: [] for label in data.classes}
    for place in np.flatnonzero(kept):
        utterances[data.train_labels[place]].append(data.train[place])
    routes = [Route(name=name, utterances=texts) for name, texts in utterances.items()]
    return IndexedRouter(
        Local(name="stored"), routes, aggregation=aggregation, calibrator=calibrator
    )


def _choices(
    router: Any,  # noqa: ANN401 - the peer's router
    texts: Sequence[str],
    classes: list[str],
) -> tuple[Floats, Floats]:
    """Ask the router one by one, its only public way.

    :return: Confidences, and the one of the first choice, in [0, 1]. Shapes: (n_texts, n_classes),
        (n_texts,).
    """
    columns = {name: column for column, name in enumerate(classes)}
    ranks = np.zeros((len(texts), len(classes)))
    confidence = np.zeros(len(texts))
    for row, text in enumerate(texts):
        choices: Any = router(text, limit=None)  # a list, where the limit is not 1
        confidence[row] = choices[0].confidence
        for place, choice in enumerate(choices):
            # The order is by raw score; a calibrated confidence may tie where that does not.
            ranks[row, columns[choice.name]] = choice.confidence - 1e-9 * place
    return ranks, np.clip(confidence, 0.0, 1.0)


def _of_scope(known: Floats, known_oos: Floats) -> dict[str, Any]:
    def auroc(inside: Floats, outside: Floats) -> float:
        is_inside = np.arange(len(inside) + len(outside)) < len(inside)
        return float(roc_auc_score(is_inside, np.concatenate([inside, outside])))

    rng = np.random.default_rng(0)
    draws = [
        auroc(rng.choice(known, len(known)), rng.choice(known_oos, len(known_oos)))
        for _ in range(100)
    ]
    return {
        "oos_auroc": auroc(known, known_oos),
        "oos_auroc_interval": np.percentile(draws, [2.5, 97.5]).tolist(),
    }


def _of_options(options: Bools, truth: TrueColumns) -> dict[str, Any]:
    covered = options[np.arange(len(truth)), truth]
    sizes = options.sum(axis=1)
    return {
        "coverage": float(covered.mean()),
        "singles": float((sizes == 1).mean()),
        "mean_options": float(sizes.mean()),
        "coverage_interval": _interval(covered),
        "singles_interval": _interval(sizes == 1),
        "mean_options_interval": _interval(sizes),
    }


def _interval(values: Floats | Bools) -> list[float]:
    """Bootstrap the mean of one value a text."""
    rng = np.random.default_rng(0)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(DRAWS)]
    ends: list[float] = np.percentile(means, [2.5, 97.5]).tolist()
    return ends


def _cell(key: str, figure: dict[str, Any]) -> str:
    value = figure[key]
    if value is None:
        return "–"
    if key in {"mean_options", "fit_seconds"}:
        return f"{value:.2f}"
    interval = figure.get(f"{key}_interval")
    spread = f" ± {50 * (interval[1] - interval[0]):.1f}" if interval else ""
    return f"{100 * value:.1f}{spread}"


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # third-party deprecations
    raise SystemExit(main())
