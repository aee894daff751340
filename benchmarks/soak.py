"""Whether a server can run for long: 16 threads in each of 2 forked workers, under random queries.

Queries, batches, replies and hostile words come at random. Every answer that can be known is
compared with that of one thread before the fork, and the memory of each worker is measured each
second: its peak after the first minute must not exceed that of the first minute by more than a
tenth.

    python benchmarks/soak.py [--seconds 600]
"""

import argparse
import json
import os
import random
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from router import Clarify, Router
from router.paths import SAMPLE_LOG

WORKERS, THREADS = 2, 16
QUERIES, QUESTIONS, REPLIES = 120, 6, 10
"""Queries of the sample log; the questions among them that are answered, each with some replies."""

GROWTH = 0.10
HOSTILE = "\u200b\u0301\u202e\ud83d\x00\x1b[31m" + "aZ9-_.'ßİ技術🚲\t\n"


@dataclass
class Known:
    """What one thread decided before the fork."""

    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    questions: dict[str, Clarify] = field(default_factory=dict)
    answers: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, router: Router) -> "Known":
        """Decide queries, and answer some questions, one at a time."""
        known = cls()
        for text in texts_in(SAMPLE_LOG, "text", QUERIES):
            decision = router.route(text)
            known.decisions[text] = decision.to_dict()
            if isinstance(decision, Clarify) and len(known.questions) < QUESTIONS:
                known.questions[text] = decision
        replies = texts_in(Path(__file__).with_name("replies.jsonl"), "reply", REPLIES)
        for text, question in known.questions.items():
            for reply in replies:
                known.answers[text, reply] = router.answer(question, reply).to_dict()
        return known


@dataclass
class Tally:
    """What the threads of a worker count together; each addition is one step of the interpreter."""

    done: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def texts_in(path: Path, key: str, count: int) -> list[str]:
    """Read every so manieth text of a file of JSON lines."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    texts = list(dict.fromkeys(row[key] for row in rows))
    return texts[:: max(len(texts) // count, 1)][:count]


def hostile(draw: random.Random) -> str:
    """Make up words that nobody has sent before, some of them very long."""
    lengths = [draw.choice((3, 8, 40, 2_000)) for _ in range(draw.randint(1, 30))]
    return " ".join("".join(draw.choices(HOSTILE, k=length)) for length in lengths)


def serve(router: Router, known: Known, tally: Tally, end: float, seed: int) -> None:
    """Decide at random until the time is over."""
    draw = random.Random(seed)
    kinds = (ask, ask, reply, insult) if known.answers else (ask,)
    try:
        while time.monotonic() < end:
            tally.wrong.extend(draw.choice(kinds)(router, known, draw))
            tally.done.append("")
    except Exception:
        tally.wrong.append(traceback.format_exc())


def ask(router: Router, known: Known, draw: random.Random) -> Iterator[str]:
    """Decide a query, or a batch of them; give those that are decided otherwise than before."""
    batch = draw.choices(list(known.decisions), k=draw.choice((1, 1, 4, 8)))
    for text, decision in zip(batch, router.route_many(batch), strict=True):
        if not is_same(decision.to_dict(), known.decisions[text]):
            yield repr(text)


def reply(router: Router, known: Known, draw: random.Random) -> Iterator[str]:
    """Answer a question."""
    text, said = draw.choice(list(known.answers))
    decision = router.answer(known.questions[text], said)
    if not is_same(decision.to_dict(), known.answers[text, said]):
        yield f"{text!r}, then {said!r}"


def insult(router: Router, known: Known, draw: random.Random) -> Iterator[str]:
    """Send hostile words as a query and as a reply; any decision will do."""
    router.route(hostile(draw)).to_dict()
    router.answer(draw.choice(list(known.questions.values())), hostile(draw)).to_dict()
    return iter(())


def is_same(one: Any, other: Any) -> bool:  # noqa: ANN401 - any JSON
    """Compare records; a number may differ in its last digit, which is rounded."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) < 1.5e-4
    return bool(one == other)


def megabytes() -> float:
    """Read the memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def work(router: Router, known: Known, seconds: float, number: int) -> dict[str, Any]:
    """Run the threads of one worker, and measure its memory each second."""
    tally, end = Tally(), time.monotonic() + seconds
    threads = [
        threading.Thread(target=serve, args=(router, known, tally, end, 1_000 * number + seed))
        for seed in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    memory = []
    while any(thread.is_alive() for thread in threads):
        memory.append(megabytes())
        time.sleep(1)
    first = max(min(60, len(memory) // 2), 1)
    return {
        "calls": len(tally.done),
        "wrong": tally.wrong[:5],
        "peak of the first minute, MB": round(max(memory[:first])),
        "peak after it, MB": round(max(memory[first:], default=0.0)),
    }


def main() -> int:
    """Fork the workers, and say whether each held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    seconds = parser.parse_args().seconds
    router = Router.load()
    known = Known.of(router)
    print(f"{len(known.decisions)} queries and {len(known.answers)} replies are known", flush=True)
    ends = []
    for number in range(WORKERS):
        reading, writing = os.pipe()
        if not os.fork():
            os.write(writing, json.dumps(work(router, known, seconds, number)).encode())
            os._exit(0)
        os.close(writing)
        ends.append(reading)
    failed = False
    for reading in ends:
        with os.fdopen(reading, "rb") as file:
            found = json.loads(file.read() or b'{"wrong": ["the worker died"]}')
        os.wait()
        print(json.dumps(found, ensure_ascii=False), flush=True)
        limit = found.get("peak of the first minute, MB", 0) * (1 + GROWTH)
        failed |= bool(found["wrong"]) or found["peak after it, MB"] > limit
    print("failed" if failed else "no error, the same answers, memory flat")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
