"""How long from a click to the next query, on a long log, and does the memory stay flat?

    python benchmarks/review_speed.py [--lines 100000] [--answers 200]

The log of the shop in `docs/examples` is repeated with numbers until a `DecisionLog` has so many
lines. `router review` serves it in a process of its own. A click is a request over the network that
this process times; the memory is what the other process holds, as Linux counts it.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from router import DecisionLog, Router
from router.packs.pack_file import save_pack

SHOP = Path(__file__).parents[1] / "docs" / "examples" / "shop"


def write_log(path: Path, router: Router, n_lines: int) -> None:
    """Append so many decisions to a log; no two texts are equal."""
    rows = (SHOP / "log.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(row)["text"] for row in rows]
    decided = list(zip(texts, router.route_many(texts), strict=True))
    log = DecisionLog(path)
    for number in range(n_lines):
        text, decision = decided[number % len(decided)]
        log.append(f"{text} {number}", decision)


class Page:
    """A process that serves a review, and the requests that its page would send."""

    def __init__(self, log: Path, pack: Path, n: int) -> None:
        command = [sys.executable, "-m", "router", "review", str(log), "--pack", str(pack)]
        self.process = subprocess.Popen(
            [*command, "-n", str(n), "--no-open"], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        address = urlsplit(self.process.stdout.readline().split()[-1])
        self.path = address.path
        self.connection = http.client.HTTPConnection(str(address.netloc))

    def get(self, what: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON
        """Send a request and read the answer."""
        sent = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"}
        method = "GET" if sent is None else "POST"
        self.connection.request(method, self.path + what, sent, headers)
        return json.loads(self.connection.getresponse().read())

    @property
    def cpu_seconds(self) -> float:
        """The CPU time that the process has taken."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    @property
    def megabytes(self) -> float:
        """The memory that the process holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1_000


def main() -> int:
    """Measure and print; fail if the median is above 50 ms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--answers", type=int, default=200)
    args = parser.parse_args()
    routes = json.loads((SHOP / "routes.json").read_text(encoding="utf-8"))
    router = Router.from_exemplars(routes)
    milliseconds = []
    with tempfile.TemporaryDirectory() as folder:
        log, pack = Path(folder) / "live.jsonl", Path(folder) / "shop"
        save_pack(router.pack, pack)
        write_log(log, router, args.lines)
        start = perf_counter()
        page = Page(log, pack, args.answers)
        try:
            card, ready = page.get("state")["card"], perf_counter() - start
            before, cpu = page.megabytes, page.cpu_seconds
            while card is not None:
                sent = {"position": card["position"], "label": card["likeliest"][0]["id"]}
                start = perf_counter()
                card = page.get("answer", sent)["card"]
                milliseconds.append(1e3 * (perf_counter() - start))
            after, cpu = page.megabytes, page.cpu_seconds - cpu
        finally:
            page.process.terminate()
            page.process.wait()
    median, late, slowest = np.percentile(milliseconds, (50, 95, 100))
    print(f"{args.lines:,} lines: ready after {ready:.0f} s")
    print(
        f"click to next query, {len(milliseconds)} answers: median {median:.1f} ms, 95 % within"
        f" {late:.1f} ms, slowest {slowest:.1f} ms; {1e3 * cpu / len(milliseconds):.1f} ms of CPU"
    )
    print(f"memory: {before:.0f} MB at the first query, {after:.0f} MB after the last answer")
    return 0 if median <= 50 else 1


if __name__ == "__main__":
    raise SystemExit(main())
