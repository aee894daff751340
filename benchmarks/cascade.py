"""Would a static model in front of the encoder pay? Its share of answers against what it loses.

python benchmarks/cascade.py --data FOLDER, where FOLDER has NAME_train_10.jsonl and
NAME_valid.jsonl of {"text", "label"} a line. The static model is distilled from the encoder in the
manner of model2vec: its vector of each word piece alone, the common direction taken off, rare
pieces weighed more. Each model has a logistic regression, C=20; a text whose static probability is
at least the gate is answered by the static model, any other by the encoder. The gate is fitted on
the even texts of *_valid, as low as a loss of 0.3 points allows, and tried on the odd ones.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from router.arrays import Vectors
from router.encoders.encoder import default_encoder, default_folder
from router.heads.centroids import unit

ALLOWED = 0.003
SHARES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)


def read(path: Path) -> tuple[list[str], list[str]]:
    """Read texts and labels."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row["text"] for row in rows], [row["label"] for row in rows]


def static_vectors(texts: list[str], pieces: dict[str, int], points: Vectors) -> Vectors:
    """Mean of each text's pieces. Shape: (n_texts, width); unit rows."""
    rows = [points[[pieces[one] for one in tokens]].mean(axis=0) for tokens in tokens_of(texts)]
    return unit(np.array(rows))


def tokens_of(texts: list[str]) -> list[list[str]]:
    """Cut texts into word pieces, without the marks of start and end."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(default_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    batch = tokenizer.encode_batch(texts, add_special_tokens=False)
    return [one.tokens or ["[UNK]"] for one in batch]


def distilled(texts: list[str]) -> tuple[dict[str, int], Vectors]:
    """Embed each piece of the texts alone; weigh it by a / (a + share), a = 0.001."""
    counts = Counter(token for tokens in tokens_of(texts) for token in tokens)
    points = default_encoder().encode([token.removeprefix("##") for token in counts])
    centred = points - points.mean(axis=0)
    common = np.linalg.svd(centred, full_matrices=False)[2][:1]
    centred -= centred @ common.T @ common
    shares = np.array(list(counts.values())) / counts.total()
    weighed = centred * (1e-3 / (1e-3 + shares))[:, None]
    return {token: place for place, token in enumerate(counts)}, weighed.astype(np.float32)


def gate_of(sure: np.ndarray, lost: np.ndarray) -> float:
    """Give the lowest gate above which the net loss is allowed; 2.0 if there is none."""
    order = np.argsort(-sure)
    fits = np.flatnonzero(np.cumsum(lost[order]) / len(sure) <= ALLOWED)
    return float(sure[order[fits[-1]]]) if len(fits) else 2.0


def main() -> None:
    """Print a row for each share, and the gate that the bound allows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    folder = parser.parse_args().data
    print("| set | static answers | accuracy, % | lost, points | at most so many times as fast |")
    print("|---|---|---|---|---|")
    for path in sorted(folder.glob("*_train_10.jsonl")):
        name = path.name.removesuffix("_train_10.jsonl")
        curve(name, *read(path), *read(folder / f"{name}_valid.jsonl"))


def curve(
    name: str, seen: list[str], labels: list[str], texts: list[str], truth: list[str]
) -> None:
    """Fit both models on what was seen, and try cascades on the texts."""
    encoder = default_encoder()
    slow = LogisticRegression(C=20, max_iter=200).fit(encoder.encode(seen), labels)
    slow_right = slow.predict(encoder.encode(texts)) == np.array(truth)
    pieces, points = distilled([*seen, *texts])
    fast = LogisticRegression(C=20, max_iter=200).fit(static_vectors(seen, pieces, points), labels)
    probabilities = fast.predict_proba(static_vectors(texts, pieces, points))
    sure = probabilities.max(axis=1)
    fast_right = fast.classes_[probabilities.argmax(axis=1)] == np.array(truth)
    lost = slow_right.astype(float) - fast_right
    for share in SHARES:
        row(name, sure >= np.quantile(sure, 1 - share), slow_right, fast_right)
    gate = gate_of(sure[::2], lost[::2])
    row(f"{name}, fitted gate", sure[1::2] >= gate, slow_right[1::2], fast_right[1::2])


def row(name: str, static: np.ndarray, slow: np.ndarray, fast: np.ndarray) -> None:
    """Print one cascade; it is as fast as its encoder's share allows, were the rest free."""
    right = np.where(static, fast, slow).mean()
    share = static.mean()
    speed = f"{1 / (1 - share):.2f}" if share < 1 else "-"
    lost = slow.mean() - right
    print(f"| {name} | {share:.2f} | {100 * right:.2f} | {100 * lost:+.2f} | {speed} |", flush=True)


if __name__ == "__main__":
    main()
