"""Conformance with the Agent Skills specification: the verdicts of its reference validator.

The validator reads frontmatter as strict YAML in which every value is text: no flow style, no
anchors, no tags, no key twice. Clients let more pass; `skill_file` reads as they do.
"""

from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from router.errors import PackError
from router.lint.finding import Finding
from router.packs.document import read_document
from router.skill_folders.skill_file import (
    MAX_DESCRIPTION,
    MAX_NAME,
    normal_name,
)

LONGEST_COMPATIBILITY = 500
FIELDS = ("name", "description", "license", "allowed-tools", "metadata", "compatibility")


class _Refused(Exception):
    """The frontmatter can't be read as the validator reads it. `line` counts from 1."""

    def __init__(self, line: int, message: str, cure: str) -> None:
        super().__init__(message)
        self.line, self.cure = line, cure


def conformance(path: Path) -> list[Finding]:
    """Check one skill's document against the specification."""
    try:
        text = read_document(path)
        if path.read_bytes().startswith(BOM_UTF8):
            raise _Refused(1, "the file begins with a byte order mark", "save it without one")
        fields, lines = _strict_fields(text)
    except PackError as error:
        return [_finding(path, 1, str(error).removeprefix(f"{path}: "), "mend the file")]
    except _Refused as error:
        return [_finding(path, error.line, str(error), error.cure)]
    return [
        _finding(path, lines.get(field, 1), message, cure)
        for field, message, cure in _faults(fields, path.resolve().parent.name)
    ]


def _finding(path: Path, line: int, message: str, cure: str) -> Finding:
    return Finding("error", "specification", str(path), line, message, cure)


def _strict_fields(text: str) -> tuple[Mapping[str, object], Mapping[str, int]]:
    """Read the frontmatter as strict YAML; give its values, and the line of each key."""
    if not text.startswith("---"):
        raise _Refused(1, "a skill begins with `---`", "put the frontmatter first")
    parts = text.split("---", 2)
    if len(parts) < 3:
        raise _Refused(1, "the frontmatter is not closed", "add a line `---` below it")
    try:
        _refuse_what_strict_yaml_lacks(parts[1])
        node = yaml.compose(parts[1], Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or type(error).__name__
        cure = "quote a value that contains `: `; write no `---` inside the frontmatter"
        raise _Refused(mark.line + 1 if mark else 1, f"not YAML: {problem}", cure) from error
    if not isinstance(node, yaml.MappingNode):
        raise _Refused(1, "the frontmatter is `key: value` lines", "add name and description")
    fields = _plain(node)
    lines = {str(key.value): key.start_mark.line + 1 for key, _ in node.value}
    return (fields if isinstance(fields, dict) else {}), lines


def _refuse_what_strict_yaml_lacks(source: str) -> None:
    for event in yaml.parse(source, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused(line, "anchors and aliases (& and *) are not read", "write it out")
        if getattr(event, "tag", None):
            raise _Refused(line, "tags (!) are not read", "write plain values")
        if isinstance(event, yaml.CollectionStartEvent) and event.flow_style:
            cure = "write one item or key a line, or quote the value"
            raise _Refused(line, "flow style ({} and []) is not read", cure)


def _plain(node: yaml.Node) -> object:
    """Give a node as text, lists and mappings; every plain value is text, as strict YAML has it."""
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    if not isinstance(node, yaml.MappingNode):
        return str(node.value)
    found: dict[str, object] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in found:
            raise _Refused(line, f"the key {name!r} stands twice", "keep one")
        found[name] = _plain(value)
    return found


def _faults(fields: Mapping[str, object], folder: str) -> Iterator[tuple[str, str, str]]:
    """Give (key, message, cure) of every fault."""
    for field in fields:
        if field not in FIELDS:
            cure = "put it under `metadata`, or remove it"
            yield (
                field,
                f"{field!r} is no key of the specification; it has {', '.join(FIELDS)}",
                cure,
            )
    yield from _name_faults(fields.get("name"), folder)
    description = fields.get("description")
    if not isinstance(description, str) or not description.strip():
        yield "description", "a skill has a description", "say what it does and when to use it"
    elif len(description) > MAX_DESCRIPTION:
        was = f"was: {len(description):,}"
        message = f"a description has at most {MAX_DESCRIPTION:,} characters, {was}"
        yield "description", message, "move details into the body"
    compatibility = fields.get("compatibility", "")
    if not isinstance(compatibility, str) or len(compatibility) > LONGEST_COMPATIBILITY:
        message = f"compatibility is text of at most {LONGEST_COMPATIBILITY} characters"
        yield "compatibility", message, "keep what a client must have"


def _name_faults(value: object, folder: str) -> Iterator[tuple[str, str, str]]:
    if not isinstance(value, str) or not value.strip():
        yield "name", "a skill has a name", f"add `name: {folder}`"
        return
    name = normal_name(value)
    cure = "use lower-case letters, digits and single hyphens between them"
    if len(name) > MAX_NAME:
        message = f"a name has at most {MAX_NAME} characters, was: {len(name)}"
        yield "name", message, "shorten name and folder"
    if name != name.lower():
        yield "name", f"a name is lower-case, was: {name!r}", cure
    if name.startswith("-") or name.endswith("-") or "--" in name:
        yield "name", f"hyphens stand singly between words, was: {name!r}", cure
    if not all(sign.isalnum() or sign == "-" for sign in name):
        yield "name", f"a name is letters, digits and hyphens, was: {name!r}", cure
    if name != normal_name(folder):
        yield "name", f"the name is the folder's, {folder!r}, was: {name!r}", "rename one of them"
