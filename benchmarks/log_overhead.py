"""Time of an evaluation besides encoding, against encoding the log's different texts once.

    python benchmarks/log_overhead.py [--lines 100000] [--unique 0.2]

A log of queries made from the shipped sample is written, its texts are encoded alone, and then it
is evaluated with an encoder that notes how long it is busy.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

from router import Router
from router.arrays import Vectors
from router.encoders.encoder import Encoder
from router.evaluation import evaluate
from router.paths import SAMPLE_LOG

SEED = 7


class TimedEncoder:
    """An encoder that notes how long it is busy."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.seconds = 0.0

    @property
    def key(self) -> str:
        """Name model and precision."""
        return self.encoder.key

    @property
    def width(self) -> int:
        """Length of a vector."""
        return self.encoder.width

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch. Shape: (n_texts, width)."""
        start = perf_counter()
        vectors = self.encoder.encode(texts)
        self.seconds += perf_counter() - start
        return vectors


def lines_of(count: int, unique: float) -> Iterator[dict[str, object]]:
    """Give lines of a log: sample queries with a number, so that `unique` of the texts differ."""
    sample = [json.loads(line) for line in SAMPLE_LOG.read_text().splitlines()]
    texts = max(int(count * unique), 1)
    dice = random.Random(SEED)
    for number in range(count):
        # every text once, then again at random
        place = number if number < texts else dice.randrange(texts)
        row = sample[place % len(sample)]
        yield {**row, "id": f"g{number}", "text": f"{row['text']} ({place // len(sample)})"}


def write_log(path: Path, count: int, unique: float) -> None:
    """Write such a log as JSON lines."""
    with path.open("w") as file:
        for row in lines_of(count, unique):
            file.write(json.dumps(row) + "\n")


def main() -> int:
    """Measure and print; fail if all else takes longer than encoding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--unique", type=float, default=0.2)
    args = parser.parse_args()
    loaded = Router.load()
    encoder = TimedEncoder(loaded.encoder)
    router = Router(loaded.pack, encoder, loaded.model)
    router.route("warm up")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl"
        write_log(log, args.lines, args.unique)
        texts = sorted({row["text"] for row in lines_of(args.lines, args.unique)})
        start = perf_counter()
        loaded.encoder.encode(texts)
        alone = perf_counter() - start
        encoder.seconds, start = 0.0, perf_counter()
        evaluation = evaluate(router, log, Path(folder) / "out", cache=False)
        total = perf_counter() - start
    lines = evaluation.metrics.lines
    other = total - encoder.seconds
    print(f"{lines.read:,} lines, {lines.texts:,} different texts")
    print(f"encoding the different texts alone   {alone:8.1f} s")
    print(f"evaluation                           {total:8.1f} s")
    print(f"  of it encoding, clauses too        {encoder.seconds:8.1f} s")
    print(f"  of it all else                     {other:8.1f} s")
    print(f"all else / encoding alone            {other / alone:8.2f}")
    return 0 if other < alone else 1


if __name__ == "__main__":
    raise SystemExit(main())
