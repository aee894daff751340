"""Throughput of two Ray workers against the local engine, and the driver's memory.

    python benchmarks/speed_ray.py [--texts 10000] [--lines 100000] [--more 400000]

Both engines evaluate the same log of different texts, by turns. The time to start Ray is left out;
that to start its workers, with the model on each, is told apart: it is what a log of a few lines
takes. Two ratios are given, with the start and without. Then two logs of repeats, one longer than
the other, are evaluated with Ray alone, each driver in a process of its own.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from speed_made import made_log, made_texts

from router import Router
from router.engines.ray import evaluate_on_ray
from router.evaluation import evaluate

ROUNDS = 2
CHUNK = 1_000  # lines, for both
DIFFERENT = 500  # texts in the logs of repeats
FEW = 20  # lines of a log that takes no longer than the start of the workers


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--more", type=int, default=400_000)
    parser.add_argument("--only", type=int, help="evaluate so many lines and print bytes: a driver")
    args = parser.parse_args()
    _start()
    router = Router.load()
    router.route("warm up")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.only:
            log = made_log(folder, made_texts(DIFFERENT), args.only)
            evaluate_on_ray(router, log, folder / "out", workers=2)
            print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024))
            return
        ratios = []
        for round_ in range(ROUNDS):
            few = made_log(folder, made_texts(FEW), FEW)
            start = _seconds(
                lambda log=few: evaluate_on_ray(router, log, folder / "few", workers=2)
            )
            log = made_log(folder, made_texts(args.texts, round_ * args.texts), args.texts)
            local = _seconds(
                lambda log=log: evaluate(
                    router, log, folder / "local", chunk_lines=CHUNK, cache=False
                )
            )
            spread = _seconds(
                lambda log=log: evaluate_on_ray(
                    router, log, folder / "ray", workers=2, chunk_lines=CHUNK
                )
            )
            print(
                f"local {args.texts / local:,.0f}/s, ray {args.texts / spread:,.0f}/s,"
                f" of {spread:.1f} s {start:.1f} the start of its workers"
            )
            ratios.append((local / spread, local / (spread - start)))
    for place, what in enumerate(("with the start of its workers", "once they run")):
        print(f"ray by local, {what}: {', '.join(f'{one[place]:.2f}' for one in ratios)}")
    for lines in (args.lines, args.more):
        command = [sys.executable, __file__, "--only", str(lines)]
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        print(
            f"driver, {lines:,} lines: {json.loads(found.splitlines()[-1]) / 1e6:,.0f} MB at most"
        )


def _start() -> None:
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # report nothing to anybody
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": ":".join(sys.path)}},
    )


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
