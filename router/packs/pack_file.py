"""Read a pack's folder, name every fault in it, and write one."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from router.errors import PackError
from router.files import write_whole
from router.packs.document import (
    document_path,
    documents_to_read,
    read_document,
    write_documents,
)
from router.packs.exemplar_file import read_exemplars, write_exemplars
from router.packs.pack import (
    Category,
    Destination,
    Exemplars,
    Neighbour,
    Option,
    Pack,
    PackFile,
    Policy,
    Question,
    Skill,
)
from router.packs.precedence import Precedence
from router.packs.yaml_lines import LinesByPath, read_yaml
from router.statistics.platt import PlattScaling

FILE = "pack.yaml"
FEWEST = 3
"""Fewest exemplars of a skill, neighbour, question or option: below, nothing can be held out."""


class Fault(Struct, frozen=True):
    """One thing that is wrong with a pack. `line` is 0 where the file as a whole is meant."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


def load_pack(folder: str | Path) -> Pack:
    """Read a pack from its folder.

    :raises PackError: The folder, or anything in it, does not hold; every fault is named.
    """
    pack, faults = check_pack(folder)
    if pack is None or faults:
        raise PackError("\n".join(map(str, faults)))
    return pack


def check_pack(folder: str | Path) -> tuple[Pack | None, list[Fault]]:
    """Read a pack and list every fault. The pack is None if its file could not be read at all."""
    folder = Path(folder)
    path = folder / FILE
    if not path.is_file():
        cure = f"give the folder that holds {FILE}, or `router init` one"
        return None, [Fault(str(folder), 0, "", f"a pack is a folder with {FILE}; {cure}")]
    try:
        data, lines = read_yaml(path, _RENAMED_KEYS)
    except PackError as error:
        return None, [Fault(str(error), 0, "", "nothing else was read")]
    try:
        file = msgspec.convert(data, PackFile)
    except msgspec.ValidationError as error:
        return None, [_form_fault(path, str(error), data, lines)]
    faults = [
        Fault(str(path), lines.get(f"$.{key}", 0), key, message)
        for key, message in (*_unknown_ids(file), *_dead_ends(file), *_bad_documents(file, folder))
    ]
    exemplars, exemplar_faults = _read_all_exemplars(folder / "exemplars", file)
    documents, document_faults = _read_documents(folder, file)
    return Pack(file, exemplars, documents), [*faults, *exemplar_faults, *document_faults]


def save_pack(pack: Pack, folder: str | Path) -> None:
    """Write a pack so that loading it gives the same pack."""
    folder = Path(folder)
    write_whole(folder / FILE, msgspec.yaml.encode(pack.file))
    for path, lines in _exemplar_files(folder / "exemplars", pack.exemplars):
        write_exemplars(path, lines, "One exemplar a line.")
    write_documents(folder, pack.file.skills, pack.documents)


def schema_text() -> str:
    """Give the JSON Schema of `pack.yaml`, for editors."""
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    content = msgspec.json.encode(draft | msgspec.json.schema(PackFile), order="sorted")
    return msgspec.json.format(content, indent=2).decode()


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """End a message with the nearest known id, or with all of them."""
    known = list(known)
    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"


_FORMS: dict[str, type[Struct]] = {
    "$": PackFile,
    "categories": Category,
    "skills": Skill,
    "neighbours": Neighbour,
    "questions": Question,
    "options": Option,
    "leads_to": Destination,
    "policy": Policy,
    "confidence": PlattScaling,
}
"""What stands below each key, by the last key of the path."""


_RENAMED_KEYS = {
    "neighbours": {"beside": "mention_beside", "words": "mention_when"},
    "leads_to": {"one_of": "any_of", "if_said": "if_mentioned", "packs": "neighbours"},
    "policy": {
        "ask_from": "ask_threshold",
        "sure_from": "confidence_threshold",
        "also_from": "extra_skill_threshold",
        "name_from": "mention_threshold",
        "least_similarity": "similarity_threshold",
        "most_skills": "max_skills",
    },
}
"""Keys of version 0.1, by the key below which they stand, and their names since."""


def _form_fault(path: Path, message: str, data: object, lines: LinesByPath) -> Fault:
    """Turn msgspec's message into a fault that knows its line and says what came."""
    text, _, at = message.partition(" - at ")
    at = at.rpartition(" in ")[2].strip("`") or "$"
    if unknown := re.search(r"unknown field `(.*?)`", text):
        at_key = f"{at}.{unknown[1]}"
        form = _FORMS[re.sub(r"\[\d+\]$", "", at).rpartition(".")[2]]
        near = did_you_mean(unknown[1], form.__struct_fields__)
        text = f"the key {unknown[1]!r} is not known here; {near}"
        return Fault(str(path), lines.get(at_key, lines.get(at, 0)), at_key[2:], text)
    if not text.startswith("Object missing"):
        text += _was(data, at)
    return Fault(str(path), lines.get(at, 0), at[2:], text)


def _was(data: object, at: str) -> str:
    """Quote the value at a path in msgspec's form, or nothing where that names no single value."""
    for step in re.findall(r"[^$.\[\]]+|\.\.\.", at):
        if isinstance(data, list) and step.isdecimal():
            data = data[int(step)]
        elif isinstance(data, dict) and step in data:
            data = data[step]
        else:
            return ""
    return f", was: {str(data)[:60]!r}" if isinstance(data, str | int | float) else ""


def _unknown_ids(file: PackFile) -> Iterator[tuple[str, str]]:
    """Ids that stand twice or that nothing defines, by key."""
    skills = [skill.id for skill in file.skills]
    categories = [category.id for category in file.categories]
    neighbours = [neighbour.id for neighbour in file.neighbours]
    questions = [question.id for question in file.questions]
    for kind, ids in (
        ("categories", categories),
        ("skills", skills),
        ("neighbours", neighbours),
        ("questions", questions),
    ):
        yield from _twice(kind, ids)
    uses = [
        *((f"skills[{i}].category", s.category, categories) for i, s in enumerate(file.skills)),
        *(
            (f"neighbours[{i}].mention_beside[{j}]", skill, skills)
            for i, neighbour in enumerate(file.neighbours)
            for j, skill in enumerate(neighbour.mention_beside)
        ),
        *(use for i, q in enumerate(file.questions) for use in _uses_of(i, q, file)),
        *(
            (f"order[{i}][{j}][{k}]", skill, skills)
            for i, chain in enumerate(file.order)
            for j, step in enumerate(chain)
            for k, skill in enumerate(step)
        ),
        *((f"also_consider.{skill}", skill, skills) for skill in file.also_consider),
        *(
            (f"also_consider.{skill}[{i}]", other, skills)
            for skill, others in file.also_consider.items()
            for i, other in enumerate(others)
        ),
    ]
    for key, used, known in uses:
        if used not in known:
            yield key, f"{used!r} is not defined; {did_you_mean(used, known)}"


def _twice(kind: str, ids: list[str]) -> Iterator[tuple[str, str]]:
    for i, one in enumerate(ids):
        if one in ids[:i]:
            yield f"{kind}[{i}].id", f"{one!r} stands twice; an id is given once"


def _uses_of(
    index: int, question: Question, file: PackFile
) -> Iterator[tuple[str, str, list[str]]]:
    skills = [skill.id for skill in file.skills]
    neighbours = [neighbour.id for neighbour in file.neighbours]
    for j, option in enumerate(question.options):
        at, lead = f"questions[{index}].options[{j}].leads_to", option.leads_to
        for field in ("skills", "any_of", "if_mentioned"):
            yield from (
                (f"{at}.{field}[{k}]", s, skills) for k, s in enumerate(getattr(lead, field))
            )
        yield from (
            (f"{at}.neighbours[{k}]", one, neighbours) for k, one in enumerate(lead.neighbours)
        )
        if lead.ask is not None:
            yield f"{at}.ask", lead.ask, [other.id for other in file.questions]
    if question.if_unsure is not None:
        options = [option.id for option in question.options]
        yield f"questions[{index}].if_unsure", question.if_unsure, options


def _dead_ends(file: PackFile) -> Iterator[tuple[str, str]]:
    """Questions that lead nowhere or round in a circle, and an order that contradicts itself."""
    try:
        Precedence.of_chains(file.order)
    except ValueError as error:
        yield "order", f"an execution order has no cycle, was {error}; take one chain back"
    follows = {
        q.id: [o.leads_to.ask for o in q.options if o.leads_to.ask is not None]
        for q in file.questions
    }
    for i, question in enumerate(file.questions):
        at = f"questions[{i}]"
        if len(question.options) < 2:
            count = len(question.options)
            yield f"{at}.options", f"a question needs at least 2 options, was: {count}"
        yield from _twice(f"{at}.options", [option.id for option in question.options])
        for j, option in enumerate(question.options):
            if option.leads_to == Destination():
                key = f"{at}.options[{j}].leads_to"
                yield (
                    key,
                    "leads nowhere; give skills, neighbours, or a follow-up question in `ask`",
                )
        if _reaches(question.id, question.id, follows):
            yield f"{at}.options", f"following `ask` from {question.id!r} comes back to it"


def _reaches(start: str, goal: str, follows: Mapping[str, list[str]]) -> bool:
    seen: set[str] = set()
    todo = list(follows.get(start, ()))
    while todo:
        one = todo.pop()
        if one == goal:
            return True
        if one not in seen:
            seen.add(one)
            todo += follows.get(one, ())
    return False


def _bad_documents(file: PackFile, folder: Path) -> Iterator[tuple[str, str]]:
    for i, skill in enumerate(file.skills):
        key, document = f"skills[{i}].document", skill.document
        if Path(document).is_absolute() or ".." in Path(document).parts:
            yield key, f"a path below the pack's folder, without '..', was: {document!r}"
        elif document and document_path(folder, document) is None:
            yield key, f"no such file below {folder} or the shipped skills, was: {document!r}"


def _read_documents(folder: Path, file: PackFile) -> tuple[dict[str, str], list[Fault]]:
    found, faults = {}, []
    for skill, path in documents_to_read(folder, file.skills):
        try:
            found[skill] = read_document(path)
        except PackError as error:
            faults.append(Fault(str(error), 0, "", "nothing of this document was used"))
    return found, faults


def _exemplar_files(root: Path, exemplars: Exemplars) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Where each group of exemplars stands: the one place that knows the names of these files."""
    for kind in ("skills", "neighbours", "questions"):
        for one, lines in getattr(exemplars, kind).items():
            yield root / kind / f"{one}.txt", lines
    for question, options in exemplars.options.items():
        for option, lines in options.items():
            yield root / "options" / question / f"{option}.txt", lines
    yield root / "none.txt", exemplars.none


def _read_all_exemplars(root: Path, file: PackFile) -> tuple[Exemplars, list[Fault]]:
    wanted = Exemplars(
        skills={skill.id: () for skill in file.skills},
        neighbours={neighbour.id: () for neighbour in file.neighbours},
        questions={question.id: () for question in file.questions},
        options={q.id: {option.id: () for option in q.options} for q in file.questions},
        none=(),
    )
    paths = [path for path, _ in _exemplar_files(root, wanted)]
    found: dict[Path, tuple[str, ...]] = {}
    faults = []
    for path in paths:
        try:
            found[path] = read_exemplars(path) if path.is_file() else ()
        except PackError as error:
            faults.append(Fault(str(error), 0, "", "nothing of this file was used"))
            found[path] = ("unreadable",) * FEWEST
        optional = path.name == "none.txt" or path.is_relative_to(root / "options")
        if len(found[path]) < (0 if optional else FEWEST):
            message = f"needs at least {FEWEST} exemplars, one a line, was: {len(found[path])}"
            faults.append(Fault(str(path), 0, "", message))
    for path in sorted(set(root.rglob("*.txt")) - set(paths)):
        known = [str(one.relative_to(root)) for one in paths]
        near = did_you_mean(str(path.relative_to(root)), known)
        faults.append(Fault(str(path), 0, "", f"no id of {FILE} belongs to this file; {near}"))
    return _filled(root, wanted, found), faults + _shared_lines(found)


def _filled(root: Path, wanted: Exemplars, found: Mapping[Path, tuple[str, ...]]) -> Exemplars:
    def group(kind: str) -> dict[str, tuple[str, ...]]:
        return {one: found[root / kind / f"{one}.txt"] for one in getattr(wanted, kind)}

    options = {
        question: {one: found[root / "options" / question / f"{one}.txt"] for one in options}
        for question, options in wanted.options.items()
    }
    return Exemplars(
        skills=group("skills"),
        neighbours=group("neighbours"),
        questions=group("questions"),
        options=options,
        none=found[root / "none.txt"],
    )


def _shared_lines(found: Mapping[Path, tuple[str, ...]]) -> list[Fault]:
    """Name queries that stand in two files: they would pull both ways. Replies may be shared."""
    home: dict[str, Path] = {}
    faults = []
    for path, lines in found.items():
        if "options" in path.parts:
            continue
        for line in lines:
            first = home.setdefault(line.casefold(), path)
            if first != path:
                faults.append(Fault(str(path), 0, "", f"{line!r} stands in {first} too; keep one"))
    return faults
