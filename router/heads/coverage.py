"""How much of a query the words of a document cover: BM25, as a share of what it could reach.

Each different word of a query weighs as much as it is rare among the documents. A word that no
document has weighs most, so that a query about something else is covered little. The share is in
[0, 2.2], and does not grow with the length of the query or the number of documents.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.arrays import Floats, Indices
from router.text import Words, words_in

_ENDINGS = ("ing", "ies", "es", "ed", "ly", "s")
_SHORTEST_STEM = 3


class Coverage(Struct, frozen=True, dict=True, eq=False):
    """The words of documents, each without its ending, and how much each document uses them."""

    terms: tuple[str, ...]
    ends: Indices  # (n_terms + 1,): where the documents of each term end, beginning with 0
    targets: NDArray[np.int32]  # (n_postings,)
    weights: NDArray[np.float32]  # (n_postings,): the idf included
    idf: NDArray[np.float32]  # (n_terms + 1,): the last is that of a word that no document has
    n_targets: int

    @classmethod
    def of(cls, documents: Sequence[str], saturation: float, by_length: float) -> "Coverage":
        """Count the words of documents.

        :param saturation: BM25's k1: how much repeating a word adds.
        :param by_length: BM25's b, in [0, 1]: how much long documents are discounted.
        """
        stems = cache(lambda word: (*_stems([word]),))
        counts = [_stem_counts(Counter(words), stems) for words in words_in(documents)]
        lengths = np.array([max(of_one.total(), 1) for of_one in counts], dtype=np.float64)
        scale = saturation * (1.0 - by_length + by_length * lengths / lengths.mean())
        postings: dict[str, list[tuple[int, float]]] = {}
        for column, of_one in enumerate(counts):
            for term, count in of_one.items():
                weight = count * (saturation + 1.0) / (count + float(scale[column]))
                postings.setdefault(term, []).append((column, weight))
        used = np.array([*map(len, postings.values()), 0])
        idf = np.log(1.0 + (len(documents) - used + 0.5) / (used + 0.5))
        flat = [pair for pairs in postings.values() for pair in pairs]
        return cls(
            terms=tuple(postings),
            ends=np.concatenate([[0], np.cumsum(used[:-1])]).astype(np.intp),
            targets=np.array([column for column, _ in flat], dtype=np.int32),
            weights=(np.array([w for _, w in flat]) * idf[:-1].repeat(used[:-1])).astype(
                np.float32
            ),
            idf=idf.astype(np.float32),
            n_targets=len(documents),
        )

    def shares(self, words: Words) -> Floats:
        """Tell how much of each text each document covers. Shape: (n_texts, n_targets)."""
        found = np.zeros((len(words), self.n_targets))
        unknown = len(self.terms)
        for row, of_text in enumerate(words):
            terms = [self._columns.get(term, unknown) for term in dict.fromkeys(_stems(of_text))]
            for term in terms:
                if term != unknown:
                    part = slice(self.ends[term], self.ends[term + 1])
                    found[row, self.targets[part]] += self.weights[part]
            found[row] /= max(float(self.idf[terms].sum()), 1e-9)
        return found

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {term: column for column, term in enumerate(self.terms)}


def _stem_counts(words: Counter[str], stems: Callable[[str], Iterable[str]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for stem in stems(word):
            counts[stem] += count
    return counts


def _stems(words: Sequence[str]) -> Iterator[str]:
    """Give each word without its ending, and the parts of a compound word too."""
    for word in words:
        yield _stem(word)
        parts = word.replace("_", "-").replace(".", "-").split("-")
        if len(parts) > 1:
            yield from (_stem(part) for part in parts if part)


def _stem(word: str) -> str:
    """Remove an ending, so that "merge", "merges", "merged" and "merging" are one word."""
    ending = next((end for end in _ENDINGS if word.endswith(end)), "")
    if ending and len(word) - len(ending) >= _SHORTEST_STEM:
        word = word[: -len(ending)]
        if word[-1] == word[-2] and word[-1] not in "ls":
            word = word[:-1]
    return word[:-1] if len(word) > _SHORTEST_STEM and word[-1] in "ey" else word
