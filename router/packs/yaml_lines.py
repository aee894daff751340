"""Read a YAML file that a stranger wrote: only plain data, with the line of every value."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from router.errors import PackError
from router.packs.text_file import read_text_file

_MAX_BYTES = 2_000_000
_MAX_DEPTH = 24
_TOO_DEEP = f"at most {_MAX_DEPTH} levels of nesting are read"

LinesByPath: TypeAlias = dict[str, int]
"""The line (from 1) of each value by its path, in msgspec's form: `$.skills[3].title`."""

RenamedKeys: TypeAlias = Mapping[str, Mapping[str, str]]
"""Below a key, or in the items of its list: the new name of each old key."""


def read_yaml(path: Path, renamed: RenamedKeys | None = None) -> tuple[Any, LinesByPath]:
    """Read plain data and the line of each value.

    Some things are refused because each has been used to exhaust or to trick a reader: files over
    2 MB, aliases, tags, more than 24 levels, and keys that stand twice or are no strings.

    :param renamed: Old keys; they are read as the new ones, with a FutureWarning.
    :raises PackError: The message names file and line.
    """
    text = read_text_file(path, "a pack file", _MAX_BYTES)
    try:
        _refuse_tricks(path, text)
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        # The parser itself refuses a thousand levels, before it gives any event.
        is_deep = "nesting depth" in str(error)
        reason = _TOO_DEEP if is_deep else f"not YAML: {getattr(error, 'problem', error)}"
        raise PackError(f"{where}: {reason}") from error
    lines: LinesByPath = {}
    return (None if node is None else _plain(path, node, "$", lines, renamed or {})), lines


def _refuse_tricks(path: Path, text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        where = f"{path}:{event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise PackError(f"{where}: anchors and aliases (& and *) are not read; write it out")
        if getattr(event, "tag", None):
            raise PackError(f"{where}: tags are not read, was: {event.tag}; write plain values")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise PackError(f"{where}: {_TOO_DEEP}")


def _plain(
    path: Path, node: yaml.Node, at: str, lines: LinesByPath, renamed: RenamedKeys
) -> object:
    lines[at] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        items = enumerate(node.value)
        return [_plain(path, item, f"{at}[{i}]", lines, renamed) for i, item in items]
    if not isinstance(node, yaml.MappingNode):
        return _scalar(path, node)
    values: dict[str, object] = {}
    new_names = renamed.get(re.sub(r"\[\d+\]$", "", at).rpartition(".")[2], {})
    for key_node, value_node in node.value:
        key, where = key_node.value, f"{path}:{key_node.start_mark.line + 1}"
        if not isinstance(key, str):
            raise PackError(f"{where}: a key is a plain word")
        if key in new_names:
            old, key = key, new_names[key]
            message = f"{where}: the key {old!r} is now called {key!r}; rename it, since a later"
            warnings.warn(f"{message} version will refuse the old name", FutureWarning, 1)
        if key in values:
            raise PackError(f"{where}: the key {key!r} stands twice here; keep one")
        values[key] = _plain(path, value_node, f"{at}.{key}", lines, renamed)
        lines[f"{at}.{key}"] = key_node.start_mark.line + 1
    return values


def _scalar(path: Path, node: yaml.Node) -> object:
    try:
        return yaml.CSafeLoader("").construct_object(node)
    except ValueError as error:  # a text that looks like a date or a number
        where, value = f"{path}:{node.start_mark.line + 1}", node.value[:40]
        raise PackError(f"{where}: {error}, was: {value!r}; quote it if it is text") from error
