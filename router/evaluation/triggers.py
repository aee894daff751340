"""Lists of prompts with the skill that each should trigger, in the two forms in common use."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from router.decisions.outcome import Outcome
from router.errors import LogError, RouterError
from router.files import write_whole
from router.logs.formats import LogFile, Rejected
from router.packs.faults import did_you_mean
from router.router import Router
from router.statistics.figure import Figure

_QUERY_COLUMNS = ("utterance", "query", "text")


class Trigger(Struct, frozen=True):
    """A query, and the skill that it should trigger, or should not.

    An `expected` skill must come first; the `alternates` are right as well. If `skill` is empty,
    the query should be routed nowhere.
    """

    query: str
    skill: str
    should_trigger: bool = True
    expected: bool = False
    alternates: tuple[str, ...] = ()

    def is_right(self, skills: Sequence[str]) -> bool:
        """Whether a decision with these skills is right."""
        if not self.skill:
            return not skills
        if self.expected:
            return bool(skills) and skills[0] in (self.skill, *self.alternates)
        return (self.skill in skills) == self.should_trigger


@dataclass(frozen=True)
class TriggerCount:
    """How many of the queries that should trigger a skill, or should not, came out right."""

    skill: str
    should_trigger: bool
    right: int
    figure: Figure


class _Entry(Struct):
    query: str
    should_trigger: bool
    skill: str | None = None


def read_triggers(path: Path, skill: str | None = None) -> list[Trigger]:
    """Read eval_queries.json, or semantic-router's CSV.

    :param skill: The skill that entries without a `skill` are about.
    :raises LogError: The file has neither form; the message names the entry and what it needs.
    """
    triggers = []
    for record in LogFile.open(path).records():
        if isinstance(record, Rejected):
            raise LogError(f"{path}:{record.line}: {record.reason}; cure: mend the line")
        try:
            triggers.append(_trigger(record.fields, skill))
        except ValueError as error:
            raise LogError(f"{path}:{record.line}: {error}; cure: mend the entry") from error
    if not triggers:
        raise LogError(f"{path}: a list of triggers has at least 1 query, this one has none")
    return triggers


def _trigger(fields: Mapping[str, Any], skill: str | None) -> Trigger:
    query = next((fields[name] for name in _QUERY_COLUMNS if name in fields), None)
    if "should_trigger" in fields:
        entry = msgspec.convert(fields, _Entry)
        if entry.skill is None and skill is None:
            raise ValueError('no skill is named; give --skill, or add "skill" to the entry')
        return Trigger(entry.query, entry.skill or skill or "", entry.should_trigger)
    if query is None or "expected_route" not in fields:
        raise ValueError(
            "an entry has query and should_trigger, or the columns utterance (or query, text),"
            f" expected_route and, if wanted, alternate_routes, was: {', '.join(fields)}"
        )
    alternates = _names_in(fields.get("alternate_routes", ""))
    return Trigger(query, fields["expected_route"].strip(), expected=True, alternates=alternates)


def _names_in(cell: str) -> tuple[str, ...]:
    """Read names between commas, semicolons or bars, with or without JSON's brackets."""
    plain = cell.strip().strip("[]")
    for separator in ";|":
        plain = plain.replace(separator, ",")
    return tuple(filter(None, (name.strip().strip("'\"") for name in plain.split(","))))


def write_triggers(path: Path, triggers: Iterable[Trigger]) -> None:
    """Write eval_queries.json, or semantic-router's CSV if the file name ends in ".csv".

    eval_queries.json has no entry for a query that should be routed nowhere, and the CSV none for
    a query that should not trigger its skill.
    """
    if path.suffix.lower() == ".csv":
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["utterance", "expected_route", "alternate_routes"])
        for trigger in triggers:
            if trigger.should_trigger:
                writer.writerow([trigger.query, trigger.skill, ",".join(trigger.alternates)])
        write_whole(path, out.getvalue())
        return
    entries = [
        _Entry(trigger.query, trigger.should_trigger, trigger.skill)
        for trigger in triggers
        if trigger.skill
    ]
    write_whole(path, msgspec.json.format(msgspec.json.encode(entries), indent=2) + b"\n")


def run_triggers(router: Router, triggers: Sequence[Trigger]) -> list[Outcome]:
    """Decide every query, in order.

    :raises RouterError: A trigger is about a skill that the pack does not have.
    """
    for trigger in triggers:
        for skill in filter(None, (trigger.skill, *trigger.alternates)):
            if skill not in router.pack.skills:
                hint = did_you_mean(skill, router.pack.skills)
                raise RouterError(f"{trigger.query!r}: no skill {skill!r} in this pack; {hint}")
    batch = router.outcomes([trigger.query for trigger in triggers])
    return [batch.outcomes[index] for index in batch.indices]


def count_triggers(triggers: Sequence[Trigger], outcomes: Sequence[Outcome]) -> list[TriggerCount]:
    """Count by skill, first what should trigger it, then what should not; the last is of all."""
    groups: defaultdict[tuple[str, bool], list[bool]] = defaultdict(list)
    for trigger, outcome in zip(triggers, outcomes, strict=True):
        groups[trigger.skill, not trigger.should_trigger].append(trigger.is_right(outcome.skills))
    counts = [
        _count(skill or "(none)", not should_not, groups[skill, should_not])
        for skill, should_not in sorted(groups)
    ]
    return [*counts, _count("all", True, [right for group in groups.values() for right in group])]


def _count(skill: str, should_trigger: bool, right: Sequence[bool]) -> TriggerCount:
    return TriggerCount(skill, should_trigger, sum(right), Figure.of_share(sum(right), len(right)))
