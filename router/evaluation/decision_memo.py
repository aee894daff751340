"""Remembers the decisions on texts, so that a text that comes again is not decided again."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import nsmallest
from typing import Any, Generic, TypeVar

import numpy as np

from router.arrays import Indices
from router.decisions.outcome import Outcome, OutcomeBatch
from router.evaluation.rows import NUMBERS, DecidedLine
from router.logs.reader import LogLine

_MAX_TEXTS = 1_000_000
"""Texts that are remembered, in some 250 MB; a text that comes after them is decided each time."""

_Line = TypeVar("_Line", LogLine, DecidedLine)


@dataclass(frozen=True)
class NewTexts(Generic[_Line]):
    """The texts among some lines that are not remembered yet.

    :param lines: The first line of each such text.
    :param n_kept: How many of these texts, the first ones, will be remembered.
    :param positions: For each line the slot of its text, or -1 - i for new text number i, which
        will not be remembered.
    """

    lines: list[_Line]
    n_kept: int
    positions: Indices

    @classmethod
    def all_of(cls, lines: list[_Line]) -> "NewTexts[_Line]":
        """Take every line for new, and remember none."""
        return cls(lines, 0, -1 - np.arange(len(lines)))


@dataclass
class DecisionMemo:
    """Holds each different outcome once, and for each text its digest, its numbers and a count.

    A text that is remembered has a slot: the texts are numbered in the order in which they came.
    Lines are looked up in the order of the log, and their decisions are filled in in that order.
    """

    max_texts: int = _MAX_TEXTS
    outcomes: dict[Outcome, int] = field(default_factory=dict)  # each with its index
    _slots: dict[bytes, int] = field(default_factory=dict)
    _columns: "dict[str, array[Any]]" = field(
        default_factory=lambda: {"indices": array("i")} | {name: array("f") for name in NUMBERS}
    )
    _counts: "array[int]" = field(default_factory=lambda: array("q"))
    _first_lines: "array[int]" = field(default_factory=lambda: array("q"))

    def look_up(self, lines: Sequence[_Line]) -> NewTexts[_Line]:
        """Find the texts that must be decided, and give them slots as long as there are any."""
        new: list[_Line] = []
        overflow: dict[bytes, int] = {}
        positions = []
        for line in lines:
            digest = blake2b(line.text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            position = self._slots.get(digest, overflow.get(digest))
            if position is None:
                if len(self._slots) < self.max_texts:
                    position = self._slots[digest] = len(self._slots)
                    self._counts.append(0)
                    self._first_lines.append(line.line)
                else:
                    position = overflow[digest] = -1 - len(new)
                new.append(line)
            if position >= 0:
                self._counts[position] += 1
            positions.append(position)
        return NewTexts(new, len(new) - len(overflow), np.array(positions, dtype=np.intp))

    def fill(self, new: NewTexts[_Line], batch: OutcomeBatch) -> OutcomeBatch:
        """Remember the decisions on new texts, and give the decisions on all the lines."""
        index_of = [self.outcomes.setdefault(key, len(self.outcomes)) for key in batch.outcomes]
        columns = {"indices": np.array(index_of, dtype=np.intc)[batch.indices]}
        columns |= {name: getattr(batch, name) for name in NUMBERS}
        first = len(self._columns["indices"])
        slots = np.where(new.positions < 0, first - 1 - new.positions, new.positions)
        chosen = {}
        for name, values in self._columns.items():
            values.frombytes(columns[name].tobytes())
            chosen[name] = np.asarray(values)[slots]
            del values[first + new.n_kept :]
        chosen["indices"] = chosen["indices"].astype(np.intp)
        return OutcomeBatch(tuple(self.outcomes), **chosen)

    def most_repeated(self, size: int) -> dict[int, int]:
        """Give the first line and the count of the texts that came most often, but not once."""
        repeated = ((slot, count) for slot, count in enumerate(self._counts) if count > 1)
        most = nsmallest(size, repeated, key=lambda pair: (-pair[1], pair[0]))
        return {self._first_lines[slot]: count for slot, count in most}
