"""Lists of prompts with the skill that each should trigger, in the shapes in common use."""

import csv
import io
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from router.decisions.outcome import Outcome
from router.errors import LogError, PackError, RouterError
from router.evaluation.metrics import pretty_json
from router.evaluation.trigger_shapes import Trigger, triggers_in
from router.files import write_whole
from router.logs.formats import LogFile, Rejected
from router.packs.faults import did_you_mean
from router.packs.labels import id_of_label
from router.packs.pack import Pack
from router.packs.yaml_lines import YamlFault, parse_yaml
from router.router import Router
from router.skill_folders.skill_document import find_skill_document, read_skill
from router.statistics.figure import Figure

_SUFFIXES = (".json", ".jsonl", ".yaml", ".yml", ".csv")
_IS_TRIGGERS = re.compile(r"^(?:evals?|triggers?)/|/[\w.-]*(?:evals?|eval[_-]queries|triggers?)\b")
TRIGGER_FIGURES = ("first_right", "within_3", "false_triggers")


@dataclass(frozen=True)
class TriggerCount:
    """How many of the queries that should trigger a skill, or should not, came out right."""

    skill: str
    should_trigger: bool
    right: int
    figure: Figure


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
    triggers: list[Trigger] = []
    for where, data in _data_of(path):
        try:
            triggers += triggers_in(data, skill)
        except ValueError as error:
            raise LogError(f"{where}: {error}; cure: mend the entry") from error
    if not triggers:
        raise LogError(f"{path}: a list of triggers has at least 1 query, this one has none")
    return triggers


def _data_of(path: Path) -> Iterator[tuple[str, object]]:
    """Read a file as plain data, in one piece or line by line, each with its place."""
    if path.suffix.lower() in (".yaml", ".yml"):
        try:
            yield str(path), parse_yaml(path.read_text(encoding="utf-8-sig"))[0]
        except (YamlFault, ValueError) as error:
            raise LogError(f"{path}: {error}; cure: mend the entry") from error
        return
    if path.suffix.lower() == ".json":
        with suppress(ValueError):  # it may hold one object a line
            data = msgspec.json.decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
            items = [[item] for item in data] if isinstance(data, list) else [data]
            yield from ((f"{path}:{number}", item) for number, item in enumerate(items, start=1))
            return
    for record in LogFile.open(path).records():
        if isinstance(record, Rejected):
            raise LogError(f"{path}:{record.line}: {record.reason}; cure: mend the line")
        yield f"{path}:{record.line}", [record.fields]


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
    names = ("query", "should_trigger", "skill")
    entries = [{name: getattr(t, name) for name in names} for t in triggers if t.skill]
    write_whole(path, pretty_json(entries))


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


def _count(skill: str, should_trigger: bool, right: Sequence[bool]) -> TriggerCount:
    return TriggerCount(skill, should_trigger, sum(right), Figure.of_share(sum(right), len(right)))
