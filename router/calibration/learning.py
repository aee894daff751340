"""Learning from labelled texts: they become exemplars, and calibrate what is not told of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from router.calibration.budget import Goal
from router.calibration.calibrate import (
    calibration_of,
    check_enough,
    folds_of,
    labelled,
    on,
    uncalibrated,
)
from router.calibration.cases import Cases
from router.fitting.fit import fit_model
from router.logs.labels import Gold
from router.packs.exemplar_file import MAX_EXEMPLAR_LENGTH
from router.packs.pack import Exemplars, Pack

if TYPE_CHECKING:
    from router.router import Router

FOLDS = 3
"""Each is judged by a head that has learnt the others: with more, fitting takes longer."""


def learn(
    router: "Router",
    texts: Sequence[str],
    labels: Sequence[object],
    *,
    ask_rate: float | None = None,
    max_error: float | None = None,
) -> "Router":
    """See `Router.fit`."""
    from router.router import Router

    kept, golds = labelled(router.pack, texts, labels)
    goal = Goal(ask_rate, max_error)
    check_enough(len(set(kept)), goal)
    pack = with_exemplars(router.pack, kept, golds)
    base = uncalibrated(router)
    whole = Router(pack, base.encoder, fit_model(pack, base.encoder))
    fold = folds_of([plain_line(text) for text in kept], FOLDS)
    old = set(router.model.exemplar_texts)
    places, parts = [], []
    for one in range(FOLDS):
        rows = np.flatnonzero(fold == one)
        hidden = {plain_line(kept[i]).casefold() for i in rows}
        seen = [
            i
            for i, line in enumerate(whole.model.exemplar_texts)
            if line in old or line.casefold() not in hidden
        ]
        without = on(whole, np.array(seen, dtype=np.intp))
        parts.append(Cases.of(without, [kept[i] for i in rows], [golds[i] for i in rows]))
        places.append(rows)
    cases = Cases.join(parts).take(np.argsort(np.concatenate(places)))
    calibration = calibration_of(whole, cases, fold, goal, "fit")
    return Router(pack, router.encoder, whole.model, calibration)


def with_exemplars(pack: Pack, texts: Sequence[str], golds: Sequence[Gold]) -> Pack:
    """Add the texts that have one target to its exemplars, unless they are some already."""
    known = {line.casefold() for _, line in pack.target_exemplars()}
    added: dict[str, list[str]] = {}
    for text, gold in zip(texts, golds, strict=True):
        line, target = plain_line(text), target_of(pack, gold)
        if target and line and len(line) <= MAX_EXEMPLAR_LENGTH and line.casefold() not in known:
            known.add(line.casefold())
            added.setdefault(target, []).append(line)

    def group(kind: str, lines: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {one: (*old, *added.get(f"{kind}:{one}", ())) for one, old in lines.items()}

    old = pack.exemplars
    exemplars = Exemplars(
        skills=group("skill", dict(old.skills)),
        neighbours=group("neighbour", dict(old.neighbours)),
        questions=group("question", dict(old.questions)),
        options=old.options,
        none=(*old.none, *added.get("none", ())),
    )
    return msgspec.structs.replace(pack, exemplars=exemplars)


def target_of(pack: Pack, gold: Gold) -> str | None:
    """Name the one target that a label says; None if it says several, or leaves it open."""
    if gold.action == "route" and len(gold.skills) == 1 and not gold.packs:
        return f"skill:{gold.skills[0]}"
    if gold.action == "redirect" and len(gold.packs) == 1:
        return f"neighbour:{gold.packs[0]}"
    if gold.action == "clarify" and gold.question in pack.questions:
        return f"question:{gold.question}"
    return "none" if gold.action == "none" else None


def plain_line(text: str) -> str:
    """A text as an exemplar file keeps it."""
    return " ".join(text.split())
