"""What must hold of a pack, whether it was read from files or made in Python."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from msgspec import Struct

from router.packs.precedence import Precedence
from router.text import plain_text

if TYPE_CHECKING:  # these values call the checks, so nothing of them is imported here
    from router.packs.pack import Exemplars
    from router.packs.parts import Identified, PackFile

MIN_EXEMPLARS = 3
"""The fewest exemplars of a skill, neighbour or question; with fewer, none can be held out."""


class Fault(Struct, frozen=True):
    """One thing that is wrong with a pack.

    `key` is like "skills[2].category", or "exemplars/skills/ID" for a group of exemplars. `file` is
    empty if the pack was not read from files, and `line` is 0 if the file as a whole is meant.
    """

    file: str
    line: int
    key: str
    message: str

    @property
    def description(self) -> str:
        """The key and the message."""
        return f"{self.key}: {self.message}" if self.key else self.message

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.description}" if where else self.description


def faults_of(file: "PackFile", exemplars: "Exemplars") -> list[Fault]:
    """List the faults in a pack's values: its ids, questions, order and exemplars.

    The types and ranges of single fields are checked where a file is decoded.
    """
    faults = (
        *_repeated_ids(file),
        *_undefined_ids(file),
        *_question_faults(file),
        *_order_faults(file),
        *_exemplar_faults(exemplars),
        *_shared_exemplar_faults(file, exemplars),
        *_lines_elsewhere(exemplars),
    )
    return [Fault("", 0, key, message) for key, message in faults]


def decoding_fault(message: str, data: object, kind: Any) -> tuple[str, str]:  # noqa: ANN401
    """Turn msgspec's message on plain data into a key and a message that says what came.

    :param kind: The type that the data should have had.
    """
    text, _, path = message.partition(" - at ")
    path = path.rpartition(" in ")[2].strip("`") or "$"
    if unknown := re.search(r"unknown field `(.*?)`", text):
        for name in re.findall(r"[a-z_]+", path):  # from "$.skills[2]" to Skill
            hint = get_type_hints(kind)[name]
            kind = next(iter(get_args(hint)), hint)
        cure = did_you_mean(unknown[1], kind.__struct_fields__)
        return f"{path}.{unknown[1]}"[2:], f"the key {unknown[1]!r} is not known here; {cure}"
    return path[2:], text if text.startswith("Object missing") else text + _was(data, path)


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """End a message with the nearest known id, or with all of them."""
    known = list(known)
    nearest = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
    return f"did you mean {nearest[0]!r}?" if nearest else f"known: {', '.join(known) or 'none'}"


def _was(data: object, path: str) -> str:
    """Quote the value at a path, or give nothing if the path names no single value."""
    for step in re.findall(r"[^$.\[\]]+|\.\.\.", path):
        if isinstance(data, list) and step.isdecimal():
            data = data[int(step)]
        elif isinstance(data, dict) and step in data:
            data = data[step]
        else:
            return ""
    return f", was: {str(data)[:60]!r}" if isinstance(data, str | int | float) else ""


def _repeated_ids(file: "PackFile") -> Iterator[tuple[str, str]]:
    groups = {
        "categories": _ids(file.categories),
        "skills": _ids(file.skills),
        "neighbours": _ids(file.neighbours),
        "questions": _ids(file.questions),
    }
    groups |= {f"questions[{i}].options": _ids(q.options) for i, q in enumerate(file.questions)}
    for group, ids in groups.items():
        earlier: set[str] = set()
        for i, repeated in enumerate(ids):
            if repeated in earlier:
                yield f"{group}[{i}].id", f"{repeated!r} stands twice; an id is given once"
            earlier.add(repeated)


def _undefined_ids(file: "PackFile") -> Iterator[tuple[str, str]]:
    for key, used, defined in (*_references(file), *_references_of_questions(file)):
        if used not in defined:
            yield key, f"{used!r} is not defined; {did_you_mean(used, defined)}"


def _references(file: "PackFile") -> Iterator[tuple[str, str, list[str]]]:
    """Give each id that is referred to: its key, the id, and the ids that are defined."""
    categories, skills = _ids(file.categories), _ids(file.skills)
    for i, skill in enumerate(file.skills):
        yield f"skills[{i}].category", skill.category, categories
    for i, neighbour in enumerate(file.neighbours):
        yield from _each(f"neighbours[{i}].mention_beside", neighbour.mention_beside, skills)
    for i, chain in enumerate(file.order):
        for j, step in enumerate(chain):
            yield from _each(f"order[{i}][{j}]", step, skills)
    for skill_id, others in file.also_consider.items():
        yield f"also_consider.{skill_id}", skill_id, skills
        yield from _each(f"also_consider.{skill_id}", others, skills)


def _references_of_questions(file: "PackFile") -> Iterator[tuple[str, str, list[str]]]:
    skills, neighbours = _ids(file.skills), _ids(file.neighbours)
    questions = _ids(file.questions)
    for i, question in enumerate(file.questions):
        for j, option in enumerate(question.options):
            key, destination = f"questions[{i}].options[{j}].leads_to", option.leads_to
            yield from _each(f"{key}.skills", destination.skills, skills)
            yield from _each(f"{key}.any_of", destination.any_of, skills)
            yield from _each(f"{key}.if_mentioned", destination.if_mentioned, skills)
            yield from _each(f"{key}.neighbours", destination.neighbours, neighbours)
            if destination.ask is not None:
                yield f"{key}.ask", destination.ask, questions
        if question.if_unsure is not None:
            yield f"questions[{i}].if_unsure", question.if_unsure, _ids(question.options)


def _ids(values: "Iterable[Identified]") -> list[str]:
    return [value.id for value in values]


def _each(
    key: str, used: Sequence[str], defined: list[str]
) -> Iterator[tuple[str, str, list[str]]]:
    yield from ((f"{key}[{i}]", value, defined) for i, value in enumerate(used))


def _question_faults(file: "PackFile") -> Iterator[tuple[str, str]]:
    follow_ups = {
        question.id: {option.leads_to.ask for option in question.options if option.leads_to.ask}
        for question in file.questions
    }
    for i, question in enumerate(file.questions):
        key = f"questions[{i}].options"
        if len(question.options) < 2:
            yield key, f"a question needs at least 2 options, was: {len(question.options)}"
        for j, option in enumerate(question.options):
            if not option.leads_to.leads_somewhere:
                cure = "give skills, neighbours, or a follow-up question in `ask`"
                yield f"{key}[{j}].leads_to", f"leads nowhere; {cure}"
            elif option.leads_to.section and not option.leads_to.all_skills:
                message = "a section is one of a skill's document; name the skill in `skills`"
                yield f"{key}[{j}].leads_to.section", message
        reached: set[str] = set()
        waiting = [question.id]
        while waiting:
            new = follow_ups.get(waiting.pop(), set()) - reached
            reached |= new
            waiting += new
        if question.id in reached:
            yield key, f"following `ask` from {question.id!r} comes back to it"


def _order_faults(file: "PackFile") -> Iterator[tuple[str, str]]:
    try:
        Precedence.of_chains(file.order)
    except ValueError as error:
        yield "order", f"an execution order has no cycle, was {error}; take one chain back"


def _exemplar_faults(exemplars: "Exemplars") -> Iterator[tuple[str, str]]:
    """Name groups with too few exemplars, and queries that two targets have.

    Replies to a question are optional, and two options may share them.
    """
    first_use = _first_uses(exemplars)
    shared = Counter(target for exemplar in exemplars.several for target in exemplar.targets)
    shared.update(twins.target for twins in exemplars.twins)
    for name, lines in exemplars.groups():
        if name.startswith("options/"):
            continue
        count = len(lines) + shared[name.partition("/")[2]]
        if count < MIN_EXEMPLARS and name != "none":
            message = f"needs at least {MIN_EXEMPLARS} exemplars, one a line, was: {count}"
            yield f"exemplars/{name}", message
        for line in lines:
            first = first_use[_normal(line)]
            if first != name:
                yield f"exemplars/{name}", f"{line!r} stands in {first} too; keep one"


def _first_uses(exemplars: "Exemplars") -> dict[str, str]:
    """Give for each query the group in which it stands first; replies are left out."""
    uses: dict[str, str] = {}
    for name, lines in exemplars.groups():
        for line in lines if not name.startswith("options/") else ():
            uses.setdefault(_normal(line), name)
    return uses


def _normal(line: str) -> str:
    return plain_text(line).casefold()


def _shared_exemplar_faults(file: "PackFile", exemplars: "Exemplars") -> Iterator[tuple[str, str]]:
    """Name exemplars of several skills whose skills are unknown or fewer than two, and twins whose
    target is unknown.
    """
    skills, key = _ids(file.skills), "exemplars/several"
    for exemplar in exemplars.several:
        text = f"{exemplar.text[:60]!r}"
        for target in exemplar.targets:
            if target not in skills:
                yield key, f"{text} has {target!r}: not a skill; {did_you_mean(target, skills)}"
        if len(set(exemplar.targets)) < 2:
            yield key, f"{text} names at least 2 different skills, was: {exemplar.targets}"
    known = [*skills, *_ids(file.neighbours)]
    for twins in exemplars.twins:
        if twins.target not in known:
            message = f"not a skill or neighbour; {did_you_mean(twins.target, known)}"
            yield "exemplars/twins", f"{twins.inside[:60]!r} has {twins.target!r}: {message}"


def _lines_elsewhere(exemplars: "Exemplars") -> Iterator[tuple[str, str]]:
    """Name exemplars of several skills and twins whose text stands elsewhere, too."""
    elsewhere = _first_uses(exemplars)
    several = [("several", line) for exemplar in exemplars.several for line in exemplar.lines]
    twins = [("twins", line) for exemplar in exemplars.twins for line in exemplar.lines]
    for file, line in several + twins:
        if name := elsewhere.get(_normal(line)):
            yield f"exemplars/{file}", f"{line[:60]!r} stands in {name} too; keep one"
