"""Remembers the decisions on texts, so that a text that comes again is not decided again."""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import nsmallest

import numpy as np
from msgspec import Struct

from router.decisions.outcome import Outcome, OutcomeBatch
from router.evaluation.rows import NUMBERS, SHOWN_CHARACTERS
from router.logs.reader import LogLine
from router.router import Router

_MAX_TEXTS = 1_000_000
"""Texts that are remembered, in some 250 MB; a text that comes after them is decided each time."""


class NewDecisions(Struct):
    """The decisions that a chunk adds to a memo: of each new text, in order of its first line.

    `repeats` says of each remembered text, by its slot, how often it comes in the chunk.
    """

    digests: list[bytes]
    outcomes: tuple[Outcome, ...]
    indices: list[int]  # the outcome of each text
    numbers: dict[str, list[float]]
    texts: list[str]  # their first characters
    lines: list[int]  # the number of the first line of each text
    repeats: dict[int, int] = {}


@dataclass
class DecisionMemo:
    """Holds each different outcome once; of a text its digest, its numbers and a count.

    A text that is remembered has a slot: the texts are numbered in the order in which they came.
    """

    max_texts: int = _MAX_TEXTS
    outcomes: dict[Outcome, int] = field(default_factory=dict)  # each with its index
    _slots: dict[bytes, int] = field(default_factory=dict)
    _indices: "array[int]" = field(default_factory=lambda: array("i"))
    _numbers: "dict[str, array[float]]" = field(
        default_factory=lambda: {name: array("f") for name in NUMBERS}
    )
    _counts: "array[int]" = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self._slots)

    def decide(self, router: Router, lines: Sequence[LogLine]) -> tuple[OutcomeBatch, NewDecisions]:
        """Decide the texts of some lines, each new text only once, and remember them."""
        digests = [_digest(line.text) for line in lines]
        new_lines: dict[bytes, LogLine] = {}
        for digest, line in zip(digests, lines, strict=True):
            if digest not in self._slots:
                new_lines.setdefault(digest, line)
        new = _decide_new(router, new_lines)
        overflow = self._append(new)
        counts = Counter(digests)
        new.repeats = {self._slots[key]: n for key, n in counts.items() if key in self._slots}
        self._count(new)
        slots = [self._slots[key] if key in self._slots else overflow[key] for key in digests]
        batch = self.batch(slots)
        self._drop_overflow()
        return batch, new

    def remember(self, new: NewDecisions) -> None:
        """Remember what a chunk added, without deciding anything."""
        self._append(new)
        self._count(new)
        self._drop_overflow()

    def batch(self, slots: Sequence[int]) -> OutcomeBatch:
        """Give the decisions on remembered texts."""
        chosen = np.array(slots, dtype=np.intp)
        numbers = {name: np.asarray(values)[chosen] for name, values in self._numbers.items()}
        indices = np.asarray(self._indices)[chosen].astype(np.intp)
        return OutcomeBatch(tuple(self.outcomes), indices, **numbers)

    def most_repeated(self, size: int) -> list[tuple[int, int]]:
        """Give slot and count of the texts that came most often, of those that came repeatedly."""
        repeated = ((slot, count) for slot, count in enumerate(self._counts) if count > 1)
        return nsmallest(size, repeated, key=lambda pair: (-pair[1], pair[0]))

    def _append(self, new: NewDecisions) -> dict[bytes, int]:
        """Append decisions; give the slots of the texts for which there is no room to stay."""
        overflow: dict[bytes, int] = {}
        first_slot = len(self._indices)
        for slot, digest in enumerate(new.digests, start=first_slot):
            (self._slots if slot < self.max_texts else overflow)[digest] = slot
        index_of = [self.outcomes.setdefault(key, len(self.outcomes)) for key in new.outcomes]
        self._indices.extend(index_of[index] for index in new.indices)
        for name, values in self._numbers.items():
            values.extend(new.numbers[name])
        return overflow

    def _drop_overflow(self) -> None:
        del self._indices[len(self._slots) :]
        for values in self._numbers.values():
            del values[len(self._slots) :]

    def _count(self, new: NewDecisions) -> None:
        self._counts.extend([0] * (len(self._slots) - len(self._counts)))
        for slot, count in new.repeats.items():
            self._counts[slot] += count


def _digest(text: str) -> bytes:
    """Hash a text; different texts have different digests for all practical purposes."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _decide_new(router: Router, lines: dict[bytes, LogLine]) -> NewDecisions:
    batch = router.outcomes([line.text for line in lines.values()])
    return NewDecisions(
        digests=list(lines),
        outcomes=batch.outcomes,
        indices=batch.indices.tolist(),
        numbers={name: getattr(batch, name).tolist() for name in NUMBERS},
        texts=[line.text[:SHOWN_CHARACTERS] for line in lines.values()],
        lines=[line.line for line in lines.values()],
    )
