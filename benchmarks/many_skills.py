"""What many skills cost: `router init` on a generated folder, and a query, for 10 and 300 skills.

python benchmarks/many_skills.py
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from router import Router
from router.encoders.default import default_encoder
from router.skill_folders.pack_of_skills import init_pack

THINGS = [
    "invoice",
    "photo",
    "contract",
    "song",
    "recipe",
    "garden",
    "train",
    "map",
    "letter",
    "game",
    "tax",
    "clock",
]
DEEDS = ["sort", "translate", "draw", "repair", "plan", "compare", "shorten", "print"]
ROUNDS = 5
PLACES = ["school", "ship", "hospital", "farm", "theatre", "museum", "airport"]
QUERIES = [f"please {deed} the {thing} for me" for deed in DEEDS for thing in THINGS[:5]]


def write_skills(folder: Path, n: int) -> None:
    """Write skills of a dozen lines each; no two do the same thing to the same at one place."""
    every = [(deed, thing, place) for place in PLACES for thing in THINGS for deed in DEEDS]
    for deed, thing, place in every[:n]:
        name = f"{deed}-{thing}-{place}"
        lines = [f"- {deed} a {thing} of the {place} in step {step}" for step in range(10)]
        below = folder / name
        below.mkdir(parents=True)
        described = json.dumps(f"{deed.capitalize()} any {thing} that a {place} has.")
        text = f"---\nname: {name}\ndescription: {described}\n---\n\n## When to use\n"
        (below / "SKILL.md").write_text(text + "\n".join(lines) + "\n", encoding="utf-8")


def made_router(n: int) -> tuple[Router, float]:
    """Make a router of so many skills; give the seconds of `router init` too."""
    with tempfile.TemporaryDirectory() as made:
        write_skills(Path(made), n)
        began = time.perf_counter()
        pack, _ = init_pack(Path(made), None, default_encoder(), False, lambda _: None)
        init_s = time.perf_counter() - began
        return Router.load(pack), init_s


def main() -> int:
    """Print seconds for init and the milliseconds of a query, and how much longer it takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skills", type=int, nargs="+", default=[10, 300])
    args = parser.parse_args()
    made = [made_router(n) for n in args.skills]
    for router, _ in made:
        router.route_many(QUERIES)
    took_ms = np.empty((len(made), ROUNDS * len(QUERIES)))
    for place, query in enumerate(QUERIES * ROUNDS):  # by turns: what slows one slows the other
        for row, (router, _) in enumerate(made):
            began = time.perf_counter()
            router.route(query)
            took_ms[row, place] = 1_000 * (time.perf_counter() - began)
    for n, (_, init_s), ms in zip(args.skills, made, took_ms, strict=True):
        more = np.median(ms / took_ms[0]) - 1.0
        print(f"{n:4d} skills: init {init_s:.1f} s, query {np.median(ms):.2f} ms ({more:+.0%})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
