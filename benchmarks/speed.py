"""Speed beside sentence-transformers alone and semantic-router, in one run, on the same texts.

    python benchmarks/speed.py [--quick] [--json OUT.json] [--plots FOLDER]

Each subject has a process of its own, and they take turns, so that whatever else the machine does
meets all of them. A ratio is taken in each turn; told are the median and the quartiles. A peer that
is not installed is left out, and its ratios are null. Without --quick, throughput is measured
against the number of routes and exemplars and the length of texts too, and drawn.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from speed_made import long_texts, made_texts, sample

HERE = Path(__file__).parent
STARTED = time.perf_counter()
PEERS = {
    "sentence-transformers": "sentence_transformers",
    "semantic-router": "semantic_router",
    "semantic-router-local": "semantic_router",
}
WANTED = {
    "cold_start_vs_semantic_router": ("<=", 0.15),
    "one_query_vs_semantic_router": ("<=", 0.25),
    "turn_vs_query": ("<=", 1.7),
    "overhead_share_14": ("<=", 0.10),
    "overhead_share_1000": ("<=", 0.20),
    "batch_vs_semantic_router": (">=", 6.0),
    "batch_vs_sentence_transformers": (">=", 1.8),
    "repeats_vs_unique": (">=", 5.0),
    "reevaluation_vs_first": (">=", 20.0),
    "cold_start_vs_semantic_router_local": ("<=", 0.15),
    "one_query_vs_semantic_router_local": ("<=", 0.25),
    "batch_vs_semantic_router_local": (">=", 6.0),
}
"""The ratios: seconds by seconds for cold start and one query, throughput by throughput else."""


@dataclass(frozen=True)
class Plan:
    """How much is measured. `batch`, `log`: texts; `queries`: in each of the `rounds`."""

    rounds: int
    cold: int
    queries: int
    batch: int
    log: int
    routes: tuple[int, ...] = ()
    exemplars: tuple[int, ...] = ()
    words: tuple[int, ...] = ()


QUICK = Plan(rounds=3, cold=3, queries=15, batch=150, log=300)
FULL = Plan(
    rounds=5,
    cold=5,
    queries=40,
    batch=400,
    log=1_000,
    routes=(10, 100, 1_000, 10_000),
    exemplars=(2, 5, 10, 20, 50),
    words=(3, 10, 30, 100),
)
EACH = 5  # exemplars of a route, where the number of routes is varied
ROUTES = 100  # where the number of exemplars is


@dataclass(frozen=True)
class Spread:
    """A median, with the quartiles around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarise the rounds."""
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
        return cls(median, low, high)


@dataclass
class Worker:
    """A subject in its own process."""

    name: str
    process: "subprocess.Popen[str]"

    def ask(self, *order: Any) -> dict[str, float]:  # noqa: ANN401
        """Have an order carried out; give its figures."""
        if self.process.stdin is None or self.process.stdout is None:
            raise SystemExit(f"{self.name}: has no pipes")
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self.hear()

    def hear(self) -> dict[str, float]:
        """Read one answer."""
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise SystemExit(f"{self.name}: ended before it answered; its last words are above")
        answer: dict[str, float] = json.loads(line)
        return answer

    def seconds(self, *order: Any) -> float:  # noqa: ANN401
        """Time an order."""
        return self.ask(*order)["seconds"]


@contextmanager
def worker(name: str) -> Iterator[Worker]:
    """Start a subject; it ends with the block."""
    with subprocess.Popen(
        command(name), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        try:
            one = Worker(name, process)
            one.hear()
            yield one
        finally:
            process.kill()


def command(name: str, *options: str) -> list[str]:
    """How a subject is started."""
    return [sys.executable, str(HERE / "speed_subjects.py"), name, *options]


def environment() -> dict[str, str]:
    """No network and no progress bars, and the library of this checkout."""
    path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    quiet = {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1", "TOKENIZERS_PARALLELISM": "false"}
    return {**os.environ, **quiet, "PYTHONPATH": path.rstrip(os.pathsep)}


def main() -> None:
    """Measure, print ratios first, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under four minutes")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--plots", type=Path, help="draw into this folder (not with --quick)")
    args = parser.parse_args()
    plan = QUICK if args.quick else FULL
    peers = [name for name, module in PEERS.items() if importlib.util.find_spec(module)]
    for name in sorted({PEERS[one].replace("_", "-") for one in set(PEERS) - set(peers)}):
        print(f"speed: {name} is not installed and left out: pip install {name}", file=sys.stderr)
    report = measured(plan, peers)
    report["settings"] = {
        "quick": args.quick,
        "cores": len(os.sched_getaffinity(0)),
        **asdict(plan),
    }
    report["seconds"] = time.perf_counter() - STARTED
    print(to_markdown(report))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")
    if args.plots and not args.quick:
        from speed_plots import draw

        draw(report, args.plots)


def measured(plan: Plan, peers: Sequence[str]) -> dict[str, Any]:
    """Measure everything; give ratios, their spreads, figures of each subject, and laws."""
    figures: dict[str, dict[str, Spread]] = {}
    ratios: dict[str, Spread] = {}
    subjects = ["ours", *peers]
    tell("cold starts")
    cold = in_turn(
        {name: cold_start(name) for name in subjects if name != "sentence-transformers"}, plan.cold
    )
    record(figures, ratios, "cold_start", cold, over)
    with ExitStack() as stack:
        tell("loading each subject")
        workers = {name: stack.enter_context(worker(name)) for name in subjects}
        warm_up(workers, plan)
        tell("one query at a time")
        one, slowest = single_queries(workers, plan)
        record(figures, ratios, "one_query", one, over)
        figures["one_query_p99"] = {name: Spread.of(values) for name, values in slowest.items()}
        tell("batches")
        record(figures, ratios, "batch", batches(workers, plan), under)
        figures["memory_bytes"] = {
            name: Spread.of([one.ask("memory")["bytes"]]) for name, one in workers.items()
        }
        own = workers["ours"]
        tell("turns of conversations")
        ratios["turn_vs_query"] = Spread.of(turns_by_queries(own, plan))
        tell("repeats, and a log evaluated again")
        ratios |= of_logs(own, plan, figures)
        tell("what the encoder does not account for")
        ratios["overhead_share_14"] = Spread.of(shares(own, plan))
        own.ask("make", 1_000, EACH)
        ratios["overhead_share_1000"] = Spread.of(shares(own, plan))
        laws = laws_of(workers, plan)
    return {
        "ratios": {name: ratios[name].median if name in ratios else None for name in WANTED},
        "spreads": {name: asdict(ratios[name]) for name in WANTED if name in ratios},
        "wanted": {name: f"{sign} {value:g}" for name, (sign, value) in WANTED.items()},
        "figures": {
            name: {subject: asdict(spread) for subject, spread in found.items()}
            for name, found in figures.items()
        },
        "laws": laws,
    }


def in_turn(measures: dict[str, Callable[[int], float]], rounds: int) -> dict[str, list[float]]:
    """Measure by turns, beginning with another one each round."""
    names = list(measures)
    found: dict[str, list[float]] = {name: [] for name in names}
    for round_ in range(rounds):
        start = round_ % len(names)
        for name in names[start:] + names[:start]:
            found[name].append(measures[name](round_))
    return found


def record(
    figures: dict[str, dict[str, Spread]],
    ratios: dict[str, Spread],
    name: str,
    found: dict[str, list[float]],
    ratio: Callable[[float, float], float],
) -> None:
    """Keep what was found, and each round's ratio of ours to each peer."""
    figures[name] = {subject: Spread.of(values) for subject, values in found.items()}
    for peer in found.keys() - {"ours"}:
        rounds = zip(found["ours"], found[peer], strict=True)
        key = f"{name}_vs_{peer.replace('-', '_')}"
        ratios[key] = Spread.of([ratio(*pair) for pair in rounds])


def over(ours: float, theirs: float) -> float:
    """Our seconds as a share of theirs."""
    return ours / theirs


def under(ours: float, theirs: float) -> float:
    """How many times our throughput is theirs, from seconds."""
    return theirs / ours


def cold_start(name: str) -> Callable[[int], float]:
    """Time a fresh process up to its first answer, and its end."""

    def run(round_: int) -> float:
        text = sample()[round_]
        ours = [sys.executable, "-m", "router.cli", "ask", text, "--json"]
        start = time.perf_counter()
        subprocess.run(
            ours if name == "ours" else command(name, "--ask", text),
            check=True,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return time.perf_counter() - start

    return run


def warm_up(workers: dict[str, Worker], plan: Plan) -> None:
    """Let each subject answer once, one by one and together."""
    for one in workers.values():
        one.ask("answer", "warm up")
        one.ask("batch", made_texts(20))


def single_queries(
    workers: dict[str, Worker], plan: Plan
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Time single queries by turns; give each round's median, and 99th percentile of all."""
    all_: dict[str, list[float]] = {name: [] for name in workers}

    def median(one: Worker) -> Callable[[int], float]:
        def run(round_: int) -> float:
            texts = made_texts(plan.queries, round_ * plan.queries)
            taken = [one.seconds("answer", text) for text in texts]
            all_[one.name] += taken
            return float(np.median(taken))

        return run

    found = in_turn({name: median(one) for name, one in workers.items()}, plan.rounds)
    return found, {name: [float(np.quantile(taken, 0.99))] for name, taken in all_.items()}


def batches(workers: dict[str, Worker], plan: Plan) -> dict[str, list[float]]:
    """Time batches of different texts by turns, new ones each round; give seconds a text."""

    def run(one: Worker) -> Callable[[int], float]:
        return lambda round_: (
            one.seconds("batch", made_texts(plan.batch, round_ * plan.batch)) / plan.batch
        )

    return in_turn({name: run(one) for name, one in workers.items()}, plan.rounds)


def of_logs(own: Worker, plan: Plan, figures: dict[str, dict[str, Spread]]) -> dict[str, Spread]:
    """Compare logs: all different against 80 % repeats, and the first run against the second."""
    repeats, again, first, unique = [], [], [], []
    for round_ in range(plan.rounds):
        texts = made_texts(plan.log, round_ * plan.log)
        alone = own.seconds("evaluate", texts, plan.log)
        repeated = own.seconds("evaluate", texts, plan.log * 5)
        repeats.append(alone * 5 / repeated)
        both = own.ask("again", texts)
        again.append(both["first"] / both["again"])
        first.append(both["again"] / plan.log)
        unique.append(alone / plan.log)
    figures["log_line"] = {"unique": Spread.of(unique), "evaluated again": Spread.of(first)}
    return {"repeats_vs_unique": Spread.of(repeats), "reevaluation_vs_first": Spread.of(again)}


def turns_by_queries(own: Worker, plan: Plan) -> list[float]:
    """Divide the time of a turn with history by that of a query, by rounds; every text is new."""
    own.ask("turn", "and that?", ["warm up"])
    found = []
    for round_ in range(plan.rounds):
        texts = made_texts(plan.queries * 4, 10_000 + round_ * plan.queries * 4)
        alone, turns = [], []
        for query, first, second, turn in zip(*[iter(texts)] * 4, strict=True):
            alone.append(own.seconds("answer", query))
            turns.append(own.seconds("turn", f"and {turn}", [first, second]))
        found.append(float(np.median(turns) / np.median(alone)))
    return found


def shares(own: Worker, plan: Plan) -> list[float]:
    """Share of a query's time that is not the encoder's, by rounds."""
    found = []
    for round_ in range(plan.rounds):
        texts = made_texts(plan.queries, round_ * plan.queries)
        rows = [own.ask("share", text) for text in texts]
        encoder = float(np.median([row["encoder"] for row in rows]))
        other = float(np.median([row["seconds"] - row["encoder"] for row in rows]))
        found.append(other / (encoder + other))
    return found


def laws_of(workers: dict[str, Worker], plan: Plan) -> dict[str, list[dict[str, float]]]:
    """Throughput against routes, exemplars and length, in texts a second."""
    routers = {name: workers[name] for name in ("ours", "semantic-router") if name in workers}
    sizes = {
        "routes": [(count, count, EACH) for count in plan.routes],
        "exemplars": [(count * ROUTES, ROUTES, count) for count in plan.exemplars],
    }
    laws: dict[str, list[dict[str, float]]] = {"routes": [], "exemplars": [], "words": []}
    for law, points in sizes.items():
        for size, routes, exemplars in points:
            tell(f"{size:,} {law}")
            point: dict[str, float] = {law: size}
            for name, one in routers.items():
                point[f"{name} fit_seconds"] = one.ask("make", routes, exemplars)["fit_seconds"]
            laws[law].append(point | throughput(routers, plan, 128))
    for words in plan.words:
        tell(f"{words} words")
        texts = long_texts(128, words)
        taken = in_turn(
            {
                "ours": lambda _: workers["ours"].seconds("batch", texts),  # noqa: B023
                "encoder": lambda _: workers["ours"].seconds("encode", texts),  # noqa: B023
            },
            plan.rounds,
        )
        laws["words"].append(
            {"words": words}
            | {name: len(texts) / float(np.median(values)) for name, values in taken.items()}
        )
    return laws


def throughput(workers: dict[str, Worker], plan: Plan, count: int) -> dict[str, float]:
    """Texts a second in batches, and milliseconds of one query, by subject."""
    texts = made_texts(count)
    found: dict[str, float] = {}
    taken = in_turn(
        {name: lambda _, one=one: one.seconds("batch", texts) for name, one in workers.items()},
        plan.rounds,
    )
    for name, values in taken.items():
        found[name] = count / float(np.median(values))
    one_by_one = in_turn(
        {
            name: lambda round_, one=one: one.seconds("answer", texts[round_])
            for name, one in workers.items()
        },
        plan.rounds * 3,
    )
    for name, values in one_by_one.items():
        found[f"{name} one_query_ms"] = float(np.median(values)) * 1e3
    return found


def tell(what: str) -> None:
    """Say on stderr what goes on."""
    print(f"speed: {time.perf_counter() - STARTED:4.0f} s: {what} ...", file=sys.stderr, flush=True)


def to_markdown(report: dict[str, Any]) -> str:
    """Lay the report out, ratios first."""
    lines = ["| ratio | median | quartiles | wanted |", "|---|---|---|---|"]
    for name, value in report["ratios"].items():
        spread = report["spreads"].get(name)
        told = "not measured | " if spread is None else f"{value:.3g} | "
        ends = "" if spread is None else f"{spread['low']:.3g} to {spread['high']:.3g}"
        lines.append(f"| {name} | {told}{ends} | {report['wanted'][name]} |")
    lines += ["", "| figure | subject | median | quartiles |", "|---|---|---|---|"]
    for name, found in report["figures"].items():
        scale, unit = (1e-6, "MB") if name == "memory_bytes" else (1e3, "ms")
        for subject, one in found.items():
            median, low, high = (one[key] * scale for key in ("median", "low", "high"))
            lines.append(
                f"| {name.removesuffix('_bytes')} | {subject} | {median:,.2f} {unit} |"
                f" {low:,.2f} to {high:,.2f} |"
            )
    for points in report["laws"].values():
        if points:
            lines += ["", "| " + " | ".join(points[0]) + " |", "|" + "---|" * len(points[0])]
            lines += ["| " + " | ".join(f"{v:,.4g}" for v in p.values()) + " |" for p in points]
    lines += ["", f"{report['seconds']:.0f} s in all."]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
