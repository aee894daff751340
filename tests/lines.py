"""Decided lines for tests: only what matters to a test has to be named."""

from router.evaluation.rows import DecidedLine


def decided(line, text, action, skills=(), **fields):
    defaults = {"id": str(line), "packs": (), "question": None}
    defaults |= {"confidence": 0.0, "margin": 0.0, "reason": ""}
    return DecidedLine(
        **defaults | {"line": line, "text": text, "action": action, "skills": skills} | fields
    )
