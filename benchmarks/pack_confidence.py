"""Fit the shipped pack's map from a confidence to how often it is right.

    python benchmarks/pack_confidence.py

Prints what pack.yaml has as `policy: confidence`. It is what `calibrate` fits to all our own
labelled queries: the sample log's lines before its drift, and the first turns of the dialogues.
"""

from pathlib import Path

import msgspec

from router import Router
from router.calibration import calibrate
from router.statistics.probability import PlattScaling

ROOT = Path(__file__).parent.parent
DRIFT = "2026-09-29"


def lines(path: Path) -> list[dict[str, object]]:
    """Read the records of a JSONL file."""
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines() if line]


def fitted(router: Router) -> PlattScaling:
    """Fit on all our labelled queries."""
    logged = [one for one in lines(ROOT / "data/logs/sample.jsonl") if str(one["time"]) < DRIFT]
    turns = [{**one, "text": one["query"]} for one in lines(ROOT / "tests/data/dialogues.jsonl")]
    known = [*logged, *turns]
    return calibrate(router, [str(one["text"]) for one in known], known).confidence


if __name__ == "__main__":
    found = fitted(Router.load())
    print(f"confidence: {{slope: {found.slope:.2f}, offset: {found.offset:.2f}}}")
