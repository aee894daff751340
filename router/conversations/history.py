"""What was said before, as plain data: texts, turns with their decisions, or chat messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from router.decisions.decision import Clarify, Decision, NoRoute, Redirect, Route
from router.errors import RouterError
from router.text import clip_query

MAX_TURNS = 6
"""Turns of the user that are read; those before them are left out."""

USERS = frozenset({"user", "human", "customer"})
"""The roles by which chat messages name the user."""

_OTHERS = frozenset({"assistant", "system", "tool", "developer", "function", "bot", "ai", "agent"})
_FORMS = (
    "a text, a mapping with `text` and, if it is known, what was decided (`action`, `skills`,"
    " `packs`), a pair of text and decision, or a chat message with `role` and `content`"
)


@dataclass(frozen=True)
class Turn:
    """An earlier turn of the user, and what was decided on it, where that is known.

    :param skills: Ids or labels of the skills that it was routed to.
    :param packs: Ids or labels of the neighbours that it was sent to.
    :param open_question: The question that it was answered with, if it was.
    """

    text: str
    skills: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    open_question: Clarify | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """What was decided: the skills, or else the neighbours."""
        return self.skills or self.packs


HistoryItem: TypeAlias = "str | Turn | Mapping[str, Any] | tuple[str, Decision]"
"""One turn, or one message, of what was said before."""

History: TypeAlias = Sequence[HistoryItem]
"""What was said before, the oldest first."""


def read_history(history: History, name: str = "history") -> tuple[Turn, ...]:
    """Read what was said before; messages of others than the user, and blank ones, are left out.

    :param name: Names the history in messages.
    :return: The last turns of the user, at most `MAX_TURNS`, the oldest first.
    :raises RouterError: It is no list of turns or messages; the message says which item is wrong.
    """
    if isinstance(history, str | bytes | Mapping | Turn) or not isinstance(history, Sequence):
        raise RouterError(
            f"{name} is a list of turns, the oldest first, each {_FORMS}; was: {history!r:.60}"
        )
    read = (_turn(item, f"{name}[{index}]") for index, item in enumerate(history))
    return tuple(turn for turn in read if turn is not None and turn.text)[-MAX_TURNS:]


def read_histories(histories: Sequence[History], n_texts: int) -> list[tuple[Turn, ...]]:
    """Read the history of each text of a batch.

    :raises RouterError: There are not as many histories as texts.
    """
    if isinstance(histories, str | bytes | Mapping) or not isinstance(histories, Sequence):
        raise RouterError(f"history is a list with a history for each text, was: {histories!r:.60}")
    if len(histories) != n_texts:
        raise RouterError(
            f"history has one list for each text, an empty one where nothing was said before; there"
            f" are {n_texts} texts and {len(histories)} histories"
        )
    return [read_history(item, f"history[{index}]") for index, item in enumerate(histories)]


def _turn(item: object, name: str) -> Turn | None:
    match item:
        case str():
            return Turn(clip_query(item, name))
        case Turn():
            return replace(item, text=clip_query(item.text, name))
        case Mapping() if "role" in item:
            return _of_message(item, name)
        case Mapping() if isinstance(item.get("text"), str):
            return _with_record(item["text"], item.get("decision", item), name)
        case (str() as text, decision):
            return _with_record(text, decision, name)
        case _:
            raise RouterError(f"{name} is {_FORMS}; was: {item!r:.60}")


def _of_message(message: Mapping[str, Any], name: str) -> Turn | None:
    """Read a chat message, or nothing where others than the user speak.

    :raises RouterError: Its role or content is of no known form.
    """
    role = str(message["role"]).casefold()
    if role in _OTHERS:
        return None
    if role not in USERS:
        known = ", ".join(sorted(USERS | _OTHERS))
        raise RouterError(f"{name} has the role {message['role']!r:.40}; known: {known}")
    return _with_record(text_of_content(message.get("content"), name), message, name)


def text_of_content(content: object, name: str) -> str:
    """Give the text of a message: the content itself, or the text parts of it, line by line.

    :raises RouterError: It is neither a text nor a list of parts.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence) and not isinstance(content, bytes):
        parts = [part if isinstance(part, str) else _text_of_part(part) for part in content]
        return "\n".join(part for part in parts if part)
    raise RouterError(
        f"the content of {name} is a text, or a list of parts such as"
        f' {{"type": "text", "text": ...}}; was: {content!r:.60}'
    )


def _text_of_part(part: object) -> str:
    text = part.get("text") if isinstance(part, Mapping) else None
    return text if isinstance(text, str) else ""


def _with_record(text: str, decision: object, name: str) -> Turn:
    """Take over what was decided on a turn, from a decision or its record.

    :raises RouterError: What was decided is neither.
    """
    text = clip_query(text, name)
    match decision:
        case Route():
            return Turn(text, decision.skills)
        case Redirect():
            return Turn(text, (), decision.packs)
        case Clarify():
            return Turn(text, open_question=decision)
        case NoRoute() | None:
            return Turn(text)
        case Mapping() if decision.get("action") == "clarify" and decision.get("options"):
            return Turn(text, open_question=Clarify.from_dict(decision))
        case Mapping():
            skills, packs = (_ids(decision.get(key), name, key) for key in ("skills", "packs"))
            return Turn(text, skills, packs)
    raise RouterError(
        f"the decision of {name} is a Decision or the record that its to_dict() gave;"
        f" was: {decision!r:.60}"
    )


def _ids(value: object, name: str, key: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Sequence) and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise RouterError(f"{key} of {name} is a list of ids, was: {value!r:.60}")
