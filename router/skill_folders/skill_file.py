"""One SKILL.md, read as the clients of the Agent Skills format read it: leniently."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from router.errors import PackError
from router.packs.document import read_document
from router.skill_folders.triggers import refusals_of, triggers_of

NAMES = ("SKILL.md", "skill.md")
MOST_FRONTMATTER = 64_000
LONGEST_NAME = 64
LONGEST_DESCRIPTION = 1_024

_OPENING = re.compile(r"\s*---[ \t]*\n")
_CLOSING = re.compile(r"^---[ \t]*$", re.MULTILINE)
_PLAIN_PAIR = re.compile(r"^([A-Za-z][\w-]*):[ \t]+([^\s'\"|>\[{#&*!].*)$")


@dataclass(frozen=True)
class Remark:
    """Something that clients let pass, and where. `line` counts from 1."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class SkillFile:
    """A skill's document. `text` is all of it, `lines` are those of the frontmatter's keys, from 1.

    `triggers` and `refusals`: what other keys of it say the skill is asked for, and what not.
    """

    path: Path
    text: str
    name: str
    description: str
    body: str
    body_line: int
    lines: Mapping[str, int]
    remarks: tuple[Remark, ...] = ()
    triggers: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()


def find_skill_file(folder: Path) -> Path | None:
    """Find the document of a skill's folder; SKILL.md goes before skill.md."""
    if not folder.is_dir():
        return None
    there = {entry.name for entry in folder.iterdir() if entry.is_file()}
    return next((folder / name for name in NAMES if name in there), None)


def read_skill(path: Path) -> SkillFile:
    """Read a skill's document.

    What clients tolerate is a remark: a colon that should have been quoted, a description or a name
    that is too long, a name that is not the folder's or is missing, a key that stands twice.

    :raises PackError: What clients refuse: no frontmatter, YAML that can't be read, no description.
    """
    text = read_document(path)
    opening = _OPENING.match(text)
    closing = _CLOSING.search(text, opening.end()) if opening else None
    if opening is None or closing is None:
        raise PackError(
            f"{path}:1: a skill begins with frontmatter between two lines `---`, found"
            f" {'no second one' if opening else repr(text[:20])};"
            " cure: begin with ---, name: ..., description: ..., ---"
        )
    first_line = text.count("\n", 0, opening.end()) + 1
    source = text[opening.end() : closing.start()]
    fields, lines, remarks = _read_fields(path, source, first_line)
    description = " ".join(_text(fields, "description").split())
    if not description:
        raise PackError(
            f"{path}:{lines.get('description', 1)}: a skill has a description of what it does and"
            " when to use it, found none; cure: add `description: ...` to the frontmatter"
        )
    name = _text(fields, "name").strip()
    return SkillFile(
        path=path,
        text=text,
        name=name or path.parent.name,
        description=description,
        body=text[closing.end() :].lstrip("\n"),
        body_line=_body_line(text, closing.end()),
        lines=lines,
        remarks=(*remarks, *_tolerated(path, name, description, lines)),
        triggers=triggers_of(fields),
        refusals=refusals_of(fields),
    )


def normal_name(name: str) -> str:
    """Give a name in the form in which names are compared."""
    return unicodedata.normalize("NFKC", name.strip())


def _body_line(text: str, end: int) -> int:
    skipped = len(text[end:]) - len(text[end:].lstrip("\n"))
    return text.count("\n", 0, end + skipped) + 1


def _tolerated(path: Path, name: str, description: str, lines: Mapping[str, int]) -> list[Remark]:
    at = lines.get("name", 1)
    remarks = []
    if not name:
        remarks.append(Remark(path, 1, f"no name; {path.parent.name!r}, the folder's, is used"))
    elif normal_name(name) != normal_name(path.parent.name):
        message = (
            f"the name is the folder's, {path.parent.name!r}, was: {name!r}; loaded all the same"
        )
        remarks.append(Remark(path, at, message))
    if len(name) > LONGEST_NAME:
        message = f"a name has at most {LONGEST_NAME} characters, was: {len(name)}; shorten it"
        remarks.append(Remark(path, at, message))
    if len(description) > LONGEST_DESCRIPTION:
        most, was = f"{LONGEST_DESCRIPTION:,}", f"{len(description):,}"
        message = f"a description has at most {most} characters, was: {was}; clients may cut it"
        remarks.append(Remark(path, lines.get("description", 1), message))
    return remarks


def _text(fields: Mapping[str, yaml.Node], key: str) -> str:
    """Give a plain value; nothing if it is missing, a list or a mapping."""
    node = fields.get(key)
    is_text = isinstance(node, yaml.ScalarNode) and node.tag != "tag:yaml.org,2002:null"
    return str(node.value) if node is not None and is_text else ""


def _read_fields(
    path: Path, source: str, first_line: int
) -> tuple[dict[str, yaml.Node], dict[str, int], list[Remark]]:
    """Read the frontmatter's values; if it is no YAML, once more with its values quoted."""
    try:
        return _compose(path, source, first_line)
    except yaml.YAMLError as error:
        mended = _quoted(source)
        try:
            fields, lines, remarks = _compose(path, mended, first_line)
        except yaml.YAMLError:
            raise PackError(_not_yaml(path, first_line, error)) from error
        message = "a value that contains `: ` stands in quotes; read as if it did"
        return fields, lines, [*remarks, Remark(path, _line_of(first_line, error), message)]


def _line_of(first_line: int, error: yaml.YAMLError) -> int:
    mark = getattr(error, "problem_mark", None)
    return first_line + (mark.line if mark else 0)


def _not_yaml(path: Path, first_line: int, error: yaml.YAMLError) -> str:
    line, problem = _line_of(first_line, error), getattr(error, "problem", None) or error
    return f"{path}:{line}: the frontmatter is not YAML: {problem}; cure: quote the value"


def _quoted(source: str) -> str:
    """Put top-level plain values into quotes, each with the indented lines that continue it."""
    mended: list[str] = []
    values: list[str] = []
    for line in [*source.split("\n"), "end:"]:
        if values and line[:1].isspace():
            values.append(line.strip())
            continue
        if values:
            mended[-1] += " '" + " ".join(values).replace("'", "''") + "'"
            values = []
        pair = _PLAIN_PAIR.match(line)
        mended.append(f"{pair[1]}:" if pair else line)
        values = [pair[2].rstrip()] if pair else []
    return "\n".join(mended[:-1])


def _compose(
    path: Path, source: str, first_line: int
) -> tuple[dict[str, yaml.Node], dict[str, int], list[Remark]]:
    if len(source) > MOST_FRONTMATTER:
        raise PackError(
            f"{path}:{first_line}: frontmatter has at most {MOST_FRONTMATTER:,} characters,"
            f" was: {len(source):,}; cure: move the rest below the second `---`"
        )
    try:
        node = yaml.compose(source, Loader=yaml.CSafeLoader)
    except RecursionError as error:
        raise PackError(f"{path}:{first_line}: the frontmatter is nested too deep") from error
    if not isinstance(node, yaml.MappingNode):
        raise PackError(
            f"{path}:{first_line}: the frontmatter is `key: value` lines;"
            " cure: add name and description"
        )
    fields: dict[str, yaml.Node] = {}
    lines: dict[str, int] = {}
    remarks = []
    for key, value in node.value:
        line = first_line + key.start_mark.line
        if key.value in lines:
            remarks.append(
                Remark(path, line, f"the key {key.value!r} stands twice; the last is read")
            )
        lines[str(key.value)] = line
        fields[str(key.value)] = value
    return fields, lines, remarks
