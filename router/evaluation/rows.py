"""A decided line of a log: the one shape in which it is counted, written, read and shown."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from router.decisions.outcome import Action, Outcome, OutcomeBatch
from router.logs.labels import Gold, accepts
from router.logs.reader import LogLine
from router.packs.pack import Pack
from router.packs.precedence import Precedence

SHOWN_CHARACTERS = 300
"""Characters of a text that a list of queries in `metrics.json` holds."""

MAX_LISTED = 100
"""Queries in each list of `metrics.json`."""

NUMBERS = tuple(
    field.name for field in fields(OutcomeBatch) if field.name not in ("outcomes", "indices")
)
"""The numbers of a decision, which differ from text to text."""

UNIT = 10_000
"""Numbers are rounded to 1/UNIT, so that they can be counted as whole numbers of this unit."""


class DecidedLine(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A line of a log with its decision: a row of `decisions.jsonl` or `decisions.parquet`.

    :param id: The id of the line, or its number.
    :param line: The number of the line, from 1, over all files of the log.
    :param text: The query.
    :param time: When it was asked, if the log says so.
    :param action: "route", "clarify", "redirect" or "none".
    :param skills: Ids of the skills, in execution order.
    :param packs: Ids of the neighbours that are named.
    :param question: Id of the question that is asked, or None.
    :param offered: Ids of the skills and neighbours that the options of the question lead to.
    :param confidence: See `Route.confidence`, in [0, 1].
    :param margin: See `Route.margin`, in [0, 1].
    :param reason: Why, in one sentence.
    :param truncated: Whether the text was too long, so that its middle was left out.
    :param gold: The label; None if the line has none.
    :param accepted: Whether the decision is acceptable by the label; None if the line has none.
    """

    id: str
    line: int
    text: str
    time: datetime | None = None
    action: Action
    skills: tuple[str, ...]
    packs: tuple[str, ...]
    question: str | None
    offered: tuple[str, ...] = ()
    confidence: float
    margin: float
    reason: str
    truncated: bool = False
    gold: Gold | None = None
    accepted: bool | None = None

    @property
    def decision(self) -> tuple[object, ...]:
        """What a user of the router acts on; two lines with equal values are decided alike."""
        return self.action, self.skills, self.packs, self.question

    @property
    def asks(self) -> bool:
        """Whether the decision is a question to the user."""
        return self.action == "clarify"

    @property
    def silently_wrong(self) -> bool:
        """Whether the decision is not acceptable and nobody was asked: the costly error."""
        return self.accepted is False and not self.asks

    @property
    def judgement(self) -> str:
        """The action if there is no label, else "right", "asked" or "wrong"."""
        if self.accepted is None:
            return self.action
        if self.accepted:
            return "right"
        return "asked" if self.asks else "wrong"

    @property
    def given(self) -> str:
        """The target that was decided for: "skill:ID", "neighbour:ID", "ask" or "none".

        If several skills were routed to, it is the skill that explains a mistake: the first that
        the label does not allow.
        """
        if self._misrouted_gold is not None:
            allowed = self._misrouted_gold.allowed_skills
            extra = [skill for skill in self.skills if skill not in allowed]
            return f"skill:{(*extra, *self.skills)[0]}"
        return target_of(self.action, self.skills, self.packs)

    @property
    def wanted(self) -> str | None:
        """The target that the label asks for; an acceptable decision is what it asks for."""
        if self.gold is None:
            return None
        if self.accepted:
            return self.given
        if self._misrouted_gold is not None:
            missing = [skill for skill in self.gold.skills if skill not in self.skills]
            return f"skill:{(*missing, *self.gold.allowed_skills)[0]}"
        return target_of(self.gold.action, self.gold.skills, self.gold.packs)

    @property
    def _misrouted_gold(self) -> Gold | None:
        """The label, if both it and the decision are routes to skills."""
        gold = self.gold
        if gold is None or not (gold.action == self.action == "route"):
            return None
        return gold if gold.allowed_skills and self.skills else None


class Query(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line in a list of `metrics.json`: the start of its text and the decision."""

    line: int
    text: str
    action: Action
    skills: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    question: str | None = None
    confidence: float
    gold: Gold | None = None
    count: int = 1

    @classmethod
    def of(cls, line: DecidedLine, count: int = 1) -> "Query":
        """Show a decided line; `count` is how often its text came."""
        query = msgspec.convert(line, cls, from_attributes=True)
        return msgspec.structs.replace(query, text=line.text[:SHOWN_CHARACTERS], count=count)


def by_confidence(lines: Iterable[DecidedLine], sign: int) -> list[DecidedLine]:
    """List the first lines by `sign` times their confidence, each text once."""
    first: dict[str, DecidedLine] = {}
    for line in sorted(lines, key=lambda line: (sign * line.confidence, line.line)):
        first.setdefault(line.text[:SHOWN_CHARACTERS], line)
        if len(first) == MAX_LISTED:
            break
    return list(first.values())


def target_of(action: str, skills: tuple[str, ...], packs: tuple[str, ...]) -> str:
    """Name the single target that stands for a decision."""
    if action == "route" and skills:
        return f"skill:{skills[0]}"
    if action == "redirect" and packs:
        return f"neighbour:{packs[0]}"
    return "ask" if action == "clarify" else "none"


def categories_of(skills: Iterable[str], pack: Pack) -> set[str]:
    """Give the categories of some skills."""
    return {pack.skills[skill].category for skill in skills}


def confusion_cell(line: DecidedLine, pack: Pack) -> tuple[str, str]:
    """Name the cell of the confusion matrix that counts a line: the targets wanted and given."""
    gold = line.gold
    if gold is not None and not line.accepted and gold.action == "route" and not gold.skills:
        return f"category:{min(categories_of(gold.ok_skills, pack))}", line.given
    return line.wanted or line.given, line.given


def decided_lines(
    lines: Sequence[LogLine], batch: OutcomeBatch, precedence: Precedence
) -> list[DecidedLine]:
    """Join lines with their decisions, and judge the decisions by the labels.

    Equal pairs of decision and label are judged once.
    """

    @cache
    def shared_fields(index: int, gold: Gold | None) -> dict[str, Any]:
        outcome = batch.outcomes[index]
        accepted = None if gold is None else accepts(gold, outcome, precedence)
        return msgspec.structs.asdict(outcome) | {"gold": gold, "accepted": accepted}

    numbers = [np.rint(getattr(batch, name).astype(np.float64) * UNIT) / UNIT for name in NUMBERS]
    rows = zip(lines, batch.indices.tolist(), *(column.tolist() for column in numbers), strict=True)
    return [
        DecidedLine(
            id=line.id,
            line=line.line,
            text=line.text,
            time=line.time,
            **shared_fields(index, line.gold),
            **dict(zip(NUMBERS, values, strict=True)),
        )
        for line, index, *values in rows
    ]


def outcome_batch(lines: Sequence[DecidedLine]) -> OutcomeBatch:
    """Give the decisions of decided lines as a batch."""
    outcomes: dict[Outcome, int] = {}
    indices = [
        outcomes.setdefault(msgspec.convert(line, Outcome, from_attributes=True), len(outcomes))
        for line in lines
    ]
    numbers = {
        name: np.array([getattr(line, name) for line in lines], dtype=np.float32)
        for name in NUMBERS
    }
    return OutcomeBatch(tuple(outcomes), np.array(indices, dtype=np.intp), **numbers)
