"""Every name of the library that the golden tests use."""

import json
from pathlib import Path

import msgspec

from router import Clarify, Router
from router.evaluation import evaluate
from router.model.fit import fit_model
from router.packs.pack_file import load_pack
from router.paths import DEFAULT_PACK, SAMPLE_LOG  # noqa: F401 - what pin.py reads
from router.skill_folders.folder import pack_of_folder

SHIPPED_PACK = Path(DEFAULT_PACK)


def fitted(pack, encoder):
    """Fit a router here and now, whatever models the cache holds."""
    return Router(pack, encoder, fit_model(pack, encoder))


def router_of_pack(folder, encoder, most_exemplars=None):
    """Fit a pack's folder, with all exemplars of each file or the first of them."""
    pack = load_pack(folder)
    if most_exemplars is not None:
        exemplars = msgspec.structs.replace(
            pack.exemplars,
            **{
                name: _first(getattr(pack.exemplars, name), most_exemplars)
                for name in ("skills", "neighbours", "questions", "options", "none")
            },
        )
        pack = msgspec.structs.replace(pack, exemplars=exemplars)
    return fitted(pack, encoder)


def router_of_skills(folder, encoder):
    """Fit a folder of SKILL.md files; gives the router and what was said about the folder."""
    pack, warnings = pack_of_folder(folder, encoder)
    return fitted(pack, encoder), warnings


def pack_record(router):
    """The pack as plain values."""
    return msgspec.to_builtins(router.pack.file) | {
        "exemplars": msgspec.to_builtins(router.pack.exemplars)
    }


def decisions_of(router, log, out):
    """Evaluate a router on a log: the lines of decisions.jsonl, and metrics.json as values."""
    evaluate(router, log, out, cache=False)
    decisions = (Path(out) / "decisions.jsonl").read_text(encoding="utf-8")
    return decisions, json.loads((Path(out) / "metrics.json").read_text(encoding="utf-8"))


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


def _first(group, most):
    if isinstance(group, tuple):
        return group[:most]
    return {name: _first(lines, most) for name, lines in group.items()}
