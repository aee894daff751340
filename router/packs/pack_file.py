"""Read a pack's folder, naming every fault in it, and write one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import NODEFAULT, Struct, structs
from msgspec.structs import replace

from router.errors import PackError
from router.files import write_whole
from router.packs.document import (
    document_path,
    documents_to_read,
    read_document,
    sections_of,
    write_documents,
)
from router.packs.exemplar_file import read_exemplars, write_exemplars
from router.packs.faults import Fault, decoding_fault, did_you_mean
from router.packs.pack import Exemplars, Pack
from router.packs.parts import PackFile
from router.packs.shared_exemplar import (
    read_shared_exemplars,
    read_twins,
    write_shared_exemplars,
)
from router.packs.yaml_lines import LinesByPath, read_yaml

PACK_FILE = "pack.yaml"
SHARED_FILE, TWINS_FILE = "several.jsonl", "twins.jsonl"
"""Below "exemplars"."""

_T = TypeVar("_T")

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
"""The keys of version 0.1 that have new names, by the key below which they stand."""


def load_pack(folder: str | Path) -> Pack:
    """Read a pack from its folder.

    :param folder: The folder that holds `pack.yaml`.
    :raises PackError: The pack has faults; the message names all of them.
    """
    pack, faults = check_pack(folder)
    if pack is None or faults:
        raise PackError("\n".join(map(str, faults)))
    return pack


def check_pack(folder: str | Path) -> tuple[Pack | None, list[Fault]]:
    """Read a pack and list every fault. The pack is None if `pack.yaml` could not be read at all.

    A key that has been renamed is read, with a FutureWarning.
    """
    folder = Path(folder)
    path = folder / PACK_FILE
    if not path.is_file():
        cure = f"give the folder that holds {PACK_FILE}, or `router init` one"
        return None, [Fault(str(folder), 0, "", f"a pack is a folder with {PACK_FILE}; {cure}")]
    try:
        data, lines = read_yaml(path, _RENAMED_KEYS)
    except PackError as error:
        return None, [Fault(str(error), 0, "", "nothing else was read")]
    try:
        file = msgspec.convert(data, PackFile)
    except msgspec.ValidationError as error:
        fault = Fault("", 0, *decoding_fault(str(error), data, PackFile))
        return None, [_located(fault, folder, lines)]
    exemplars, unread = _read_exemplars(folder, file)
    documents, unread_documents = _read_documents(folder, file)
    pack = Pack(file, exemplars, documents)
    located = [_located(fault, folder, lines) for fault in pack.faults()]
    return pack, [
        *(fault for fault in located if fault.file not in unread),
        *(_located(fault, folder, lines) for fault in _document_faults(folder, file)),
        *(_located(fault, folder, lines) for fault in _section_faults(folder, file)),
        *unread.values(),
        *_files_without_id(folder, exemplars),
        *unread_documents,
    ]


def save_pack(pack: Pack, folder: str | Path) -> None:
    """Write a pack so that loading it gives the same pack; defaults are not written.

    :param pack: The pack to write.
    :param folder: The folder to write into; it is made if needed.
    """
    folder = Path(folder)
    write_whole(folder / PACK_FILE, msgspec.yaml.encode(without_defaults(pack.file)))
    for name, lines in pack.exemplars.groups():
        write_exemplars(_exemplar_file(folder, name), lines, "One exemplar a line.")
    if pack.exemplars.several:
        write_shared_exemplars(folder / "exemplars" / SHARED_FILE, pack.exemplars.several)
    if pack.exemplars.twins:
        write_shared_exemplars(folder / "exemplars" / TWINS_FILE, pack.exemplars.twins)
    write_documents(folder, pack.file.skills, pack.documents)


def without_defaults(value: Any) -> Any:  # noqa: ANN401
    """Turn structs into mappings of the fields that differ from their defaults."""
    if isinstance(value, tuple | list):
        return [without_defaults(part) for part in value]
    if not isinstance(value, Struct):
        return value
    fields = ((field, getattr(value, field.name)) for field in structs.fields(value))
    return {
        field.name: without_defaults(part)
        for field, part in fields
        if part
        != (field.default if field.default_factory is NODEFAULT else field.default_factory())
    }


def schema_text() -> str:
    """Give the JSON Schema of `pack.yaml`, for editors."""
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    content = msgspec.json.encode(draft | msgspec.json.schema(PackFile), order="sorted")
    return msgspec.json.format(content, indent=2).decode()


def _located(fault: Fault, folder: Path, lines: LinesByPath) -> Fault:
    """Name the file and the line of a fault."""
    if fault.key.startswith("exemplars/"):
        name = fault.key.removeprefix("exemplars/")
        if name in ("several", "twins"):
            return replace(fault, file=str(folder / "exemplars" / f"{name}.jsonl"), key="")
        return replace(fault, file=str(_exemplar_file(folder, name)), key="")
    line = lines.get(f"$.{fault.key}" if fault.key else "$", 0)
    return replace(fault, file=str(folder / PACK_FILE), line=line)


def _exemplar_file(folder: Path, name: str) -> Path:
    return folder / "exemplars" / f"{name}.txt"


def _read_exemplars(folder: Path, file: PackFile) -> tuple[Exemplars, dict[str, Fault]]:
    """Read all exemplars; gives a fault for the path of each file that can't be read."""
    unread: dict[str, Fault] = {}

    def within(path: Path, read: Callable[[Path], tuple[_T, ...]]) -> tuple[_T, ...]:
        try:
            if not path.resolve().is_relative_to(folder.resolve()):
                raise PackError(f"{path}: a link that leads out of the pack; cure: copy the file")
            return read(path) if path.is_file() else ()
        except PackError as error:
            unread[str(path)] = Fault(str(error), 0, "", "nothing of this file was used")
            return ()

    exemplars = Exemplars.of(
        file,
        lambda name: within(_exemplar_file(folder, name), read_exemplars),
        within(folder / "exemplars" / SHARED_FILE, read_shared_exemplars),
        within(folder / "exemplars" / TWINS_FILE, read_twins),
    )
    return exemplars, unread


def _files_without_id(folder: Path, exemplars: Exemplars) -> Iterator[Fault]:
    names = [f"{name}.txt" for name, _ in exemplars.groups()]
    root = folder / "exemplars"
    present = {str(path.relative_to(root)) for path in root.rglob("*.txt")}
    for name in sorted(present.difference(names)):
        message = f"no id of {PACK_FILE} belongs to this file; {did_you_mean(name, names)}"
        yield Fault(str(root / name), 0, "", message)


def _document_faults(folder: Path, file: PackFile) -> Iterator[Fault]:
    for i, skill in enumerate(file.skills):
        key, document = f"skills[{i}].document", skill.document
        if Path(document).is_absolute() or ".." in Path(document).parts:
            message = f"a path below the pack's folder, without '..', was: {document!r}"
            yield Fault("", 0, key, message)
        elif document and document_path(folder, document) is None:
            message = f"no such file below {folder} or the shipped skills, was: {document!r}"
            yield Fault("", 0, key, message)


def _section_faults(folder: Path, file: PackFile) -> Iterator[Fault]:
    """Name each section that the document of the option's first skill lacks."""
    documents = {skill.id: skill.document for skill in file.skills}
    for i, question in enumerate(file.questions):
        for j, option in enumerate(question.options):
            lead = option.leads_to
            skill = next(iter(lead.all_skills), None)
            if not lead.section or skill not in documents:  # the latter is a fault of its own
                continue
            key = f"questions[{i}].options[{j}].leads_to.section"
            if not documents[skill]:
                yield Fault("", 0, key, f"{skill} has no document, so it has no sections")
            elif path := document_path(folder, documents[skill]):
                headings = sections_of(path.read_text(encoding="utf-8", errors="replace"))
                if lead.section not in headings:
                    hint = did_you_mean(lead.section, headings)
                    yield Fault("", 0, key, f"{path} has no heading {lead.section!r}; {hint}")


def _read_documents(folder: Path, file: PackFile) -> tuple[dict[str, str], list[Fault]]:
    documents, faults = {}, []
    for skill_id, path in documents_to_read(folder, file.skills):
        try:
            documents[skill_id] = read_document(path)
        except PackError as error:
            faults.append(Fault(str(error), 0, "", "nothing of this document was used"))
    return documents, faults
