"""Learn from labelled texts: they become exemplars, and calibrate a router without them."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from router.arrays import Indices
from router.calibration.calibration import Calibration
from router.calibration.cases import Cases
from router.calibration.from_labels import (
    FittedPack,
    calibration_of,
    check_enough,
    folds_of,
    labelled,
)
from router.calibration.thresholds import Goal
from router.encoders.cached import with_log_cache
from router.fitting.fit import fit_model, refit_on
from router.logs.labels import Gold
from router.model.model import Model
from router.packs.exemplar_file import MAX_EXEMPLAR_LENGTH
from router.packs.pack import Pack

_N_FOLDS = 3
"""Each text is judged by a head that has learnt the other folds; more folds take longer to fit."""


def learn(
    router: FittedPack,
    texts: Sequence[str],
    labels: Sequence[object],
    *,
    ask_rate: float | None = None,
    max_error: float | None = None,
) -> tuple[Pack, Model, Calibration]:
    """Give the pack with the texts as exemplars, its model and its calibration.

    The parameters are those of `Router.learn`.
    """
    kept, golds = labelled(router.pack, texts, labels)
    goal = Goal(ask_rate, max_error)
    check_enough(kept, goal)
    pack = with_exemplars(router.pack, kept, golds)
    encoder = with_log_cache(router.encoder)
    model = fit_model(pack, encoder)
    lines = [_plain_line(text) for text in kept]
    fold = folds_of(lines, _N_FOLDS)
    own = set(router.model.exemplar_texts)
    parts, places = [], []
    for held_out in range(_N_FOLDS):
        rows = np.flatnonzero(fold == held_out)
        hidden = {lines[row].casefold() for row in rows}
        judge = refit_on(pack, model, _without(model, hidden, own))
        texts_of_fold, golds_of_fold = [kept[row] for row in rows], [golds[row] for row in rows]
        parts.append(Cases.of(pack, encoder, judge, texts_of_fold, golds_of_fold))
        places.append(rows)
    cases = Cases.join(parts).take(np.argsort(np.concatenate(places)))
    return pack, model, calibration_of(pack, encoder, cases, fold, goal, "fit")


def _without(model: Model, hidden: set[str], own: set[str]) -> Indices:
    """Find the exemplars that a judge of hidden texts may know; the pack's own are never hidden."""
    return np.array(
        [
            row
            for row, line in enumerate(model.exemplar_texts)
            if line in own or line.casefold() not in hidden
        ],
        dtype=np.intp,
    )


def with_exemplars(pack: Pack, texts: Sequence[str], labels: Sequence[Gold]) -> Pack:
    """Add the texts that have one target to its exemplars, unless they are exemplars already."""
    known = {line.casefold() for _, line in pack.target_exemplars()}
    added: dict[str, list[str]] = {}
    for text, label in zip(texts, labels, strict=True):
        line, target = _plain_line(text), _target_of(pack, label)
        if target and line and len(line) <= MAX_EXEMPLAR_LENGTH and line.casefold() not in known:
            known.add(line.casefold())
            added.setdefault(target, []).append(line)

    def extended(kind: str, groups: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {name: (*old, *added.get(f"{kind}:{name}", ())) for name, old in groups.items()}

    exemplars = msgspec.structs.replace(
        pack.exemplars,
        skills=extended("skill", pack.exemplars.skills),
        neighbours=extended("neighbour", pack.exemplars.neighbours),
        questions=extended("question", pack.exemplars.questions),
        none=(*pack.exemplars.none, *added.get("none", ())),
    )
    return msgspec.structs.replace(pack, exemplars=exemplars)


def _target_of(pack: Pack, label: Gold) -> str | None:
    """Name the one target of a label; None if it has several, or leaves it open."""
    if label.action == "route" and len(label.skills) == 1 and not label.packs:
        return f"skill:{label.skills[0]}"
    if label.action == "redirect" and len(label.packs) == 1:
        return f"neighbour:{label.packs[0]}"
    if label.action == "clarify" and label.question in pack.questions:
        return f"question:{label.question}"
    return "none" if label.action == "none" else None


def _plain_line(text: str) -> str:
    """The text as a line of an exemplar file."""
    return " ".join(text.split())
