"""Turns of conversations in a log: each with what the user said before it.

A conversation is a line with all its messages, or all lines that name it, by time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from router.conversations.history import MAX_TURNS, USERS
from router.text import clip_query

if TYPE_CHECKING:
    from router.logs.reader import LogChunk, LogLine

WhichTurns: TypeAlias = Literal["last", "all"]
"""Whether the last turn of each conversation is decided, or every turn."""

CONVERSATION_NAMES = (
    *("conversation_id", "conversation", "session_id", "session", "thread_id", "thread"),
    *("chat_id", "dialogue_id", "dialog_id"),
)
"""Columns that may name the conversation of a line."""

Said: TypeAlias = Mapping[str, Mapping[int, tuple[int, tuple[str, ...]]]]
"""By conversation and number of a line: how many turns came before it, and the last of them."""


def user_texts(messages: object) -> list[str]:
    """Give what the user said in a chat, message by message; nothing if it is no chat."""
    if not isinstance(messages, list):
        return []
    texts = [user_text(message) for message in messages if is_of_user(message)]
    return [text for text in texts if text is not None]


def is_of_user(message: object) -> bool:
    """Tell whether it is a message of the user."""
    if not isinstance(message, Mapping):
        return False
    return str(message.get("role", message.get("from"))).casefold() in USERS


def user_text(message: Mapping[str, Any]) -> str | None:
    """Give the text of a message; None if it has none."""
    content = message.get("content", message.get("value"))
    if isinstance(content, list):  # parts, of which some are pictures
        parts = [part.get("text") for part in content if isinstance(part, Mapping)]
        content = "\n".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else None


def said_in(chunks: Iterable["LogChunk"]) -> Said:
    """Gather what was said before each line of the conversations that lines name, by time.

    Lines without a time stay where they are; so does the order of lines of the same time.
    """
    conversations: dict[str, list[LogLine]] = {}
    for chunk in chunks:
        for line in chunk.lines:
            if line.conversation is not None:
                kept = replace(line, text=clip_query(line.text), gold=None)
                conversations.setdefault(line.conversation, []).append(kept)
    for lines in conversations.values():
        if all(line.time is not None for line in lines):
            lines.sort(key=lambda line: (line.time, line.line))
    return {name: _before_each(lines) for name, lines in conversations.items()}


def _before_each(lines: Sequence["LogLine"]) -> dict[int, tuple[int, tuple[str, ...]]]:
    texts = [line.text for line in lines]
    return {
        line.line: (index, tuple(texts[max(0, index - MAX_TURNS) : index]))
        for index, line in enumerate(lines)
    }


def turn_chunks(
    chunks: Iterable["LogChunk"], which: WhichTurns, said: Said
) -> Iterator["LogChunk"]:
    """Give each turn that is to be decided as a line with what was said before it."""
    for chunk in chunks:
        lines = [turn for line in chunk.lines for turn in _turns_of(line, which, said)]
        yield replace(chunk, lines=lines)


def _turns_of(line: "LogLine", which: WhichTurns, said: Said) -> Iterator["LogLine"]:
    if line.conversation is not None:
        turns = said[line.conversation]
        n_before, earlier = turns[line.line]
        if which == "all" or n_before == len(turns) - 1:
            yield replace(line, earlier=earlier, position=n_before + 1)
        return
    if which == "all":
        for index, text in enumerate(line.earlier):
            turn = replace(line, id=f"{line.id}#{index + 1}", text=text, gold=None)
            yield _with_history(turn, line.earlier[:index])
    yield _with_history(line, line.earlier)


def _with_history(line: "LogLine", earlier: Sequence[str]) -> "LogLine":
    return replace(line, earlier=tuple(earlier[-MAX_TURNS:]), position=len(earlier) + 1)
