"""Lists of prompts with the skill that each should trigger, in the shapes in common use."""

import csv
import io
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from router.decisions.outcome import Outcome
from router.errors import LogError, PackError, RouterError
from router.evaluation.trigger_shapes import entries_in
from router.files import write_whole
from router.logs.formats import LogFile, Rejected
from router.packs.faults import did_you_mean
from router.packs.labels import id_of_label
from router.packs.pack import Pack
from router.packs.yaml_lines import YamlFault, parse_yaml
from router.router import Router
from router.skill_folders.skill_document import find_skill_document, read_skill
from router.statistics.figure import Figure

_QUERY_COLUMNS = ("utterance", "query", "prompt", "text")
_EXPECTED_COLUMNS = ("expected_route", "expected_skill", "expected")
_SUFFIXES = (".json", ".jsonl", ".yaml", ".yml", ".csv")
_IS_TRIGGERS = re.compile(r"^(?:evals?|triggers?)/|/[\w.-]*(?:evals?|eval[_-]queries|triggers?)\b")
TRIGGER_FIGURES = ("first_right", "within_3", "false_triggers")


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
    """Read a file of triggers, or all such files below a folder of skills.

    Read are JSON and YAML in the shapes of `trigger_shapes` (lists of entries, lists of what should
    trigger and what should not, evals.json, any of these by skill), JSON lines, and tables with
    a query and `expected_route`, `expected_skill`, `expected` or `should_trigger`.

    :param path: A file; or a folder, where a file below a skill is about that skill.
    :param skill: The skill that entries without a `skill` are about.
    :raises LogError: A file has none of these forms; the message names the entry and what it needs.
    """
    if not path.is_dir():
        return _read_file(path, skill)
    triggers = []
    for file in _files_below(path):
        try:
            triggers += _read_file(file, skill or _skill_above(file, path))
        except LogError as error:
            warnings.warn(f"left out: {error}", stacklevel=2)
    if not triggers:
        names = "evals.json, eval_queries.json or triggers.yaml"
        raise LogError(f"{path}: no file of triggers is below it, such as {names}; name the file")
    return triggers


def _files_below(folder: Path) -> list[Path]:
    """Find what is called evals or triggers, or lies in a folder of that name."""
    files = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _SUFFIXES)
    return [path for path in files if _IS_TRIGGERS.search(f"{path.parent.name}/{path.stem}")]


def _skill_above(file: Path, root: Path) -> str | None:
    for folder in file.parents:
        document = find_skill_document(folder)
        if document is not None:
            with suppress(PackError):
                return read_skill(document).name
        if folder == root:
            break
    return None


def _read_file(path: Path, skill: str | None) -> list[Trigger]:
    triggers = []
    try:
        triggers = [_of_entry(entry) for entry in entries_in(_data_of(path), skill)]
    except (ValueError, YamlFault) as error:
        if path.suffix.lower() in (".yaml", ".yml"):
            raise LogError(f"{path}: {error}; cure: mend the entry") from error
    if triggers:
        return triggers
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


def _data_of(path: Path) -> object:
    """Read JSON or YAML as plain data; another file as nothing, since it is read line by line."""
    if path.suffix.lower() == ".json":
        return msgspec.json.decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    if path.suffix.lower() in (".yaml", ".yml"):
        return parse_yaml(path.read_text(encoding="utf-8-sig"))[0]
    return []


def _of_entry(entry: Mapping[str, Any]) -> Trigger:
    if "expected" in entry:
        alternates = tuple(entry["alternates"])
        return Trigger(entry["query"], entry["expected"], expected=True, alternates=alternates)
    if entry["skill"] is None:
        raise ValueError(f"{entry['query'][:60]!r}: no skill is named; give --skill")
    return Trigger(entry["query"], entry["skill"], entry["should_trigger"])


def _trigger(fields: Mapping[str, Any], skill: str | None) -> Trigger:
    query = next((fields[name] for name in _QUERY_COLUMNS if name in fields), None)
    wanted = next((fields[name] for name in _EXPECTED_COLUMNS if name in fields), None)
    if "should_trigger" in fields:
        entry = msgspec.convert({**fields, "query": query}, _Entry, strict=False)
        if entry.skill is None and skill is None:
            raise ValueError('no skill is named; give --skill, or add "skill" to the entry')
        return Trigger(entry.query, entry.skill or skill or "", entry.should_trigger)
    if query is None or wanted is None:
        raise ValueError(
            "an entry has query and should_trigger, or the columns utterance (or query, text),"
            f" expected_route and, if wanted, alternate_routes, was: {', '.join(fields)}"
        )
    alternates = _names_in(fields.get("alternate_routes", ""))
    name = "" if wanted.strip().lower() in ("none", "null") else wanted.strip()
    return Trigger(query, name, expected=True, alternates=alternates)


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


def with_ids(triggers: Iterable[Trigger], pack: Pack) -> list[Trigger]:
    """Name skills by their ids in the pack, where the file has their names."""

    def made(name: str) -> str:
        return name if name in pack.skills or not name else id_of_label(name)

    return [
        msgspec.structs.replace(
            trigger, skill=made(trigger.skill), alternates=tuple(map(made, trigger.alternates))
        )
        for trigger in triggers
    ]


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


def figures_of_triggers(
    router: Router, triggers: Sequence[Trigger], outcomes: Sequence[Outcome]
) -> dict[str, Figure]:
    """Compute how often the skill ranks first and within three, and how often a wrong one triggers.

    `first_right` and `within_3` are shares of the queries that should trigger a skill.
    `false_triggers` is the share of the others that are routed to the skill, or to any if none is
    wanted.
    """
    positive = [t for t in triggers if t.skill and t.should_trigger]
    places = []
    for trigger, ranking in zip(
        positive, router.rank_many([t.query for t in positive], 3), strict=True
    ):
        right = (trigger.skill, *trigger.alternates)
        ids = [ranked.id for ranked in ranking]
        places.append(min((ids.index(name) + 1 for name in right if name in ids), default=0))
    false = [
        not trigger.is_right(outcome.skills)
        for trigger, outcome in zip(triggers, outcomes, strict=True)
        if not (trigger.skill and trigger.should_trigger)
    ]
    return {
        "first_right": Figure.of_share(places.count(1), len(places)),
        "within_3": Figure.of_share(len(places) - places.count(0), len(places)),
        "false_triggers": Figure.of_share(sum(false), len(false)),
    }


def read_bounds(conditions: Iterable[str]) -> dict[str, float]:
    """Read conditions such as "0.9", for the share that is right, or "within_3=0.95".

    :raises RouterError: A condition has another form.
    """
    bounds = {}
    for condition in conditions:
        name, equals, value = condition.rpartition("=")
        name = name if equals else "right"
        try:
            bound = float(value)
        except ValueError:
            bound = -1.0
        if name not in ("right", *TRIGGER_FIGURES) or not 0.0 <= bound <= 1.0:
            known = ", ".join(TRIGGER_FIGURES)
            raise RouterError(
                f"a condition is a share in [0, 1], or FIGURE=SHARE with {known},"
                f" was: {condition!r}"
            )
        bounds[name] = bound
    return bounds


def failed_bounds(bounds: Mapping[str, float], figures: Mapping[str, Figure]) -> list[str]:
    """Say of each figure that is worse than its bound what it is; one of no query fails too."""
    sentences = []
    for name, bound in bounds.items():
        value, less = figures[name].value, name == "false_triggers"
        must = f"{name} must be at {'most' if less else 'least'} {bound:g}"
        if value is None:
            sentences.append(f"{must}, and no query counts for it")
        elif value > bound if less else value < bound:
            sentences.append(f"{must}, was: {value:.4g} (n = {figures[name].n:,})")
    return sentences


def _count(skill: str, should_trigger: bool, right: Sequence[bool]) -> TriggerCount:
    return TriggerCount(skill, should_trigger, sum(right), Figure.of_share(sum(right), len(right)))
