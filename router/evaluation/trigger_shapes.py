"""Queries with the skill that each should trigger, in the shapes in which they are kept."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

_QUERY = ("query", "prompt", "utterance", "text", "input", "question", "message")
_EXPECTED = ("expected_route", "expected_skill", "expected")
_ALTERNATES = ("alternates", "alternate_routes")
_SKILL = ("skill", "skill_name", "skill_id")
_LISTS = ("evals", "queries", "cases", "tests", "test_cases", "prompts", "examples", "triggers")
_POSITIVE = ("should_trigger", "positive", "positives", "trigger", "should_activate", "use_for")
_NEGATIVE = ("should_not_trigger", "negative", "negatives", "should_not_activate", "not_for")
_NOTHING = ("", "none", "null", "no_skill", "-")
_YES_AND_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Trigger(Struct, frozen=True):
    """A query, and the skill that it should trigger, or should not.

    An `expected` skill must come first; the `alternates` are right as well. If `skill` is empty,
    the query should be routed nowhere.
    """

    query: str
    skill: str
    should_trigger: bool = True
    expected: bool = False
    alternates: tuple[str, ...] = ()

    def is_right(self, skills: Sequence[str]) -> bool:
        """Whether a decision with these skills is right."""
        if not self.skill:
            return not skills
        if self.expected:
            return bool(skills) and skills[0] in (self.skill, *self.alternates)
        return (self.skill in skills) == self.should_trigger


def triggers_in(data: object, skill: str | None = None) -> Iterator[Trigger]:
    """Give the triggers in plain data, as JSON, YAML or a row of a table holds them.

    :param skill: The skill that entries without one are about.
    :raises ValueError: Something in it is no entry; the message says what it has to be.
    """
    if isinstance(data, list):
        for item in data:
            yield from _triggers_of_item(item, skill)
    elif isinstance(data, Mapping):
        yield from _triggers_of_mapping(data, skill)
    else:
        raise ValueError(f"a list of triggers is a list or an object, was: {str(data)[:60]!r}")


def _triggers_of_mapping(data: Mapping[Any, Any], skill: str | None) -> Iterator[Trigger]:
    """Give the triggers of an object: lists of them, an entry, or an object for each skill."""
    fields = _snake_case(data)
    named = _text_at(fields, _SKILL, skill)
    lists = [key for key in (*_LISTS, *_POSITIVE, *_NEGATIVE) if isinstance(fields.get(key), list)]
    for key in lists:
        for item in fields[key]:
            if key in _LISTS:
                yield from _triggers_of_item(item, named, are_for_skill=True)
            else:
                entry = item if isinstance(item, Mapping) else {"query": item}
                yield from _triggers_of_item({**entry, "should_trigger": key in _POSITIVE}, named)
    if not lists and any(key in fields for key in _QUERY):
        yield from _triggers_of_item(data, skill)
    elif not lists:
        for name, value in data.items():
            if not isinstance(value, list | Mapping):
                raise ValueError(f"{name}: a skill has a list of queries, was: {value!r}")
            yield from triggers_in(value, str(name).strip())


def _snake_case(data: Mapping[Any, Any]) -> dict[str, Any]:
    """Write keys like shouldTrigger and should-trigger as should_trigger."""
    return {
        "".join(f"_{char.lower()}" if char.isupper() else char for char in str(key).strip())
        .strip("_")
        .replace("-", "_")
        .replace(" ", "_"): value
        for key, value in data.items()
    }


def _text_at(
    fields: Mapping[str, Any], names: Sequence[str], default: str | None = None
) -> str | None:
    """Give the first text that is not blank."""
    texts = (fields[name] for name in names if isinstance(fields.get(name), str))
    return next(filter(str.strip, texts), default)


def _triggers_of_item(
    item: object, skill: str | None, *, are_for_skill: bool = False
) -> Iterator[Trigger]:
    """Give the trigger in an item of a list.

    :param are_for_skill: Whether a prompt without more is one for the skill, as in evals.json.
    """
    if isinstance(item, str):
        item, are_for_skill = {"query": item}, True
    if not isinstance(item, Mapping):
        raise ValueError(f"an entry is a query or an object, was: {str(item)[:60]!r}")
    fields = _snake_case(item)
    query, named = _text_at(fields, _QUERY), _text_at(fields, _SKILL, skill)
    should = next((fields[key] for key in _POSITIVE if key in fields), None)
    should = _YES_AND_NO.get(str(should).strip().lower())
    wanted = [name for name in _EXPECTED if name in fields]
    if should is None and not wanted and not any(key in fields for key in _QUERY):
        yield from _triggers_of_mapping(item, skill)
    elif query is not None and should is None and wanted:
        first, *others = [*_names(fields[wanted[0]]), ""]
        others += [name for key in _ALTERNATES for name in _names(fields.get(key))]
        yield Trigger(query, first, expected=True, alternates=tuple(filter(None, others)))
    elif query is None or (should is None and not are_for_skill and named in (skill, None)):
        shown = ", ".join(map(str, item))
        raise ValueError(
            "an entry has query and should_trigger, or a query (utterance, text) with"
            f" expected_route and, if wanted, alternate_routes, was: {shown}"
        )
    elif named is None:
        raise ValueError(f"{query[:60]!r}: no skill is named; give --skill, or name it in `skill`")
    else:
        yield Trigger(query, named, should is not False)


def _names(value: object) -> list[str]:
    """Give the names in a list, or in a text with commas, semicolons or bars between them."""
    if isinstance(value, str):
        plain = value.strip().strip("[]").replace(";", ",").replace("|", ",").split(",")
        names = [name.strip().strip("'\"") for name in plain]
        return [name for name in names if name.lower() not in _NOTHING]
    return [name for item in value for name in _names(item)] if isinstance(value, list) else []
