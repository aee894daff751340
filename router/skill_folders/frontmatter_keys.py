"""Keys of the frontmatter that state what a skill is for, or what it is not for.

The specification has only the description for this, but collections of skills use these keys.
"""

import re
from collections.abc import Iterator, Mapping

import yaml

_MAX_LINES = 200

_USE_KEYS = """
trigger triggers trigger_phrases trigger_words keywords tags aliases examples example_queries
when_to_use use_when read_when use_cases symptoms
"""
USE_KEYS = frozenset(_USE_KEYS.split())
_REFUSAL_KEYS = """
negative_triggers do_not_use do_not_use_when do_not_use_for not_for when_not_to_use avoid_when
exclusions
"""
REFUSAL_KEYS = frozenset(_REFUSAL_KEYS.split())


def lines_below(fields: Mapping[str, yaml.Node], keys: frozenset[str]) -> tuple[str, ...]:
    """Give the lines below some keys, at the top or in `metadata`, each of them once."""
    metadata = fields.get("metadata")
    inner = metadata.value if isinstance(metadata, yaml.MappingNode) else ()
    pairs = [*fields.items(), *((str(key.value), value) for key, value in inner)]
    lines = dict.fromkeys(
        line
        for key, node in pairs
        if key.casefold().replace("-", "_") in keys
        for text in _texts(node)
        for line in _parts(key, text)
    )
    return tuple(lines)[:_MAX_LINES]


def _texts(node: yaml.Node) -> Iterator[str]:
    """Give the texts of a value in their order, however nested.

    Each node is read once, since an alias may stand for a list of aliases, and so on.
    """
    waiting, visited = [node], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            yield str(node.value).strip()
        elif isinstance(node, yaml.SequenceNode):
            waiting += reversed(node.value)
        elif isinstance(node, yaml.MappingNode):
            waiting += [value for _, value in reversed(node.value)]


def _parts(key: str, text: str) -> list[str]:
    """Split a list that is written as one text; leave a sentence whole."""
    is_sentence = "when" in key.casefold() or "use" in key.casefold()
    return list(filter(None, [text] if is_sentence else re.split(r"\s*[,;\n]\s*", text)))
