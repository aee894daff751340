"""What an evaluation of conversations tells of turns: results by position, and their needs."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from msgspec import Struct

from router.conversations.history import read_history
from router.conversations.reader import ACKNOWLEDGED
from router.decisions.outcome import OutcomeBatch
from router.evaluation.rows import DecidedLine
from router.logs.turns import WhichTurns
from router.router import Router

TURNS_FILE = "turns.json"
_LATER = 5
"""Turns from this position on are counted together."""

_NEEDED = 0.5
"""A turn needed what came before if the reading in context counts for at least this much."""


SaidTurn: TypeAlias = tuple[str, Sequence[str]]
"""A turn, and what the user said before it."""

DecidedBatch: TypeAlias = tuple[OutcomeBatch, list[float]]
"""The decisions of a batch of turns, and how much each needed what came before, in [0, 1]."""


def decide_said_turns(router: Router, turns: Sequence[SaidTurn]) -> DecidedBatch:
    """Decide a batch of turns, each with what was said before it."""
    histories = [read_history(earlier) for _, earlier in turns]
    decided = router.decided_turns([text for text, _ in turns], histories)
    return router.outcomes_of_turns(decided), decided.turns.weights.tolist()


class TurnNote(Struct, frozen=True, array_like=True):
    """The position of a turn in its conversation, from 1, and how much it needed history."""

    position: int
    weight: float


class TurnsAt(Struct):
    """Counts of the turns at one position of their conversations, the last for all later ones.

    :param position: From 1.
    :param turns: The turns.
    :param needed: Those that needed what came before.
    :param acknowledged: Those that only thank, agree or say goodbye.
    :param asked: Those that were answered with a question.
    :param labelled: Those with a label.
    :param accepted: Those of them that were decided acceptably.
    """

    position: int
    turns: int = 0
    needed: int = 0
    acknowledged: int = 0
    asked: int = 0
    labelled: int = 0
    accepted: int = 0

    @property
    def accepted_share(self) -> float | None:
        """The share of the labelled turns that were decided acceptably; None without labels."""
        return self.accepted / self.labelled if self.labelled else None


class TurnFigures(Struct):
    """The contents of `turns.json`.

    :param which: Which turns of each conversation were decided.
    :param positions: Counts by position, the first turns first.
    """

    which: WhichTurns
    positions: list[TurnsAt] = []

    @property
    def turns(self) -> int:
        """The number of turns."""
        return sum(at.turns for at in self.positions)

    @property
    def needed_share(self) -> float:
        """The share of the turns that needed what came before, in [0, 1]."""
        return sum(at.needed for at in self.positions) / max(self.turns, 1)

    def add(self, lines: Iterable[DecidedLine], notes: Iterable[TurnNote]) -> None:
        """Count decided turns."""
        for line, note in zip(lines, notes, strict=True):
            at = self._at(min(note.position, _LATER))
            at.turns += 1
            at.needed += note.weight >= _NEEDED
            at.acknowledged += line.reason == ACKNOWLEDGED
            at.asked += line.asks
            at.labelled += line.gold is not None
            at.accepted += line.accepted is True

    def _at(self, position: int) -> TurnsAt:
        while len(self.positions) < position:
            self.positions.append(TurnsAt(len(self.positions) + 1))
        return self.positions[position - 1]
