"""Most memory that evaluating a long log takes.

    python benchmarks/log_memory.py [--lines 2000000] [--unique 0.05] [--format parquet]

The log is generated and evaluated; the peak is of this process, as the system counts it.
"""

import argparse
import resource
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from log_overhead import write_log

from router import Router
from router.evaluation import Progress, evaluate

LIMIT = 1.5e9  # bytes


def peak() -> float:
    """Give the most bytes this process has held."""
    unit = 1 if sys.platform == "darwin" else 1_024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def main() -> int:
    """Measure and print; fail above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--unique", type=float, default=0.05)
    parser.add_argument("--format", choices=("jsonl", "parquet"), default="jsonl")
    args = parser.parse_args()
    router = Router.load()
    router.route("warm up")
    before = peak()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl"
        write_log(log, args.lines, args.unique)
        print(f"log: {args.lines:,} lines, {log.stat().st_size / 1e6:,.0f} MB", flush=True)
        start = perf_counter()
        told = [0]

        def tell(done: Progress) -> None:
            if done.lines - told[0] >= args.lines / 10:
                told[0] = done.lines
                print(f"  {done.lines:>9,} lines: peak {peak() / 1e6:,.0f} MB", flush=True)

        evaluate(router, log, Path(folder) / "out", format=args.format, progress=tell)
    print(f"router loaded: {before / 1e6:,.0f} MB; evaluated: {peak() / 1e6:,.0f} MB at most")
    print(f"{perf_counter() - start:,.0f} s")
    return 0 if peak() < LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
