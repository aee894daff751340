"""Calibrate a pack on labelled texts, on a log or on its own exemplars; learn from labels."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, Protocol

import msgspec
import numpy as np

from router.arrays import Indices
from router.calibration.calibration import Calibration
from router.calibration.cases import Cases
from router.calibration.held_out_report import held_out_report, interval_steps
from router.calibration.thresholds import Goal, fit_thresholds, simulate_held_out, thresholds_of
from router.decisions.words import count_of
from router.encoders.cached import with_log_cache
from router.encoders.encoder import Encoder
from router.errors import RouterError
from router.fitting.fit import fit_model, refit_on
from router.fitting.parts_of_exemplars import halves_of
from router.logs.formats import find_files
from router.logs.labels import Gold, LabelReader
from router.logs.locations import local_log
from router.logs.reader import Columns, read_log
from router.logs.values import read_time
from router.model.model import Model, model_hash
from router.packs.exemplar_file import MAX_EXEMPLAR_LENGTH
from router.packs.pack import Pack
from router.packs.shared_exemplar import SharedExemplar
from router.text import plain_text

_N_FOLDS = 5

_N_FOLDS_OF_LEARNING = 3
"""With more folds, each judge has learnt more, and all of them take longer to fit."""


class FittedPack(Protocol):
    """What is calibrated: a pack and its model. Every `Router` is one."""

    @property
    def pack(self) -> Pack:
        """The pack."""

    @property
    def encoder(self) -> Encoder:
        """The encoder that the model was fitted with."""

    @property
    def model(self) -> Model:
        """What was fitted on the pack's exemplars."""


def calibrate(
    router: FittedPack,
    texts: Sequence[str],
    labels: Sequence[object],
    *,
    ask_rate: float | None = None,
    max_error: float | None = None,
) -> Calibration:
    """Fit what a confidence is worth and when to ask, to labelled texts.

    :param router: The router to calibrate.
    :param texts: Labelled queries.
    :param labels: Of each text its `Gold`, or a label as in a labelled log; texts whose label is
        None are left out.
    :param ask_rate: Share of texts to ask about, in (0, 1). With neither this nor `max_error`, the
        pack's thresholds stay.
    :param max_error: Share of texts that may be decided without a question and wrong, in (0, 1). It
        is expected of texts that are drawn like these (Angelopoulos et al. 2024, Conformal Risk
        Control), and not promised where users come to ask for something else.
    :return: For `Router.with_calibration`. Its report is about held-out texts.
    :raises RouterError: There are fewer than 100 different labelled texts that are no exemplars, or
        fewer than a promise needs, the pack does not know a label, or no threshold keeps the
        promise.
    """
    goal = Goal(ask_rate, max_error)
    known, all_golds = read_labels(router.pack, texts, labels)
    texts, golds = _no_exemplars(router.pack, known, all_golds)
    goal.check_enough(texts, left_out=len(known) - len(texts))
    cases = Cases.of(router.pack, with_log_cache(router.encoder), router.model, texts, golds)
    return _calibration(router.pack, router.encoder, cases, folds_of(texts), goal, "log")


def calibrate_on_exemplars(
    router: FittedPack, *, ask_rate: float | None = None, max_error: float | None = None
) -> Calibration:
    """Fit to the pack's own exemplars, each judged by a head that has learnt only the other half.

    Exemplars are no sample of what users ask: shares of actions, the rate of asking and any
    promise hold for texts drawn like the exemplars. Prefer a labelled log where there is one.

    :raises RouterError: As in `calibrate`.
    """
    goal, model = Goal(ask_rate, max_error), router.model
    goal.check_enough(model.exemplar_texts, exemplars=True)
    encoder, half = (
        with_log_cache(router.encoder),
        halves_of(model.exemplar_labels, model.exemplar_texts),
    )
    shared = {line.text: Gold("route", line.targets) for line in router.pack.exemplars.several}
    parts, order = [], []
    for side in (0, 1):
        judge = refit_on(router.pack, model, np.flatnonzero(half == side))
        rows = np.flatnonzero(half != side)
        label = {model.exemplar_texts[row]: model.exemplar_labels[row] for row in rows}
        texts = list(label)
        golds = [shared.get(text) or _gold_of(label[text]) for text in texts]
        parts.append(Cases.of(router.pack, encoder, judge, texts, golds))
        order += texts
    return _calibration(router.pack, encoder, Cases.join(parts), folds_of(order), goal, "exemplars")


def calibrate_log(
    router: FittedPack,
    log: str | Path | None,
    *,
    columns: Columns | None = None,
    before: str | None = None,
    ask_rate: float | None = None,
    max_error: float | None = None,
    notify: Callable[[str], None] = lambda sentence: None,
) -> Calibration:
    """Fit to the labelled lines of a log, or to the exemplars if there is no log.

    :param log: As in `evaluate`. Lines that can't be read are left out.
    :param notify: Takes sentences that say what the log is taken for.
    :param before: ISO 8601; only earlier lines are used.
    :raises LogError: The log can't be read.
    :raises RouterError: As in `calibrate`.
    """
    if log is None:
        if before is not None:
            raise RouterError(f"`before` is for a log's lines, was: {before}; give a log")
        return calibrate_on_exemplars(router, ask_rate=ask_rate, max_error=max_error)
    end = None if before is None else _time(before)
    columns, labels = columns or Columns(), LabelReader(router.pack)
    lines, rejected = [], []
    with TemporaryDirectory() as work:
        path = local_log(log, Path(work))
        files = find_files(path, path / "runs", columns.text)
        for chunk in read_log(files, columns, labels, notify=notify):
            lines += [
                line
                for line in chunk.lines
                if line.gold is not None
                and (end is None or (line.time is not None and line.time < end))
            ]
            rejected += chunk.rejected
    if rejected:
        first = rejected[0]
        notify(
            f"{log}: {count_of(len(rejected), 'line')} can't be read; the first: line"
            f" {first.line}: {first.reason}"
        )
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


def learn_and_calibrate(
    router: FittedPack,
    texts: Sequence[str],
    labels: Sequence[object],
    *,
    ask_rate: float | None = None,
    max_error: float | None = None,
) -> tuple[Pack, Model, Calibration]:
    """Add the texts to the pack's exemplars, fit it again, and calibrate it.

    Each text is judged by a model that has not learnt it: one without the texts of its fold.

    :return: The pack, its model and its calibration. The parameters are those of `Router.learn`.
    """
    goal = Goal(ask_rate, max_error)
    texts, golds = read_labels(router.pack, texts, labels)
    goal.check_enough(texts)
    pack, encoder = with_exemplars(router.pack, texts, golds), with_log_cache(router.encoder)
    model, own = fit_model(pack, encoder), set(router.model.exemplar_texts)
    lines = [_exemplar_line(text) for text in texts]
    fold = folds_of(lines, _N_FOLDS_OF_LEARNING)
    parts, order = [], []
    for held_out in range(_N_FOLDS_OF_LEARNING):
        rows = np.flatnonzero(fold == held_out)
        hidden = {lines[row].casefold() for row in rows}
        known = [line in own or line.casefold() not in hidden for line in model.exemplar_texts]
        judge = refit_on(pack, model, np.flatnonzero(known))
        parts.append(
            Cases.of(pack, encoder, judge, [texts[i] for i in rows], [golds[i] for i in rows])
        )
        order.append(rows)
    cases = Cases.join(parts).take(np.argsort(np.concatenate(order)))
    return pack, model, _calibration(pack, encoder, cases, fold, goal, "fit")


def read_labels(
    pack: Pack, texts: Sequence[str], labels: Sequence[object]
) -> tuple[list[str], list[Gold]]:
    """Read the labels, and keep the texts that have one.

    :raises RouterError: The pack does not know a label; the message says which one.
    """
    if len(texts) != len(labels):
        raise RouterError(f"each text needs a label: {len(texts)} texts, {len(labels)} labels")
    reader, kept, golds = LabelReader(pack), [], []
    for number, (text, label) in enumerate(zip(texts, labels, strict=True), start=1):
        try:
            gold = label if isinstance(label, Gold) else reader.read(label)
        except ValueError as error:
            raise RouterError(f"label {number}, of {text[:60]!r}: {error}") from error
        if gold is not None:
            kept.append(text)
            golds.append(gold)
    return kept, golds


def _no_exemplars(
    pack: Pack, texts: Sequence[str], golds: Sequence[Gold]
) -> tuple[list[str], list[Gold]]:
    """Leave out the texts that are exemplars: of what it has learnt, a router is always sure."""
    exemplars = {plain_text(line).casefold() for _, line in pack.target_exemplars()}
    kept = [
        row
        for row, text in enumerate(texts)
        if plain_text(_exemplar_line(text)).casefold() not in exemplars
    ]
    return [texts[row] for row in kept], [golds[row] for row in kept]


def _calibration(
    pack: Pack,
    encoder: Encoder,
    cases: Cases,
    fold: Indices,
    goal: Goal,
    source: Literal["log", "exemplars", "fit"],
) -> Calibration:
    """Fit to all cases; the report and the intervals come from what was fitted to other folds."""
    if not cases.correct.any():
        raise RouterError(
            f"all of {len(cases):,} decisions are wrong, and nothing can be fitted to one outcome;"
            " cure: make sure that the labels mean the skills of this pack, or add exemplars"
        )
    policy = pack.file.policy
    fitted = fit_thresholds(cases, fold, goal, policy)
    held_out = simulate_held_out(cases, fold, goal, policy)
    maps = dict(fitted.maps)
    return Calibration(
        pack=pack.file.id,
        pack_hash=model_hash(pack),
        encoder=encoder.key,
        policy=policy,
        source=source,
        n=len(cases),
        ask_rate=goal.ask_rate,
        max_error=goal.max_error,
        ask_threshold=fitted.ask_threshold,
        confidence_threshold=fitted.confidence_threshold,
        confidence=maps.pop("all"),
        maps=maps,
        candidate_threshold=fitted.candidate_threshold,
        intervals=interval_steps(cases, held_out),
        report=held_out_report(
            cases,
            thresholds_of(policy, asks_by_rate=pack.ask_rate is not None).simulate(cases),
            held_out,
        ),
    )


def folds_of(texts: Sequence[str], n_folds: int = _N_FOLDS, seed: int = 0) -> Indices:
    """Deal the texts to folds at random; equal texts are in the same fold. Shape: (n,)."""
    different, code = np.unique([text.casefold() for text in texts], return_inverse=True)
    dealt = np.arange(len(different)) % n_folds
    return np.asarray(np.random.default_rng(seed).permutation(dealt)[code], dtype=np.intp)


def _gold_of(target: str) -> Gold:
    """The right decision for an exemplar of a target."""
    kind, _, target_id = target.partition(":")
    if kind == "skill":
        return Gold("route", skills=(target_id,))
    if kind == "neighbour":
        return Gold("redirect", packs=(target_id,))
    return Gold("clarify", question=target_id) if kind == "question" else Gold("none")


def with_exemplars(pack: Pack, texts: Sequence[str], golds: Sequence[Gold]) -> Pack:
    """Add the texts with one target, or several skills, unless they are exemplars already."""
    known = {line.casefold() for _, line in pack.target_exemplars()}
    added: dict[str, list[str]] = {}
    several: list[SharedExemplar] = []
    for text, gold in zip(texts, golds, strict=True):
        line, target = _exemplar_line(text), exemplar_target(pack, gold)
        if not line or len(line) > MAX_EXEMPLAR_LENGTH or line.casefold() in known:
            continue
        if target:
            added.setdefault(target, []).append(line)
        elif gold.asks_for_several:
            several.append(SharedExemplar(line, gold.skills))
        else:
            continue
        known.add(line.casefold())

    def extended(kind: str, groups: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {name: (*old, *added.get(f"{kind}:{name}", ())) for name, old in groups.items()}

    exemplars = msgspec.structs.replace(
        pack.exemplars,
        skills=extended("skill", pack.exemplars.skills),
        neighbours=extended("neighbour", pack.exemplars.neighbours),
        questions=extended("question", pack.exemplars.questions),
        none=(*pack.exemplars.none, *added.get("none", ())),
        several=(*pack.exemplars.several, *several),
    )
    return msgspec.structs.replace(pack, exemplars=exemplars)


def exemplar_target(pack: Pack, gold: Gold) -> str | None:
    """Name the one target of a label, as an exemplar can have it; None if there is no such one."""
    is_unknown = gold.action == "clarify" and gold.question not in pack.questions
    return None if is_unknown else gold.target


def _exemplar_line(text: str) -> str:
    """The text as a line of an exemplar file."""
    return " ".join(text.split())
