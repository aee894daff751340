"""A bounded sample of a stream, in which all distinct texts are equally likely."""

from collections.abc import Iterator
from hashlib import blake2b
from heapq import heappush, heappushpop
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class DistinctSample(Generic[_Value]):
    """Keeps the texts with the lowest hashes, each with its first value and how often it came.

    A text in the sample has been in it since it first came, so its count is exact. Samples of two
    streams prefer the same texts, so that they can be compared.

    :param size: The most texts in the sample.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"size is at least 1, was: {size}")
        self.size = size
        self.n_added = 0
        self._values: dict[str, _Value] = {}
        self._counts: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []  # the highest hash first, hence its negative

    def add(self, text: str, value: _Value) -> None:
        """Add the next text of the stream."""
        self.n_added += 1
        if text in self._counts:
            self._counts[text] += 1
            return
        rank = -int.from_bytes(
            blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        )
        if len(self._heap) < self.size:
            heappush(self._heap, (rank, text))
        else:
            if rank <= self._heap[0][0]:
                return
            _, dropped = heappushpop(self._heap, (rank, text))
            del self._values[dropped], self._counts[dropped]
        self._values[text] = value
        self._counts[text] = 1

    @property
    def n_sampled(self) -> int:
        """How many texts of the stream the sample stands for, repetitions included."""
        return sum(self._counts.values())

    def items(self) -> Iterator[tuple[str, _Value, int]]:
        """Give text, value and count, in an order that depends on nothing but the texts."""
        for _, text in sorted(self._heap, reverse=True):
            yield text, self._values[text], self._counts[text]
