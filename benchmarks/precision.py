"""What each precision of the encoder costs: accuracy on labelled texts, closeness, speed.

python benchmarks/precision.py --data FOLDER, where FOLDER has NAME_train_10.jsonl and
NAME_valid.jsonl of {"text", "label"} a line. A fit for each set is a logistic regression, C=20.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from router.arrays import Vectors
from router.encoders.encoder import Encoder
from router.encoders.exported_model import ExportedModel
from router.encoders.onnx_encoder import OnnxEncoder, OnnxSession
from router.encoders.sentence_transformer import SentenceTransformerEncoder

ROUNDS = 5


class Stock:
    """The fp32 export, quantised by a tool of onnxruntime: what our int8 is measured against."""

    width = 384

    def __init__(self, key: str, base: OnnxEncoder, path: Path) -> None:
        self.key = key
        folder, export = base.prepare()
        QUANTISE[key](str(folder / export.file), str(path))
        self._path, self._base, self._export = path, base, export

    def load(self) -> "Stock":
        """Open the file; its hash is taken as it is."""
        from router.encoders.model_files import sha256_of

        export = ExportedModel(self._path.name, sha256_of(self._path), 384, self._export.max_tokens)
        self._runtime = OnnxSession(self._base.folder / "tokenizer.json", self._path, export)
        return self

    def encode(self, texts: list[str]) -> Vectors:
        """Encode as OnnxEncoder does."""
        unique = list(dict.fromkeys(text.strip() for text in texts))
        windows = list(self._runtime.encode(unique))
        rows = {
            text: row for window, part, _ in windows for text, row in zip(window, part, strict=True)
        }
        return np.stack([rows[text.strip()] for text in texts])


def _dynamic(source: str, target: str) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        source,
        target,
        per_channel=True,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul"],
        extra_options={"MatMulConstBOnly": True},
    )


def _weight_only(source: str, target: str) -> None:
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import (
        DefaultWeightOnlyQuantConfig,
        MatMulNBitsQuantizer,
    )

    settings = DefaultWeightOnlyQuantConfig(
        block_size=128, is_symmetric=True, accuracy_level=4, bits=8
    )
    quantiser = MatMulNBitsQuantizer(onnx.load(source), algo_config=settings)
    quantiser.process()
    quantiser.model.save_model_to_file(target)


QUANTISE = {"dynamic int8": _dynamic, "MatMulNBits 8": _weight_only}


def read(path: Path) -> tuple[list[str], list[str]]:
    """Read texts and labels."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row["text"] for row in rows], [row["label"] for row in rows]


def accuracy(encoder: Encoder, folder: Path, name: str) -> tuple[float, Vectors]:
    """Fit on ten texts a label, give the share right in % and the vectors it was tried on."""
    texts, labels = read(folder / f"{name}_train_10.jsonl")
    fit = LogisticRegression(C=20, max_iter=200).fit(encoder.encode(texts), labels)
    texts, labels = read(folder / f"{name}_valid.jsonl")
    vectors = encoder.encode(texts)
    return 100 * fit.score(vectors, labels), vectors


def seconds(encoder: Encoder, texts: list[str], one: bool) -> float:
    """Time a batch, or the median of its texts one by one."""
    if not one:
        start = time.perf_counter()
        encoder.encode(texts)
        return time.perf_counter() - start
    return float(np.median([seconds(encoder, [text], one=False) for text in texts]))


def main() -> None:
    """Print a row for each precision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    folder = parser.parse_args().data
    names = sorted(path.name[: -len("_train_10.jsonl")] for path in folder.glob("*_train_10.jsonl"))
    base = OnnxEncoder(precision="fp32")
    encoders: dict[str, Encoder] = {
        "sentence-transformers": SentenceTransformerEncoder(),
        "fp32": base,
        "int8": OnnxEncoder(precision="int8"),
    }
    with tempfile.TemporaryDirectory() as place:
        for key in QUANTISE:
            encoders[key] = Stock(key, base, Path(place) / f"{key}.onnx").load()
        table(encoders, folder, names)


def table(encoders: dict[str, Encoder], folder: Path, names: list[str]) -> None:
    """Measure speeds in turn, so that a busy moment meets all alike; then accuracies."""
    texts = [text for name in names for text in read(folder / f"{name}_valid.jsonl")[0]][::10]
    batch: dict[str, list[float]] = {key: [] for key in encoders}
    one: dict[str, list[float]] = {key: [] for key in encoders}
    for encoder in encoders.values():
        encoder.encode(texts[:50])
    for _ in range(ROUNDS):
        for key, encoder in encoders.items():
            batch[key].append(len(texts) / seconds(encoder, texts, one=False))
            one[key].append(1000 * seconds(encoder, texts[:40], one=True))
    print("| precision |", " | ".join(f"{name}, %" for name in names), end="")
    print(" | cosine mean | cosine min | texts/s | one text, ms |")
    print("|---|" + "---|" * (len(names) + 4))
    reference: dict[str, Vectors] = {}
    for key, encoder in encoders.items():
        shares, cosines = [], []
        for name in names:
            share, vectors = accuracy(encoder, folder, name)
            shares.append(f"{share:.2f}")
            cosines.append((vectors * reference.setdefault(name, vectors)).sum(axis=1))
        close = np.concatenate(cosines)
        print(
            f"| {key} | {' | '.join(shares)} | {close.mean():.5f} | {close.min():.4f}"
            f" | {np.median(batch[key]):.0f} | {np.median(one[key]):.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
