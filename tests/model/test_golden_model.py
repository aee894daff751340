"""What the default encoder leads to is pinned: every action and target, and how sure it is.

`python tests/model/test_golden_model.py` makes the files anew, see pin.py.
"""

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    tests = Path(__file__).parents[1]
    sys.path[:0] = [str(tests.parent), str(tests), str(tests / "golden")]

import library
import pin
import pytest
from conftest import shared_encoder

TOLERANCE = 0.002
"""Of a confidence or a margin: the encoder's last bits depend on the machine."""

DECIDED = ("action", "skills", "packs", "question", "confidence", "margin")
ROUTERS = {
    "shipped": lambda encoder: library.router_of_pack(library.SHIPPED_PACK, encoder),
    "skills": lambda encoder: library.router_of_skills(pin.HERE / "skills", encoder)[0],
}


def decided(case):
    """The file of a case: a line for each line of its log, and for each turn of its dialogues."""
    files = pin.run_files(ROUTERS[case](shared_encoder()), case)
    records = [
        json.loads(line)
        for name in ("decisions.jsonl", "dialogues.jsonl")
        for line in files[name].splitlines()
    ]
    lines = [json.dumps({name: record[name] for name in DECIDED}) for record in records]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("case", ROUTERS)
def test_the_default_encoder_leads_to_the_pinned_decisions(case):
    pinned = (pin.EXPECTED / "model" / f"{case}.jsonl").read_text(encoding="utf-8")
    changes = list(pin.changes_of(pinned, decided(case), TOLERANCE))
    if changes:
        pytest.fail("\n".join([f"{len(changes)} changes", *changes[:30]]), pytrace=False)


if __name__ == "__main__":
    for name in ROUTERS:
        path = pin.EXPECTED / "model" / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text(decided(name), encoding="utf-8")
