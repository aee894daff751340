"""Decided lines for tests: only what matters to a test has to be named."""

import msgspec

from router.evaluation.decisions_file import RunFolder
from router.evaluation.rows import DecidedLine
from router.logs.labels import Gold

BRAKES, TYRES = ("fix-brakes",), ("fix-tyres",)


def decided(line, text, action, skills=(), **fields):
    defaults = {"id": str(line), "packs": (), "question": None}
    defaults |= {"confidence": 0.0, "margin": 0.0, "reason": ""}
    return DecidedLine(
        **defaults | {"line": line, "text": text, "action": action, "skills": skills} | fields
    )


def run_folder(path, rows):
    path.mkdir()
    (path / "decisions.jsonl").write_bytes(
        b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    )
    return RunFolder.open(path)


def routed(line, skills, accepted=None, text=None):
    gold = None if accepted is None else Gold("route", skills=BRAKES)
    text = text or f"query {line}"
    return decided(line, text, "route", skills, confidence=0.9, gold=gold, accepted=accepted)
