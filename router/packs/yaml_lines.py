"""Read YAML that a stranger wrote: only plain data, with the line of every value."""

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import yaml

from router.errors import PackError
from router.packs.text_file import read_text_file

_MAX_BYTES = 2_000_000
_MAX_DEPTH = 24

LinesByPath: TypeAlias = dict[str, int]
"""The line (from 1) of each value by its path, in msgspec's form: `$.skills[3].title`."""

RenamedKeys: TypeAlias = Mapping[str, Mapping[str, str]]
"""Below a key, or in the items of its list: the new name of each old key."""


class YamlFault(Exception):
    """A YAML text that is not read. `line` counts from 1; `cure` may be empty."""

    def __init__(self, line: int, message: str, cure: str = "") -> None:
        super().__init__(f"{message}; {cure}" if cure else message)
        self.line, self.message, self.cure = line, message, cure


def read_yaml(path: Path, renamed: RenamedKeys) -> tuple[Any, LinesByPath]:
    """Read plain data and the line of each value.

    :param renamed: Old keys; they are read as the new ones, with a FutureWarning.
    :raises PackError: The file can't be read; the message names file and line.
    """

    def rename(section: str, key: str, line: int) -> str:
        new = renamed.get(section, {}).get(key, key)
        if new != key:
            change = f"the key {key!r} is now called {new!r}"
            cure = "rename it, since a later version will refuse the old name"
            warnings.warn(f"{path}:{line}: {change}; {cure}", FutureWarning, 1)
        return new

    try:
        return parse_yaml(read_text_file(path, "a pack file", _MAX_BYTES), rename=rename)
    except YamlFault as fault:
        raise PackError(f"{path}:{fault.line}: {fault}") from fault


def parse_yaml(
    text: str,
    *,
    is_strict: bool = False,
    rename: Callable[[str, str, int], str] = lambda section, key, line: key,
) -> tuple[Any, LinesByPath]:
    """Read plain data and the line of each value.

    Some things are refused because each has been used to exhaust or to trick a reader: aliases,
    tags, more than 24 levels, and keys that stand twice or are no strings.

    :param is_strict: Refuse flow style too, and read every value as text.
    :param rename: Gives the name of a key from the key above it, its own name and its line.
    :raises YamlFault: The text is not YAML, or one of the things above.
    """
    loader = yaml.SafeLoader if is_strict else yaml.CSafeLoader  # the fast one tolerates tabs
    try:
        _refuse_tricks(yaml.parse(text, Loader=loader), is_strict)
        node = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        if "nesting depth" in str(error):  # the parser itself refuses a thousand levels
            raise _too_deep(line) from error
        raise YamlFault(line, f"not YAML: {getattr(error, 'problem', None) or error}") from error
    reader = _Reader(is_strict, rename)
    return (None if node is None else reader.value(node, "$")), reader.lines


def quoted(text: str) -> str:
    """Write a text on one line, as JSON and YAML both read it."""
    return msgspec.json.encode(text).decode()


def _too_deep(line: int) -> YamlFault:
    return YamlFault(line, f"at most {_MAX_DEPTH} levels of nesting are read", "use fewer")


def _refuse_tricks(events: Iterable[yaml.Event], is_strict: bool) -> None:
    depth = 0
    for event in events:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise YamlFault(line, "anchors and aliases (& and *) are not read", "write it out")
        if tag := getattr(event, "tag", None):
            raise YamlFault(line, f"tags are not read, was: {tag}", "write plain values")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise _too_deep(line)
        if is_strict and getattr(event, "flow_style", False):
            cure = "write one item or key a line, or quote the value"
            raise YamlFault(line, "flow style ({} and []) is not read", cure)


@dataclass(frozen=True)
class _Reader:
    is_strict: bool
    rename: Callable[[str, str, int], str]
    lines: LinesByPath = field(default_factory=dict)

    def value(self, node: yaml.Node, path: str) -> object:
        self.lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, f"{path}[{i}]") for i, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        return str(node.value) if self.is_strict else _scalar(node)

    def mapping(self, node: yaml.MappingNode, path: str) -> dict[str, object]:
        values: dict[str, object] = {}
        section = re.sub(r"\[\d+\]$", "", path).rpartition(".")[2]
        for key_node, value_node in node.value:
            key, line = key_node.value, key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise YamlFault(line, "a key is a plain word")
            key = self.rename(section, key, line)
            if key in values:
                raise YamlFault(line, f"the key {key!r} stands twice here", "keep one")
            values[key] = self.value(value_node, f"{path}.{key}")
            self.lines[f"{path}.{key}"] = line
        return values


def _scalar(node: yaml.Node) -> object:
    try:
        return yaml.CSafeLoader("").construct_object(node)
    except yaml.YAMLError:  # "=" and "<<", which stand for something only in a mapping
        return str(node.value)
    except (ValueError, OverflowError) as error:  # a text that looks like a date or a number
        message = f"{error}, was: {node.value[:40]!r}"
        raise YamlFault(node.start_mark.line + 1, message, "quote it if it is text") from error
