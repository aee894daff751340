"""Fit a router to labelled texts: what its confidence is worth, and when it asks."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from router.arrays import Indices
from router.calibration.budget import Fitted, Goal, Trial, fit
from router.calibration.calibration import Calibration
from router.calibration.cases import Cases
from router.calibration.trial_report import report_of, steps_of
from router.errors import RouterError
from router.fitting.fit import refit_on
from router.fitting.head_fitters import halves_of
from router.logs.formats import find_files
from router.logs.labels import Gold, LabelReader
from router.logs.reader import Columns, read_log, read_time
from router.model.model import model_hash

if TYPE_CHECKING:
    from router.packs.pack import Pack
    from router.router import Router

FEWEST = 100
"""Different labelled texts without which nothing is fitted."""

FOLDS = 5
BATCH = 512


def calibrate(
    router: "Router",
    texts: Sequence[str],
    golds: Sequence[object],
    *,
    ask_rate: float | None = None,
    max_error: float | None = None,
) -> Calibration:
    """Fit what a confidence is worth and when to ask, on labelled texts.

    :param golds: Of each text its `Gold`, or a label as in a labelled log; None is left out.
    :param ask_rate: Share of texts to ask about, in (0, 1); the pack's thresholds if neither.
    :param max_error: Share of texts that may be decided unasked and wrong, in (0, 1): what is
        expected of texts that are drawn like these (Angelopoulos et al. 2024, Conformal Risk
        Control). No promise where users come to ask for something else.
    :return: For `Router.calibrated`; its report is of texts that were held out.
    :raises RouterError: Fewer than 100 different labelled texts, fewer than a promise needs, a
        label that the pack does not know, or a promise that no threshold keeps.
    """
    kept_texts, kept_golds = labelled(router.pack, texts, golds)
    goal = Goal(ask_rate, max_error)
    check_enough(len(set(kept_texts)), goal)
    plain = uncalibrated(router)
    parts = [
        Cases.of(plain, kept_texts[i : i + BATCH], kept_golds[i : i + BATCH])
        for i in range(0, len(kept_texts), BATCH)
    ]
    return calibration_of(plain, Cases.join(parts), folds_of(kept_texts), goal, "log")


def calibrate_on_exemplars(
    router: "Router", *, ask_rate: float | None = None, max_error: float | None = None
) -> Calibration:
    """Fit on the pack's own exemplars, each judged by a head that has seen only the other half.

    Exemplars are no sample of what users ask: shares of actions, the rate of asking and any
    promise hold for texts drawn like them. Where there is a labelled log, use that.

    :raises RouterError: As in `calibrate`.
    """
    goal = Goal(ask_rate, max_error)
    plain, model = uncalibrated(router), router.model
    check_enough(len(set(model.exemplar_texts)), goal)
    side = halves_of(model.exemplar_labels)
    texts, parts = [], []
    for half in (0, 1):
        seen, unseen = np.flatnonzero(side == half), np.flatnonzero(side != half)
        held_out = [model.exemplar_texts[i] for i in unseen]
        golds = [gold_of(model.exemplar_labels[i]) for i in unseen]
        parts.append(Cases.of(on(plain, seen), held_out, golds))
        texts += held_out
    return calibration_of(plain, Cases.join(parts), folds_of(texts), goal, "exemplars")


def calibrate_log(
    router: "Router",
    log: Path | None,
    *,
    columns: Columns | None = None,
    before: str | None = None,
    ask_rate: float | None = None,
    max_error: float | None = None,
) -> Calibration:
    """Fit to the labelled lines of a log; on the exemplars if there is none.

    :param before: ISO 8601: only lines of an earlier time.
    :raises LogError: The log can't be read, or a line of it.
    :raises RouterError: As in `calibrate`.
    """
    if log is None:
        if before is not None:
            raise RouterError(f"`before` is for a log's lines, was: {before}; give a log")
        return calibrate_on_exemplars(router, ask_rate=ask_rate, max_error=max_error)
    files = find_files(log, exclude=log / "runs")
    chunks = read_log(files, columns or Columns(), LabelReader(router.pack), strict=True)
    lines = [line for chunk in chunks for line in chunk.lines if line.gold is not None]
    if before is not None:
        end = _time(before)
        lines = [line for line in lines if line.time is not None and line.time < end]
    texts, golds = [line.text for line in lines], [line.gold for line in lines]
    return calibrate(router, texts, golds, ask_rate=ask_rate, max_error=max_error)


def _time(value: str) -> datetime:
    try:
        time = read_time(value)
    except ValueError as error:
        raise RouterError(f"before: {error}") from error
    if time is None:
        raise RouterError("before: a time is ISO 8601, was empty")
    return time


def labelled(
    pack: "Pack", texts: Sequence[str], golds: Sequence[object]
) -> tuple[list[str], list[Gold]]:
    """Read the labels, and keep the texts that have one.

    :raises RouterError: A label that the pack does not know; the message names its place.
    """
    if len(texts) != len(golds):
        raise RouterError(f"a label for each text: {len(texts)} texts, {len(golds)} labels")
    reader, labels = LabelReader(pack), []
    for place, (text, value) in enumerate(zip(texts, golds, strict=True), start=1):
        try:
            gold = value if isinstance(value, Gold) else reader.read(value)
        except ValueError as error:
            raise RouterError(f"label {place}, of {text[:60]!r}: {error}") from error
        if gold is not None:
            labels.append((text, gold))
    return [text for text, _ in labels], [gold for _, gold in labels]


def check_enough(count: int, goal: Goal) -> None:
    """Refuse to fit on too few texts."""
    if count < FEWEST:
        raise RouterError(
            f"a calibration needs at least {FEWEST} different labelled texts, got {count}: on"
            " fewer, chance decides what is fitted; label more, or fit on the exemplars: `router"
            " calibrate` without a log"
        )
    if count < goal.fewest:
        name = "ask_rate" if goal.max_error is None else "max_error"
        raise RouterError(
            f"{name} {getattr(goal, name)} needs at least {goal.fewest} labelled texts, got"
            f" {count}; label more, or give a larger {name}"
        )


def calibration_of(
    router: "Router",
    cases: Cases,
    fold: Indices,
    goal: Goal,
    source: Literal["log", "exemplars", "fit"],
) -> Calibration:
    """Fit on all cases, and report on each fold what was fitted on the others."""
    policy = router.pack.file.policy
    fitted = fit(cases, fold, goal, policy)
    held_out = _held_out(router, cases, fold, goal)
    return Calibration(
        pack=router.pack.file.id,
        pack_hash=model_hash(router.pack),
        encoder=router.encoder.key,
        policy=policy,
        source=source,
        n=len(cases),
        ask_rate=goal.ask_rate,
        max_error=goal.max_error,
        ask_threshold=fitted.ask_threshold,
        confidence_threshold=fitted.confidence_threshold,
        confidence=fitted.maps["all"],
        maps={name: one for name, one in fitted.maps.items() if name != "all"},
        contend_from=fitted.contend_from,
        intervals=steps_of(cases, held_out),
        report=report_of(cases, held_out),
    )


def _held_out(router: "Router", cases: Cases, fold: Indices, goal: Goal) -> Trial:
    """Try on each fold what was fitted on the others."""
    policy = router.pack.file.policy
    places, trials = [], []
    for one in np.unique(fold):
        others = fold != one
        try:
            fitted = fit(cases.take(others), fold[others], goal, policy)
        except (RouterError, ValueError):  # too few are left to promise anything: ask about all
            plain = fit(cases.take(others), fold[others], Goal(), policy)
            fitted = Fitted(plain.maps, 0.0, 1.0, plain.contend_from)
        places.append(np.flatnonzero(fold == one))
        trials.append(Trial.of(fitted, cases.take(fold == one)))
    back = np.argsort(np.concatenate(places))
    names = ("ask", "sure", "missing", "unsure", "covered")
    return Trial(*(np.concatenate([getattr(t, name) for t in trials])[back] for name in names))


def folds_of(texts: Sequence[str], folds: int = FOLDS, seed: int = 0) -> Indices:
    """Deal the texts to folds by chance; equal ones come into the same. Shape: (n,)."""
    different, code = np.unique([text.casefold() for text in texts], return_inverse=True)
    dealt = np.arange(len(different)) % folds
    return np.asarray(np.random.default_rng(seed).permutation(dealt)[code], dtype=np.intp)


def gold_of(target: str) -> Gold:
    """What is right for an exemplar of a target."""
    kind, _, one = target.partition(":")
    if kind == "skill":
        return Gold("route", skills=(one,))
    if kind == "neighbour":
        return Gold("redirect", packs=(one,))
    return Gold("clarify", question=one) if kind == "question" else Gold("none")


def uncalibrated(router: "Router") -> "Router":
    """The router as its pack says, remembering the vectors of what it reads."""
    from router.router import Router

    return Router(router.pack, router.encoder, router.model).with_vector_cache()


def on(router: "Router", seen: Indices) -> "Router":
    """The router as if its pack had only some of its exemplars."""
    from router.router import Router

    return Router(router.pack, router.encoder, refit_on(router.pack, router.model, seen))
