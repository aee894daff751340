"""A bounded sample of a stream in which every distinct text is as likely as any other."""

from collections.abc import Iterator
from hashlib import blake2b
from heapq import heappush, heappushpop
from typing import Generic, TypeVar

T = TypeVar("T")


class DistinctSample(Generic[T]):
    """Keeps the `size` texts of lowest hash, each with its first value and how often it came.

    A text in the sample has been in it since it first came, so its count is exact. Two samples of
    two streams hold the same texts where both streams do, so that they can be compared.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"size is at least 1, was: {size}")
        self.size = size
        self.n_seen = 0
        self._values: dict[str, T] = {}
        self._counts: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []  # the highest hash first, hence its negative

    def add(self, text: str, value: T) -> None:
        """Take one more of the stream."""
        self.n_seen += 1
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
        """How many lines the texts of the sample stand for."""
        return sum(self._counts.values())

    def items(self) -> Iterator[tuple[str, T, int]]:
        """Give text, value and count, in an order that depends on nothing but the texts."""
        for _, text in sorted(self._heap, reverse=True):
            yield text, self._values[text], self._counts[text]
