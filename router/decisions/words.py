"""Outcomes, targets and long texts in a few words, for terminals, tables and the report."""

from collections.abc import Sequence
from typing import Protocol

_JOINERS = "\u200c\u200d"
"""Characters without a width that join letters or emoji."""


class HasOutcome(Protocol):
    """A decision, or a label, of one query: a `Row`, a `Query`, an `Outcome` or a `Gold`."""

    @property
    def action(self) -> str: ...  # noqa: D102

    @property
    def skills(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def packs(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def question(self) -> str | None: ...  # noqa: D102


def outcome_in_words(outcome: HasOutcome, any_of: Sequence[str] = ()) -> str:
    """Say what was decided, or what a label asks for; confidence is left out.

    :param any_of: Skills of which a label accepts any, if it requires none.
    """
    if outcome.action == "clarify":
        return f"ask {outcome.question}" if outcome.question else "ask a question"
    packs = " and ".join(outcome.packs)
    if outcome.action == "redirect":
        return f"redirect to {packs}"
    if outcome.action == "none":
        return "none of these"
    skills = ", then ".join(outcome.skills) or f"any of {', '.join(any_of)}"
    return f"{skills}, see {packs}" if packs else skills


def target_in_words(target: str) -> str:
    """Name the target of a decision: "skill:ID" and "neighbour:ID" by their id alone."""
    kind, _, name = target.partition(":")
    if kind == "category":
        return f"any of {name}"
    return name or {"ask": "a question", "none": "none of these"}.get(kind, kind)


def on_one_line(text: str, limit: int) -> str:
    """Put a text on one line of at most `limit` characters, with an ellipsis where it is cut."""
    beginning = text[: 4 * limit]
    kept = (char if char.isprintable() or char in _JOINERS else " " for char in beginning)
    line = " ".join("".join(kept).split())
    if len(line) <= limit and len(beginning) == len(text):
        return line
    return f"{line[: limit - 1]}…"


def count_of(n: int, noun: str) -> str:
    """Write a count with its noun: "1 query", "2 queries"."""
    if n != 1:
        ends_in_ies = noun.endswith("y") and noun[-2] not in "aeiou"
        noun = f"{noun[:-1]}ies" if ends_in_ies else f"{noun}s"
    return f"{n:,} {noun}"
