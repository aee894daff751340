"""Trigger evaluations: does the right skill get picked, in the two file forms that others use."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from router.decisions.decision import Decision, Route
from router.errors import LogError, RouterError
from router.files import write_whole
from router.packs.faults import did_you_mean
from router.router import Router
from router.statistics.intervals import wilson

ABSTAIN = ""
"""In semantic-router's form an empty `expected_route`: nothing may be routed to."""


class Trigger(Struct, frozen=True):
    """A query, and what should become of it.

    Should `skill` be among the skills routed to? An `expected` trigger asks that it come first;
    `alternates` are right as well. An empty `skill`: nothing may be routed to.
    """

    query: str
    skill: str
    should_trigger: bool = True
    expected: bool = False
    alternates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of a trigger. `got` are the skills routed to, in order."""

    trigger: Trigger
    action: str
    got: tuple[str, ...]
    right: bool


@dataclass(frozen=True)
class Tally:
    """How many of a skill's triggers came out right. `low` to `high`: Wilson's 95 % interval."""

    skill: str
    should: bool
    right: int
    count: int
    low: float
    high: float


def read_triggers(path: Path, skill: str | None = None) -> list[Trigger]:
    """Read eval_queries.json, or semantic-router's CSV by its ending.

    :param skill: The skill that entries without a `skill` are about.
    :raises LogError: Neither form; the message names the entry and what it needs.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LogError(f"{path}: can't be read: {error.strerror}; cure: name a file") from error
    if path.suffix.lower() == ".csv":
        return _from_csv(path, data)
    return _from_json(path, data, skill)


class _Entry(Struct):
    query: str
    should_trigger: bool
    skill: str | None = None


def _from_json(path: Path, data: bytes, skill: str | None) -> list[Trigger]:
    try:
        entries = msgspec.json.decode(data, type=list[_Entry])
    except msgspec.DecodeError as error:
        form = '[{"query": "...", "should_trigger": true}]'
        raise LogError(f"{path}: not of the form {form}: {error}; cure: mend it there") from error
    triggers = []
    for number, entry in enumerate(entries):
        about = entry.skill or skill
        if about is None:
            raise LogError(
                f'{path}: entry {number} names no skill; cure: give --skill, or add "skill" to it'
            )
        triggers.append(Trigger(entry.query, about, entry.should_trigger))
    return triggers


def _from_csv(path: Path, data: bytes) -> list[Trigger]:
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        columns = rows.fieldnames or []
        lines = list(rows)
    except (UnicodeDecodeError, csv.Error) as error:
        raise LogError(f"{path}: not a CSV file in UTF-8: {error}; cure: save it so") from error
    text = next((name for name in ("utterance", "query", "text") if name in columns), None)
    if text is None or "expected_route" not in columns:
        raise LogError(
            f"{path}: the columns are utterance (or query, text), expected_route and, if wanted,"
            f" alternate_routes, was: {', '.join(columns) or 'none'}"
        )
    return [
        Trigger(
            row[text] or "",
            (row["expected_route"] or "").strip(),
            expected=True,
            alternates=_listed(row.get("alternate_routes") or ""),
        )
        for row in lines
    ]


def _listed(cell: str) -> tuple[str, ...]:
    """Read names between commas, semicolons or bars, with or without JSON's brackets."""
    plain = cell.strip().strip("[]")
    for sign in ";|":
        plain = plain.replace(sign, ",")
    return tuple(filter(None, (name.strip().strip("'\"") for name in plain.split(","))))


def write_eval_queries(path: Path, triggers: Iterable[Trigger]) -> None:
    """Write eval_queries.json, each entry with its skill."""
    entries = [_Entry(one.query, one.should_trigger, one.skill) for one in triggers if one.skill]
    write_whole(path, msgspec.json.format(msgspec.json.encode(entries), indent=2) + b"\n")


def write_csv(path: Path, triggers: Iterable[Trigger]) -> None:
    """Write semantic-router's CSV; what should not trigger its skill has no place in that form."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["utterance", "expected_route", "alternate_routes"])
    for one in triggers:
        if one.should_trigger:
            writer.writerow([one.query, one.skill, ",".join(one.alternates)])
    write_whole(path, out.getvalue())


def run_triggers(router: Router, triggers: Sequence[Trigger]) -> list[Outcome]:
    """Route every query, and compare.

    :raises RouterError: A trigger is about a skill that the pack does not have.
    """
    for trigger in triggers:
        for skill in (trigger.skill, *trigger.alternates):
            if skill != ABSTAIN and skill not in router.pack.skills:
                near = did_you_mean(skill, router.pack.skills)
                raise RouterError(f"{trigger.query!r}: no skill {skill!r} in this pack; {near}")
    decisions = router.route_many([trigger.query for trigger in triggers])
    return [_outcome(one, decision) for one, decision in zip(triggers, decisions, strict=True)]


def _outcome(trigger: Trigger, decision: Decision) -> Outcome:
    got = decision.skills if isinstance(decision, Route) else ()
    if trigger.skill == ABSTAIN:
        right = not got
    elif trigger.expected:
        right = bool(got) and got[0] in (trigger.skill, *trigger.alternates)
    else:
        right = (trigger.skill in got) == trigger.should_trigger
    return Outcome(trigger, decision.to_dict()["action"], got, right)


def tally(outcomes: Sequence[Outcome]) -> list[Tally]:
    """Count by skill, what should trigger before what should not; the whole last."""
    groups: dict[tuple[str, bool], list[bool]] = {}
    for one in outcomes:
        groups.setdefault((one.trigger.skill, one.trigger.should_trigger), []).append(one.right)
    rows = [
        _tally(skill or "(none)", should, group)
        for (skill, should), group in sorted(
            groups.items(), key=lambda item: (item[0][0], not item[0][1])
        )
    ]
    return [*rows, _tally("all", True, [one.right for one in outcomes])]


def _tally(skill: str, should: bool, right: Sequence[bool]) -> Tally:
    low, high = wilson(sum(right), len(right)) if right else (0.0, 1.0)
    return Tally(skill, should, sum(right), len(right), low, high)
