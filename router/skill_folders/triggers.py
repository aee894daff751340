"""Keys of the frontmatter, beside the description, that say what a skill is asked for, or not for.

The specification knows none of them, but collections have them, and mean routing.
"""

import re
from collections.abc import Iterator, Mapping

import yaml

MOST = 200
"""Lines that are taken from one document's frontmatter."""

_ASKED_KEYS = """
trigger triggers trigger_phrases trigger_words keywords tags aliases examples example_queries
when_to_use use_when read_when use_cases symptoms
"""
_ASKED = frozenset(_ASKED_KEYS.split())
_REFUSED_KEYS = """
negative_triggers do_not_use do_not_use_when do_not_use_for not_for when_not_to_use avoid_when
exclusions
"""
_REFUSED = frozenset(_REFUSED_KEYS.split())
_LISTED = re.compile(r"\s*[,;\n]\s*")


def triggers_of(fields: Mapping[str, yaml.Node]) -> tuple[str, ...]:
    """Give the lines that say what the skill is asked for."""
    return _lines(fields, _ASKED)


def refusals_of(fields: Mapping[str, yaml.Node]) -> tuple[str, ...]:
    """Give the lines that say what the skill is not for."""
    return _lines(fields, _REFUSED)


def _lines(fields: Mapping[str, yaml.Node], keys: frozenset[str]) -> tuple[str, ...]:
    """Read those keys at the top and below `metadata`, lists or not, each line once."""
    metadata = fields.get("metadata")
    below = metadata.value if isinstance(metadata, yaml.MappingNode) else ()
    every = [*fields.items(), *((str(key.value), value) for key, value in below)]
    found = dict.fromkeys(
        line
        for key, node in every
        if key.casefold().replace("-", "_") in keys
        for text in _texts(node)
        for line in _parts(key, text)
    )
    return tuple(found)[:MOST]


def _texts(node: yaml.Node) -> Iterator[str]:
    """Give the texts in a value, however nested, in their order.

    Each node is read once: an alias may stand for a list of aliases, and so on without end.
    """
    waiting, seen = [node], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            yield str(node.value).strip()
        elif isinstance(node, yaml.SequenceNode):
            waiting += reversed(node.value)
        elif isinstance(node, yaml.MappingNode):
            waiting += [value for _, value in reversed(node.value)]


def _parts(key: str, text: str) -> list[str]:
    """Split a list that is written as one text; a sentence is left whole."""
    is_sentence = "when" in key.casefold() or "use" in key.casefold()
    return list(filter(None, [text] if is_sentence else _LISTED.split(text)))
