"""The decisions of texts already seen: a text that comes again is not decided again."""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import nsmallest

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.decisions.outcome import Outcome
from router.evaluation.tally import UNIT
from router.router import Router

MOST_TEXTS = 1_000_000
"""Texts remembered, in some 250 MB; one that comes after them is decided whenever it comes."""


class Fresh(Struct):
    """What a chunk adds to what is remembered; the rows are texts in order of their first line."""

    digests: list[bytes]
    outcomes: list[Outcome]  # different ones, in order of their first text
    places: list[int]  # in `outcomes`
    confidences: list[int]
    margins: list[int]
    texts: list[str]  # their starts
    lines: list[int]  # where they come first
    seen: dict[int, int] = {}  # how often each remembered text comes in the chunk, by slot


@dataclass(frozen=True)
class Verdict:
    """Decisions of a chunk's lines, in order; the numbers are in units of 1/10,000."""

    outcomes: Sequence[Outcome]  # more may be added
    codes: NDArray[np.int64]  # (n_lines,): places in `outcomes`
    confidences: NDArray[np.int64]  # (n_lines,)
    margins: NDArray[np.int64]  # (n_lines,)


@dataclass
class Decided:
    """Keeps outcomes once, since few differ; of a text its hash, its numbers and a count."""

    most: int = MOST_TEXTS
    shown: int = 300  # characters of a text that are kept on disk
    n_decided: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    _codes: dict[Outcome, int] = field(default_factory=dict)
    _slots: dict[bytes, int] = field(default_factory=dict)
    _numbers: "array[int]" = field(default_factory=lambda: array("i"))  # code, confidence, margin
    _counts: "array[int]" = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self._slots)

    def decide(
        self, router: Router, texts: Sequence[str], lines: Sequence[int]
    ) -> tuple[Verdict, Fresh]:
        """Decide the texts of a chunk, of equal ones only the first, and remember them.

        :param lines: The number of each text's line in the log.
        """
        digests = [digest(text) for text in texts]
        first: dict[bytes, int] = {}
        for place, one in enumerate(digests):
            if one not in self._slots:
                first.setdefault(one, place)
        fresh = decide_texts(router, [texts[place] for place in first.values()], self.shown)
        fresh.digests = list(first)
        fresh.lines = [lines[place] for place in first.values()]
        passing = self.remember(fresh)
        numbers = [
            passing[one] if one in passing else self._of_slot(self._slots[one]) for one in digests
        ]
        counts = Counter(digests)
        fresh.seen = {self._slots[one]: n for one, n in counts.items() if one in self._slots}
        self.count(fresh)
        columns = np.array(numbers, dtype=np.int64).reshape(-1, 3).T
        return Verdict(self.outcomes, *columns), fresh

    def remember(self, fresh: Fresh) -> dict[bytes, tuple[int, int, int]]:
        """Remember texts as far as there is room; give the numbers of the others."""
        self.n_decided += len(fresh.digests)
        for outcome in fresh.outcomes:
            if outcome not in self._codes:
                self._codes[outcome] = len(self.outcomes)
                self.outcomes.append(outcome)
        codes = [self._codes[outcome] for outcome in fresh.outcomes]
        passing = {}
        rows = zip(fresh.digests, fresh.places, fresh.confidences, fresh.margins, strict=True)
        for one, place, confidence, margin in rows:
            numbers = (codes[place], confidence, margin)
            if len(self._slots) < self.most:
                self._slots[one] = len(self._slots)
                self._numbers.extend(numbers)
                self._counts.append(0)
            else:
                passing[one] = numbers
        return passing

    def count(self, fresh: Fresh) -> None:
        """Count how often texts came in a chunk."""
        for slot, n in fresh.seen.items():
            self._counts[slot] += n

    def most_repeated(self, size: int) -> list[tuple[int, int]]:
        """Give slot and count of the texts that came most often, more than once."""
        repeated = ((slot, n) for slot, n in enumerate(self._counts) if n > 1)
        return nsmallest(size, repeated, key=lambda pair: (-pair[1], pair[0]))

    def numbers(self, slot: int) -> tuple[Outcome, int, int]:
        """Give outcome, confidence and margin of a remembered text."""
        code, confidence, margin = self._of_slot(slot)
        return self.outcomes[code], confidence, margin

    def _of_slot(self, slot: int) -> tuple[int, int, int]:
        code, confidence, margin = self._numbers[3 * slot : 3 * slot + 3]
        return code, confidence, margin


def digest(text: str) -> bytes:
    """Name a text by a hash that is as good as the text itself."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def decide_texts(router: Router, texts: Sequence[str], shown: int) -> Fresh:
    """Decide texts; digests and lines are left to the caller."""
    if not texts:
        return Fresh([], [], [], [], [], [], [])
    table = router.route_arrow(texts)
    names = ("action", "skills", "packs", "question")
    columns = [table[name].to_pylist() for name in names]
    reasons = table["reason"].to_pylist()
    rows: Iterable[tuple[str, list[str], list[str], str | None, str]] = zip(
        *columns, reasons, strict=True
    )
    known: dict[Outcome, int] = {}
    places = []
    for action, skills, packs, question, reason in rows:
        outcome = Outcome(action, tuple(skills), tuple(packs), question, reason)  # type: ignore[arg-type]
        places.append(known.setdefault(outcome, len(known)))
    confidences, margins = (
        np.rint(table[name].to_numpy().astype(np.float64) * UNIT).astype(int).tolist()
        for name in ("confidence", "margin")
    )
    starts = [text[:shown] for text in texts]
    return Fresh([], list(known), places, confidences, margins, starts, [])
