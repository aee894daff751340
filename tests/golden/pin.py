"""Make the golden files anew: `python tests/golden/pin.py`, or with the names of some cases.

They pin what routers of several kinds decide. Make them anew only if a decision or a figure is
meant to change; the commit message says which, and why.
"""

import functools
import json
import os
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

import library
from golden_encoder import GoldenEncoder

HERE = Path(__file__).parent
EXPECTED = HERE / "expected"

LAST_DIGIT = 0.000_21
"""Numbers are rounded to 4 places; the last one may differ between machines."""

ROUTERS = {
    "few-exemplars": lambda encoder: library.router_of_pack(library.SHIPPED_PACK, encoder, 16),
    "many-exemplars": lambda encoder: library.router_of_pack(library.SHIPPED_PACK, encoder, 64),
    "parcel-help": lambda encoder: library.router_of_pack(HERE / "packs/parcel-help", encoder),
    "kitchen": lambda encoder: library.router_of_pack(HERE / "packs/kitchen", encoder),
    "skills": lambda encoder: library.router_of_skills(HERE / "skills", encoder)[0],
    "learnt": lambda _: library.learnt(router_of("few-exemplars"), ask_rate=0.12),
    "calibrated": lambda _: library.calibrated(router_of("many-exemplars"), max_error=0.2),
}


@functools.cache
def router_of(case):
    """Fit the router of a case with the golden encoder."""
    return ROUTERS[case](GoldenEncoder())


def files_of(case):
    """The golden files of a case: name and content."""
    router = router_of(case)
    files = run_files(router, case)
    if case == "skills":
        warnings = library.router_of_skills(HERE / "skills", GoldenEncoder())[1]
        told = [line.replace(f"{HERE}/", "") for line in warnings]
        files["pack.json"] = pretty([*library.pack_values(router), told])
    if case == "parcel-help":
        files["on-exemplars.json"] = pretty(library.calibration_on_exemplars(router))
    if router.calibration is not None:
        files["calibration.json"] = pretty(library.calibration_values(router))
    return files


def run_files(router, case):
    """What a router decides on the log and the dialogues of a case, as files."""
    own = HERE / "logs" / f"{case}.jsonl"
    log, dialogues = (own, case) if own.is_file() else (library.SAMPLE_LOG, "shipped")
    with tempfile.TemporaryDirectory() as folder:
        decisions, metrics = library.decisions_of(router, log, Path(folder) / "run")
    del metrics["versions"]  # which names the code
    lines = []
    for line in (HERE / "dialogues" / f"{dialogues}.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        ends = library.dialogue_of(router, record["query"], record["replies"])
        lines += [json.dumps(end, ensure_ascii=False) for end in ends]
    return {
        "decisions.jsonl": decisions,
        "metrics.json": pretty(metrics),
        "dialogues.jsonl": "\n".join(lines) + "\n",
    }


def changes_of(pinned, now, last_digit=LAST_DIGIT):
    """Name each difference between two contents, but for the last digit of a number."""
    if pinned == now:
        return
    before, after = _records(pinned), _records(now)
    if len(before) != len(after):
        yield f": pinned {len(before)} records, now {len(after)}"
        return
    for line, pair in enumerate(zip(before, after, strict=True), start=1):
        yield from _changes(f":{line}", *pair, last_digit)


def pretty(value):
    """Write JSON so that a difference shows as lines."""
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _records(content):
    try:
        return [json.loads(content)]
    except ValueError:
        return [json.loads(line) for line in content.splitlines()]


def _changes(where, pinned, now, last_digit):
    if isinstance(pinned, dict) and isinstance(now, dict) and list(pinned) == list(now):
        for name, value in pinned.items():
            yield from _changes(f"{where}.{name}", value, now[name], last_digit)
    elif isinstance(pinned, list) and isinstance(now, list) and len(pinned) == len(now):
        for number, pair in enumerate(zip(pinned, now, strict=True)):
            yield from _changes(f"{where}[{number}]", *pair, last_digit)
    elif isinstance(pinned, float) and isinstance(now, int | float):
        if abs(pinned - now) > last_digit:
            yield f"{where}: pinned {pinned}, now {now}"
    elif pinned != now:
        yield f"{where}: pinned {pinned!r}, now {now!r}"


def main():
    """Write the golden files of the cases that are named, or of all."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["ROUTER_CACHE"] = cache  # what is fitted and embedded here stays here
        for case in sys.argv[1:] or ROUTERS:
            for name, content in files_of(case).items():
                path = EXPECTED / case / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, encoding="utf-8")
                sys.stdout.write(f"{path.relative_to(HERE)}: {len(content.splitlines()):,} lines\n")


if __name__ == "__main__":
    main()
