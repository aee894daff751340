"""The shapes in which collections of skills keep their trigger evaluations, as plain entries.

An entry is a mapping with `query`, and either `skill` and `should_trigger`, or `expected` and its
`alternates`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

Entry: TypeAlias = dict[str, Any]

_QUERY = ("query", "prompt", "utterance", "text", "input", "question", "message")
_EXPECTED = ("expected_route", "expected_skill", "expected")
_SKILL = ("skill", "skill_name", "skill_id")
_LISTS = ("evals", "queries", "cases", "tests", "test_cases", "prompts", "examples", "triggers")
_POSITIVE = ("should_trigger", "positive", "positives", "trigger", "should_activate", "use_for")
_NEGATIVE = ("should_not_trigger", "negative", "negatives", "should_not_activate", "not_for")
_NOTHING = ("", "none", "null", "no_skill", "-")


def entries_in(data: object, skill: str | None = None) -> Iterator[Entry]:
    """Give the entries of plain data, as JSON, YAML or a table holds it.

    :param skill: The skill that entries without one are about.
    :raises ValueError: Something in it is no entry; the message says what it has to be.
    """
    if isinstance(data, Mapping):
        yield from _entries_of_mapping(_plain_keys(data), skill)
    elif isinstance(data, list):
        for item in data:
            yield from _entries_of_item(item, skill)
    else:
        raise ValueError(f"a list of triggers is a list or an object, was: {str(data)[:60]!r}")


def _plain_keys(data: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key).strip().replace("-", "_").replace(" ", "_"): data[key] for key in data}


def _lower_keys(data: Mapping[str, Any]) -> dict[str, Any]:
    """Write keys like shouldTrigger as should_trigger."""
    return {
        "".join(f"_{char.lower()}" if char.isupper() else char for char in key).strip("_"): value
        for key, value in data.items()
    }


def _entries_of_mapping(data: dict[str, Any], skill: str | None) -> Iterator[Entry]:
    fields = _lower_keys(data)
    named = next((fields[key] for key in _SKILL if isinstance(fields.get(key), str)), skill)
    lists = [fields[key] for key in _LISTS if isinstance(fields.get(key), list)]
    sides = [key for key in (*_POSITIVE, *_NEGATIVE) if isinstance(fields.get(key), list)]
    if lists or sides:
        for items in lists:
            for item in items:
                yield from _entries_of_item(item, named, are_for_skill=True)
        for key in sides:
            for item in fields[key]:
                yield _on_a_side(item, named, key in _POSITIVE)
    elif any(isinstance(fields.get(key), str) for key in _QUERY):
        yield from _entries_of_item(data, skill)
    else:
        yield from _entries_by_skill(data)


def _entries_by_skill(data: dict[str, Any]) -> Iterator[Entry]:
    for name, value in data.items():
        if not isinstance(value, list | Mapping):
            raise ValueError(f"{name}: a skill has a list of queries, was: {value!r}")
        yield from entries_in(value, name.replace("_", "-"))


def _on_a_side(item: object, skill: str | None, should: bool) -> Entry:
    fields = _lower_keys(_plain_keys(item)) if isinstance(item, Mapping) else {"query": item}
    query = next((fields[key] for key in _QUERY if isinstance(fields.get(key), str)), None)
    if query is None:
        raise ValueError(f"a trigger is a query, was: {str(item)[:60]!r}")
    return {"query": query, "should_trigger": should, "skill": skill}


def _entries_of_item(
    item: object, skill: str | None, *, are_for_skill: bool = False
) -> Iterator[Entry]:
    """Give the entry in an item of a list.

    :param are_for_skill: Whether a prompt without more is one for the skill, as in evals.json.
    """
    if isinstance(item, str):
        yield {"query": item, "should_trigger": True, "skill": skill}
        return
    if not isinstance(item, Mapping):
        raise ValueError(f"an entry is a query or an object, was: {str(item)[:60]!r}")
    fields = _lower_keys(_plain_keys(item))
    query = next((fields[key] for key in _QUERY if isinstance(fields.get(key), str)), None)
    if query is None:
        yield from _entries_of_mapping(_plain_keys(item), skill)  # an object for each skill
        return
    named = next((fields[key] for key in _SKILL if isinstance(fields.get(key), str)), skill)
    should = fields.get("should_trigger", fields.get("should_activate"))
    expected = next((fields[key] for key in _EXPECTED if key in fields), skill)
    if isinstance(should, bool):
        yield {"query": query, "should_trigger": should, "skill": named}
    elif any(key in fields for key in _EXPECTED):
        names = _names(expected)
        more = fields.get("alternates", fields.get("alternate_routes", ()))
        others = (*names[1:], *_names(more))
        yield {"query": query, "expected": names[0] if names else "", "alternates": others}
    elif are_for_skill or (named != skill and named is not None):
        yield {"query": query, "should_trigger": True, "skill": named}
    else:
        raise ValueError(f"{query[:60]!r}: neither should_trigger nor an expected skill is given")


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return () if value.strip().lower() in _NOTHING else (value.strip(),)
    if isinstance(value, Sequence):
        return tuple(name for one in value for name in _names(one))
    return ()
