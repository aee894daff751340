"""How many labels at random give what a few chosen ones give?

    python benchmarks/review_curve.py FOLDER [--split train_full] [--draws 5] [--zipf] [--set NAME]

FOLDER holds `NAME_train_10.jsonl`, `NAME_train_full.jsonl` and `NAME_test.jsonl` of `{"text",
"label"}`, for NAME in banking77 and clinc150, and `clinc150_oos_test.jsonl`. A router has the first
three exemplars of each class. One half of the split is its log: n lines of it are labelled and
become exemplars, and the accuracy is measured on the other half. With `--zipf` the classes follow
Zipf's law and one line in ten belongs to no class, in both halves. What was built was chosen on
logs drawn from `train_full`; the figures that are reported are those of `test`.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from router import Router
from router.arrays import Vectors
from router.encoders.callable import CallableEncoder
from router.encoders.default import default_encoder
from router.logs.labels import Gold, accepts
from router.packs.labels import id_of_label
from router.packs.pack import Pack
from router.review.estimate import estimate
from router.review.selection import choose
from router.review.vetting import vetted

SETS = ("banking77", "clinc150")
GRID = (0, 100, 200, 300, 400, 500, 600, 700)
CHOSEN = 200
WRONG = 0.05
STRANGERS = 0.1
STRANGER = "none"
Labelled = list[tuple[str, str]]


@dataclass
class Vocabulary:
    """Vectors of texts, each embedded once."""

    vectors: dict[str, Vectors]

    @classmethod
    def of(cls, file: Path | None) -> "Vocabulary":
        """Read what an earlier call has embedded; without a file, begin with nothing."""
        if file is None or not file.exists():
            return cls({})
        kept = np.load(file, allow_pickle=False)
        return cls(dict(zip(kept["texts"].tolist(), kept["vectors"], strict=True)))

    def write(self, file: Path) -> None:
        """Keep the vectors for a later call."""
        np.savez(file, texts=np.array(list(self.vectors)), vectors=[*self.vectors.values()])

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Give the vector of each text."""
        new = [text for text in dict.fromkeys(texts) if text not in self.vectors]
        if new:
            vectors = default_encoder(two_layers=True).encode(new)
            self.vectors.update(zip(new, vectors, strict=True))
        return np.stack([self.vectors[text] for text in texts])


def read(folder: Path, name: str) -> Labelled:
    """Read the lines of a file."""
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row["text"], id_of_label(row["label"])) for row in rows]


def first_three(folder: Path, name: str) -> dict[str, list[str]]:
    """Give the first three lines of each class of `train_10`."""
    routes: dict[str, list[str]] = defaultdict(list)
    for text, label in read(folder, f"{name}_train_10"):
        if len(routes[label]) < 3:
            routes[label].append(text)
    return dict(routes)


def halves(
    folder: Path, name: str, split: str, seed: int, zipf: bool, n: int | None = None
) -> tuple[Labelled, Labelled]:
    """Draw a log, and the lines on which the accuracy is measured."""
    rng = np.random.default_rng(seed)
    used = {text for lines in first_three(folder, name).values() for text in lines}
    rows = [row for row in read(folder, f"{name}_{split}") if row[0] not in used]
    rows = [rows[i] for i in rng.permutation(len(rows))]
    n = n or {"banking77": 1_540, "clinc150": 2_250}[name]
    if not zipf:
        return rows[:n], rows[n : 2 * n]
    of_class: dict[str, Labelled] = defaultdict(list)
    for row in rows:
        of_class[row[1]].append(row)
    names = rng.permutation(sorted(of_class)).tolist()
    shares = 1.0 / np.arange(1, len(names) + 1)
    log, rest = Labelled(), Labelled()
    for label, share in zip(names, shares / shares.sum(), strict=True):
        size = min(len(of_class[label]) // 2, max(1, round(share * n * (1.0 - STRANGERS))))
        log += of_class[label][:size]
        rest += of_class[label][size : 2 * size]
    strangers = read(folder, "clinc150_oos_test" if split == "test" else "clinc150_oos_valid")
    strangers = [(strangers[i][0], STRANGER) for i in rng.permutation(len(strangers))]
    n_strangers = min(round(len(log) / 9), len(strangers) // 2)
    log += strangers[:n_strangers]
    rest += strangers[n_strangers : 2 * n_strangers]
    return [log[i] for i in rng.permutation(len(log))], rest


def with_labels(pack: Pack, labelled: Labelled) -> Pack:
    """Add the labelled lines to the exemplars."""
    added: dict[str, list[str]] = defaultdict(list)
    known = {line for _, line in pack.target_exemplars()}
    for text, label in labelled:
        if text not in known:
            added[label].append(text)
    for label, lines in added.items():
        pack = pack.with_lines(label, [*pack.lines_of(label), *lines])
    return pack


def accuracy(router: Router, rows: Labelled) -> float:
    """Compute the share of texts whose likeliest route is right; a stranger is to be refused."""
    texts = [text for text, _ in rows]
    ranked = [ranking[0].id for ranking in router.rank_many(texts, 1)]
    if any(label == STRANGER for _, label in rows):
        decided = router.outcomes(texts)
        refused = np.array([outcome.action == "none" for outcome in decided.outcomes])
        ranked = np.where(refused[decided.indices], STRANGER, ranked).tolist()
    return float(np.mean([given == label for given, (_, label) in zip(ranked, rows, strict=True)]))


def labels_at_random(curve: Sequence[float], reached: float) -> float:
    """Tell how many labels at random give what was reached; the curve is made to rise."""
    return float(np.interp(reached, np.maximum.accumulate(curve), GRID))


def wrongly(labelled: Labelled, names: Sequence[str], seed: int) -> Labelled:
    """Give one answer in twenty at random."""
    rng = np.random.default_rng(seed)
    wrong = set(rng.permutation(len(labelled))[: round(WRONG * len(labelled))].tolist())
    others = [str(rng.choice([name for name in names if name != label])) for _, label in labelled]
    return [(text, others[i] if i in wrong else label) for i, (text, label) in enumerate(labelled)]


def curve(
    folder: Path, name: str, split: str, draws: int, zipf: bool, encoder: CallableEncoder
) -> None:
    """Measure and print the labels that are saved, and what wrong answers cost."""
    routes = first_three(folder, name)
    router = Router.from_exemplars(routes, encoder=encoder, ask_rate=0.0)
    at_random, chosen, with_errors, set_aside = [], [], [], []
    for seed in range(draws):
        log, rest = halves(folder, name, split, seed, zipf)

        def reached(labelled: Labelled, rest: Labelled = rest) -> float:
            return accuracy(Router.load(with_labels(router.pack, labelled), encoder=encoder), rest)

        order = np.random.default_rng(100 + seed).permutation(len(log))
        at_random.append([reached([log[i] for i in order[:n]]) for n in GRID])
        positions = choose([text for text, _ in log], CHOSEN, router).positions
        labelled = [log[i] for i in positions]
        chosen.append(reached(labelled))
        noisy = wrongly(labelled, [*routes, STRANGER][: len(routes) + zipf], seed)
        with_errors.append(reached(noisy))
        kept = vetted(router.pack, encoder, noisy).kept
        set_aside.append(reached([(line.text, line.label) for line in kept]))
    means = np.mean(at_random, axis=0)
    print(f"{name}, {split}, {'Zipf and strangers' if zipf else 'as it is'}, {draws} draws")
    print("  labels at random", dict(zip(GRID, (100 * means).round(1).tolist(), strict=True)))
    reached_mean = float(np.mean(chosen))
    saved = labels_at_random(means.tolist(), reached_mean)
    print(f"  {CHOSEN} chosen: {100 * reached_mean:.1f}, as {saved:.0f} at random")
    print(f"  {WRONG:.0%} wrong: {100 * (np.mean(with_errors) - reached_mean):+.1f} points;")
    print(
        f"  and what `learn` sets aside left out: {100 * (np.mean(set_aside) - reached_mean):+.1f}"
    )


def coverage(folder: Path, name: str, split: str, encoder: CallableEncoder) -> None:
    """Review 100 logs, and count the intervals that hold the error rate of the unreviewed rest."""
    router = Router.from_exemplars(first_three(folder, name), encoder=encoder)
    held = {CHOSEN: 0, CHOSEN // 2: 0}
    for seed in range(100):
        log, _ = halves(folder, name, split, seed, zipf=False, n=1_000)
        label_of = dict(log)
        selection = choose([text for text, _ in log], CHOSEN, router)
        decided = router.outcomes([text for text, _ in log])
        right = {
            text: accepts(Gold("route", (label,)), decided.outcomes[i], router.pack.precedence)
            for (text, label), i in zip(log, decided.indices.tolist(), strict=True)
        }
        for n in held:
            answered = {choice.text: right[choice.text] for choice in selection.choices[:n]}
            rest = [text for text in label_of if text not in answered]
            share = float(np.mean([not right[text] for text in rest]))
            figure = estimate(selection, answered).rest_wrong
            _, low, high = figure.measured
            held[n] += low <= share <= high
    for n, count in held.items():
        print(
            f"{name}: after {n} answers, {count} of 100 intervals hold the error rate of the rest"
        )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", default="train_full")
    parser.add_argument("--set", choices=SETS, action="append")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--zipf", action="store_true")
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--vectors", type=Path, help="file (.npz) that keeps vectors")
    args = parser.parse_args()
    vocabulary = Vocabulary.of(args.vectors)
    encoder = CallableEncoder(vocabulary, key="review-curve")
    for name in args.set or SETS:
        if args.coverage:
            coverage(args.folder, name, args.split, encoder)
        else:
            curve(args.folder, name, args.split, args.draws, args.zipf, encoder)
    if args.vectors is not None:
        vocabulary.write(args.vectors)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
