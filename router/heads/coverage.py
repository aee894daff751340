"""How much of a query the words of a document cover: BM25, as a share of what it could reach.

Each different word of a query weighs as much as it is rare among the documents. A word that no
document has weighs most, so that a query about something else is covered little. The share is in
[0, 2.2], and does not grow with the length of the query or the number of documents.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.arrays import Floats, Indices
from router.heads.term_counts import TermCounts
from router.text import Words

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
    def of(cls, words: TermCounts, saturation: float, by_length: float) -> "Coverage":
        """Weigh the words of documents.

        :param saturation: BM25's k1: how much repeating a word adds.
        :param by_length: BM25's b, in [0, 1]: how much long documents are discounted.
        """
        stems = TermCounts.of(_stems([word]) for word in words.terms)
        by_stem = (words.counts @ stems.counts).T.tocsr()
        counts, targets, used = by_stem.data, by_stem.indices, np.diff(by_stem.indptr)
        lengths = np.maximum(by_stem.sum(axis=0), 1)
        scale = saturation * (1.0 - by_length + by_length * lengths / lengths.mean())
        in_documents = np.append(used, 0)
        idf = np.log(1.0 + (len(lengths) - in_documents + 0.5) / (in_documents + 0.5))
        weights = counts * (saturation + 1.0) / (counts + scale[targets]) * idf[:-1].repeat(used)
        return cls(
            terms=stems.terms,
            ends=by_stem.indptr.astype(np.intp),
            targets=targets.astype(np.int32),
            weights=weights.astype(np.float32),
            idf=idf.astype(np.float32),
            n_targets=len(lengths),
        )

    def shares(self, stems: Words) -> Floats:
        """Tell how much of each text each document covers. Shape: (n_texts, n_targets).

        :param stems: Of the words of each text, see `stems_in`.
        """
        found = np.zeros((len(stems), self.n_targets))
        unknown = len(self.terms)
        for row, of_text in enumerate(stems):
            terms = [self._columns.get(term, unknown) for term in dict.fromkeys(of_text)]
            parts = [slice(*self.ends[term : term + 2]) for term in terms if term != unknown]
            if parts:
                targets = np.concatenate([self.targets[part] for part in parts])
                weights = np.concatenate([self.weights[part] for part in parts])
                covered = np.bincount(targets, weights, self.n_targets)
                found[row] = covered / max(float(self.idf[terms].sum()), 1e-9)
        return found

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {term: column for column, term in enumerate(self.terms)}


def stems_in(texts: Words) -> Words:
    """Give the stems of the words of each text."""
    return [[*_stems(words)] for words in texts]


def _stems(words: Sequence[str]) -> Iterator[str]:
    """Give each word without its ending, and the parts of a compound word too."""
    for word in words:
        yield _stem(word)
        parts = word.replace("_", "-").replace(".", "-").split("-")
        if len(parts) > 1:
            yield from (_stem(part) for part in parts if part)


def _stem(word: str) -> str:
    """Remove an ending, so that "merge", "merges", "merged" and "merging" are one word."""
    ending = next(filter(word.endswith, _ENDINGS), "")
    if ending and len(word) - len(ending) >= _SHORTEST_STEM:
        word = word[: -len(ending)]
        if word[-1] == word[-2] and word[-1] not in "ls":
            word = word[:-1]
    return word[:-1] if len(word) > _SHORTEST_STEM and word[-1] in "ey" else word
