"""Conformance with the Agent Skills specification, with the verdicts of its reference validator.

The validator reads frontmatter as strict YAML in which every value is text: without flow style,
anchors, tags, and keys that stand twice. `skill_document` is as lenient as the clients are.
"""

from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from pathlib import Path

from router.errors import PackError
from router.lint.finding import Finding
from router.packs.document import read_document
from router.packs.yaml_lines import LinesByPath, YamlFault, parse_yaml
from router.skill_folders.skill_document import MAX_DESCRIPTION, MAX_NAME, normal_name

_MAX_COMPATIBILITY = 500
_FIELDS = ("name", "description", "license", "allowed-tools", "metadata", "compatibility")


def conformance(path: Path) -> list[Finding]:
    """Check one skill's document against the specification."""
    try:
        text = read_document(path)
        if path.read_bytes().startswith(BOM_UTF8):
            raise YamlFault(1, "the file begins with a byte order mark", "save it without one")
        fields, lines = _strict_fields(text)
    except PackError as error:
        return [_finding(path, 1, str(error).removeprefix(f"{path}: "), "correct the file")]
    except YamlFault as fault:
        cure = "quote a value that contains `: `; write no `---` inside the frontmatter"
        return [_finding(path, fault.line, fault.message, fault.cure or cure)]
    return [
        _finding(path, lines.get(f"$.{key}", 1), message, cure)
        for key, message, cure in _faults(fields, path.resolve().parent.name)
    ]


def _finding(path: Path, line: int, message: str, cure: str) -> Finding:
    return Finding("error", "specification", str(path), line, message, cure)


def _strict_fields(text: str) -> tuple[Mapping[str, object], LinesByPath]:
    if not text.startswith("---"):
        raise YamlFault(1, "a skill begins with `---`", "put the frontmatter first")
    parts = text.split("---", 2)
    if len(parts) < 3:
        raise YamlFault(1, "the frontmatter is not closed", "add a line `---` below it")
    fields, lines = parse_yaml(parts[1], is_strict=True)
    if not isinstance(fields, dict):
        message = "the frontmatter is `key: value` lines"
        raise YamlFault(1, message, "add name and description")
    return fields, lines


def _faults(fields: Mapping[str, object], folder: str) -> Iterator[tuple[str, str, str]]:
    """Give (key, message, cure) of every fault."""
    for key in fields:
        if key not in _FIELDS:
            message = f"{key!r} is no key of the specification; it has {', '.join(_FIELDS)}"
            yield key, message, "put it under `metadata`, or remove it"
    yield from _name_faults(fields.get("name"), folder)
    description = fields.get("description")
    if not isinstance(description, str) or not description.strip():
        yield "description", "a skill has a description", "say what it does and when to use it"
    elif len(description) > MAX_DESCRIPTION:
        was = f"was: {len(description):,}"
        message = f"a description has at most {MAX_DESCRIPTION:,} characters, {was}"
        yield "description", message, "move details into the body"
    compatibility = fields.get("compatibility", "")
    if not isinstance(compatibility, str) or len(compatibility) > _MAX_COMPATIBILITY:
        message = f"compatibility is text of at most {_MAX_COMPATIBILITY} characters"
        yield "compatibility", message, "keep what a client must have"


def _name_faults(value: object, folder: str) -> Iterator[tuple[str, str, str]]:
    if not isinstance(value, str) or not value.strip():
        yield "name", "a skill has a name", f"add `name: {folder}`"
        return
    name, was = normal_name(value), f"was: {value!r}"
    if len(name) > MAX_NAME:
        message = f"a name has at most {MAX_NAME} characters, was: {len(name)}"
        yield "name", message, "shorten name and folder"
    rules = {
        "a name is lower-case": name == name.lower(),
        "hyphens stand singly between words": "" not in name.split("-"),
        "a name is letters, digits and hyphens": name.replace("-", "a").isalnum(),
    }
    for rule, holds in rules.items():
        if not holds:
            cure = "use lower-case letters, digits and single hyphens between them"
            yield "name", f"{rule}, {was}", cure
    if name != normal_name(folder):
        yield "name", f"the name is the folder's, {folder!r}, {was}", "rename one of them"
