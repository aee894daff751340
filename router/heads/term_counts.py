"""How often terms occur in texts: words, and the character n-grams inside them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

_SHORTEST, _LONGEST = 2, 5
"""Characters of an n-gram, the blank before or after the word included."""


@dataclass(frozen=True, eq=False)
class TermCounts:
    """The terms of some texts in order, and how often each text has each."""

    terms: tuple[str, ...]
    counts: Any  # (n_texts, n_terms), sparse

    @classmethod
    def of(cls, texts: Iterable[Iterable[str]]) -> "TermCounts":
        """Count the terms of each text, which is given by them."""
        from scipy.sparse import csr_array  # no query needs it

        listed = [list(of_text) for of_text in texts]
        flat = list(chain.from_iterable(listed))
        terms = sorted(set(flat))
        column = {term: column for column, term in enumerate(terms)}
        columns = np.fromiter(map(column.__getitem__, flat), np.int32, len(flat))
        ends = np.cumsum([0, *map(len, listed)], dtype=np.int32)
        shape = len(listed), len(terms)
        counts = csr_array((np.ones(len(flat), np.int64), columns, ends), shape)
        counts.sum_duplicates()
        return cls(tuple(terms), counts)

    @cached_property
    def n_texts_with(self) -> np.ndarray:
        """The number of texts that have each term. Shape: (n_terms,)."""
        return np.bincount(self.counts.indices, minlength=len(self.terms))

    @cached_property
    def pieces(self) -> "TermCounts":
        """The character n-grams of the terms, which are words, see `pieces_of`."""
        pieces, of_words = _pieces_in(self.terms)
        return TermCounts(pieces, self.counts @ of_words)


def pieces_of(word: str) -> tuple[str, ...]:
    """Give the runs of 2 to 5 characters of a word between blanks."""
    padded = f" {word} "
    return tuple(
        padded[start : start + length]
        for length in range(_SHORTEST, _LONGEST + 1)
        for start in range(len(padded) - length + 1)
    )


def _pieces_in(words: Sequence[str]) -> tuple[tuple[str, ...], Any]:
    """Give all `pieces_of` many words, sorted, and how often each word has each.

    A run is numbered by the number of the run without its last character, and that character.

    :return: The pieces, and sparse counts. Shape: (n_words, n_pieces).
    """
    from scipy.sparse import csr_array

    text = "".join(f" {word} " for word in words)
    ends = np.cumsum([len(word) + 2 for word in words], dtype=np.intp)
    lengths = np.diff(ends, prepend=0)
    row, left = np.arange(len(words)).repeat(lengths), ends.repeat(lengths) - np.arange(len(text))
    characters = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    _, codes = np.unique(characters, return_inverse=True)
    run, alphabet = codes, codes.max(initial=0) + 1
    rows, columns, pieces = [np.empty(0, np.intp)], [np.empty(0, np.intp)], list[str]()
    for length in range(_SHORTEST, _LONGEST + 1):
        starts = np.flatnonzero(left >= length)
        key = run[starts] * alphabet + codes[starts + length - 1]
        _, first, number = np.unique(key, return_index=True, return_inverse=True)
        run = np.zeros(len(text), np.intp)
        run[starts] = number
        rows.append(row[starts])
        columns.append(number + len(pieces))
        pieces += [text[start : start + length] for start in starts[first].tolist()]
    order = sorted(range(len(pieces)), key=pieces.__getitem__)
    rank = np.empty(len(pieces), np.intp)
    rank[order] = np.arange(len(pieces))
    of_row, of_column = np.concatenate(rows), rank[np.concatenate(columns)]
    shape = len(words), len(pieces)
    counts = csr_array((np.ones(len(of_row), np.int64), (of_row, of_column)), shape)
    return tuple(pieces[number] for number in order), counts
