"""Every name of the library that the golden tests use."""

import json
import re
from pathlib import Path

import msgspec

from router import Clarify, Router
from router.calibration import (  # noqa: F401 - `calibrate` is for other tests
    calibrate,
    calibrate_log,
    calibrate_on_exemplars,
)
from router.evaluation import evaluate
from router.fitting.fit import fit_model
from router.packs.pack_file import load_pack
from router.paths import DEFAULT_PACK, SAMPLE_LOG
from router.skill_folders.folder import pack_of_folder

SHIPPED_PACK = DEFAULT_PACK
GROUPS = ("skills", "neighbours", "questions", "options", "none")
BEFORE = "2026-09-29"
HASH = re.compile("[0-9a-f]{16,}")


def fitted(pack, encoder):
    """Fit a router here and now, whatever models the cache holds."""
    return Router(pack, encoder, fit_model(pack, encoder))


def router_of_pack(folder, encoder, most_exemplars=None):
    """Fit a pack's folder, with all exemplars of each file or the first of them."""
    pack = load_pack(folder)
    if most_exemplars is not None:
        groups = {name: getattr(pack.exemplars, name) for name in GROUPS}
        first = {name: _first(group, most_exemplars) for name, group in groups.items()}
        exemplars = msgspec.structs.replace(pack.exemplars, **first)
        pack = msgspec.structs.replace(pack, exemplars=exemplars)
    return fitted(pack, encoder)


def router_of_skills(folder, encoder):
    """Fit a folder of SKILL.md files; gives the router and what was said about the folder."""
    pack, warnings = pack_of_folder(folder, encoder)
    return fitted(pack, encoder), warnings


def learnt(router, **goal):
    """Fit a router to the labels of a third of the sample log."""
    lines = [json.loads(line) for line in Path(SAMPLE_LOG).read_text("utf-8").splitlines()]
    third = lines[::3]
    return router.learn([line["text"] for line in third], third, **goal)


def calibrated(router, **goal):
    """Calibrate a router on the first weeks of the sample log."""
    return router.with_calibration(calibrate_log(router, Path(SAMPLE_LOG), before=BEFORE, **goal))


def calibration_on_exemplars(router):
    """What is fitted on a pack's own exemplars, as plain values."""
    return _values(calibrate_on_exemplars(router, ask_rate=0.2))


def calibration_values(router):
    """A router's calibration as plain values."""
    return _values(router.calibration)


def pack_values(router):
    """A router's pack as plain values; exemplars of several skills only if there are any."""
    groups = _values(router.pack.exemplars)
    return [_values(router.pack.file), groups if groups[-1] else groups[:-1]]


def decisions_of(router, log, out):
    """Evaluate a router on a log: the lines of decisions.jsonl, and metrics.json as values."""
    evaluate(router, log, out, cache=False)
    metrics = json.loads((Path(out) / "metrics.json").read_text("utf-8"))
    return (Path(out) / "decisions.jsonl").read_text("utf-8"), metrics


def dialogue_of(router, query, replies):
    """The decision on a query, and on each reply for as long as the router asks."""
    decision = router.route(query)
    decisions = [decision.to_dict()]
    for reply in replies:
        if not isinstance(decision, Clarify):
            break
        decision = router.answer(decision, reply)
        decisions.append(decision.to_dict())
    return decisions


def _values(value):
    """Plain values without the names of fields, which may change, and without hashes."""
    if isinstance(value, msgspec.Struct):
        names = [n for n in value.__struct_fields__ if n != "section" or value.section]
        return [_values(getattr(value, name)) for name in names]
    if isinstance(value, dict):
        return {name: _values(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [_values(each) for each in value]
    return "a hash" if isinstance(value, str) and HASH.fullmatch(value) else value


def _first(group, most):
    if isinstance(group, tuple):
        return group[:most]
    return {name: _first(lines, most) for name, lines in group.items()}
