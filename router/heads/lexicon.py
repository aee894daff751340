"""TF-IDF of words and character n-grams: what a small encoder misses, product names above all.

A word speaks for the same targets wherever it stands, so the votes of a word and of its character
n-grams are added up once and cached. A query is then a few rows to add up, instead of some hundred
terms to look up and weigh.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from sys import getsizeof
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from router.arrays import Floats, Indices
from router.heads.term_counts import TermCounts, pieces_of
from router.text import Words, words_in, words_of

WordPair: TypeAlias = tuple[str, str]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

_DENSE_TERMS = 600
"""The most frequent terms, stored densely: they cause nine tenths of all co-occurrences."""

_PANEL_BLOCKS = 4
"""Blocks of rows for which the later rows are laid out once."""

_WordVote: TypeAlias = bytes
"""One row for each word, as float32 bytes, because joining bytes is faster than concatenating
arrays: the votes of the word, the votes of its character n-grams, then their two squared norms."""

_CACHED_BYTES = 32 << 20
"""Bytes of a cache for words at most: about 80,000 words of usual length."""

_ENTRY_BYTES = 100
"""What a dictionary itself takes for an entry."""

_VOTES_BATCH = 256
"""Texts added up at a time, so that the temporary arrays take some megabytes."""

_TINY = np.float32(1e-12)
"""Smaller than any squared norm; it avoids 0 / 0 for unknown words."""


class BoundedCache(dict[_Key, _Value]):
    """Values that are computed once for each key; all are dropped when they take too many bytes."""

    def __init__(self, compute: Callable[[_Key], _Value], most_bytes: int) -> None:
        self._compute = compute
        self._most_bytes = most_bytes
        self._bytes = 0

    def __missing__(self, key: _Key) -> _Value:
        """Compute the value of a new key."""
        value = self._compute(key)
        size = getsizeof(key) + getsizeof(value) + _ENTRY_BYTES
        self._bytes += size
        if self._bytes > self._most_bytes:
            self.clear()
            self._bytes = size
        self[key] = value
        return value

    def __reduce__(
        self,
    ) -> tuple[type["BoundedCache[_Key, _Value]"], tuple[Callable[[_Key], _Value], int]]:
        """Be pickled without the cached values."""
        return type(self), (self._compute, self._most_bytes)


@dataclass(frozen=True)
class Terms:
    """Terms of one kind and their inverse document frequencies."""

    terms: tuple[str, ...]
    idf: Floats  # (n_terms,)

    @classmethod
    def fit(cls, counts: TermCounts) -> "Terms":
        """Learn the terms of some texts; the idf is that of scikit-learn's TfidfVectorizer."""
        n_texts = counts.counts.shape[0]
        return cls(counts.terms, np.log((n_texts + 1) / (counts.n_texts_with + 1.0)) + 1.0)

    @cached_property
    def columns(self) -> dict[str, int]:
        """The column of each term."""
        return {term: column for column, term in enumerate(self.terms)}


@dataclass(frozen=True)
class Lexicon:
    """TF-IDF of words and word pairs, and of character n-grams inside words.

    Each different word of a query counts once (`features`), so that the score of a query is a sum
    over its words, see `WordVotes`. A word of a document counts as often as it occurs (`rows`).

    Terms are counted and looked up in plain Python, because importing scikit-learn takes longer
    than answering the first query.
    """

    words: Terms
    chars: Terms

    @classmethod
    def fit(cls, texts: Sequence[str], pieces: bool = True) -> "Lexicon":
        """Learn the terms of these texts, and how rare each is.

        :param pieces: Whether character n-grams are terms.
        """
        words = Terms.fit(TermCounts.of(map(word_terms, texts)))
        of_words = TermCounts.of(map(words_of, texts if pieces else ()))
        return cls(words, Terms.fit(of_words.pieces))

    @classmethod
    def of_documents(cls, words: TermCounts) -> "Lexicon":
        """Learn the terms of documents with these words; pairs of words are none."""
        return cls(Terms.fit(words), Terms.fit(words.pieces))

    def __len__(self) -> int:
        """Count the terms of both kinds."""
        return len(self.words.terms) + len(self.chars.terms)

    def features(self, texts: Sequence[str]) -> Any:  # noqa: ANN401 - scipy has no types
        """Build sparse rows of both kinds side by side; each different word counts once.

        The weight of a term is its idf over the root of the sum of the squares of its kind, so
        that each kind has length 1, except for n-grams that two words share. Shape: (n_texts,
        n_terms).
        """
        from scipy.sparse import csr_array

        column_of_pair = self.column_of_pair.__getitem__
        columns_by_text = [
            np.concatenate(
                [
                    *map(self._columns_by_word.__getitem__, dict.fromkeys(words)),
                    np.array([*map(column_of_pair, self.distinct_pairs(words))], np.intp),
                ]
            )
            for words in words_in(texts)
        ]
        rows = np.arange(len(texts)).repeat([len(columns) for columns in columns_by_text])
        columns = np.concatenate([np.empty(0, np.intp), *columns_by_text])
        weights = self._unit_by_kind(rows, columns, self.idf[columns], len(texts))
        return csr_array((weights, (rows, columns)), shape=(len(texts), len(self)))

    def distinct_pairs(self, words: Sequence[str]) -> Iterable[WordPair]:
        """Give each different known pair of neighbouring words, in order."""
        return filter(self.column_of_pair.__contains__, dict.fromkeys(pairwise(words)))

    def document_features(self, words: TermCounts) -> Any:  # noqa: ANN401
        """Build sparse rows of documents as `rows` lays them out. Shape: (n_documents, n_terms)."""
        from scipy.sparse import csr_array

        rows, columns, times = [], [], []
        kinds = ((words, self.words, 0), (words.pieces, self.chars, len(self.words.terms)))
        for found, known, before in kinds:
            of_term = np.array([known.columns.get(term, -1) for term in found.terms], dtype=np.intp)
            column, counts = of_term[found.counts.indices], found.counts
            is_known = column >= 0
            rows.append(np.arange(counts.shape[0]).repeat(np.diff(counts.indptr))[is_known])
            columns.append(column[is_known] + before)
            times.append(counts.data[is_known])
        cells = np.concatenate(rows), np.concatenate(columns)
        shape = words.counts.shape[0], len(self)
        return csr_array((self._weights(*cells, np.concatenate(times), shape[0]), cells), shape)

    def rows(self, words: Words) -> tuple[Indices, Indices, Floats]:
        """Lay the terms of texts out row by row; the weight of a term is (1 + log count) * idf.

        :param words: The words of each text.
        :return: Where each row ends, beginning with 0, shape (n_texts + 1,); then the columns and
            the weights of the terms. In each row the weights of each kind have length 1.
        """
        rows, columns, times = self._occurrences(words)
        keys = rows * len(self) + columns
        if len(words) * len(self) < 1 << 31:
            keys = keys.astype(np.int32)  # sorted twice as fast
        order = keys.argsort()
        keys = keys[order]
        is_first = np.ones(len(keys), dtype=np.bool_)
        np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
        first = np.flatnonzero(is_first)
        rows, columns = np.divmod(keys[first], max(len(self), 1))
        counts = np.add.reduceat(times[order], first) if len(first) else np.empty(0)
        ends = np.zeros(len(words) + 1, dtype=np.intp)
        np.bincount(rows, minlength=len(words)).cumsum(out=ends[1:])
        return ends, columns, self._weights(rows, columns, counts, len(words))

    def _weights(self, rows: Indices, columns: Indices, times: Floats, n_texts: int) -> Floats:
        """Weigh terms that occur so many times: (1 + log count) * idf, of length 1 by kind."""
        weights = (1.0 + np.log(times)) * self.idf[columns]
        return self._unit_by_kind(rows, columns, weights, n_texts)

    def _unit_by_kind(
        self, rows: Indices, columns: Indices, weights: Floats, n_texts: int
    ) -> Floats:
        """Scale the weights of words, and those of n-grams, to length 1 in each row."""
        kind = 2 * rows + (columns >= len(self.words.terms))
        squares = np.bincount(kind, weights * weights, 2 * n_texts)
        return np.asarray(weights / np.sqrt(squares)[kind])

    def _occurrences(self, words: Words) -> tuple[Indices, Indices, Indices]:
        """Give row and column of known terms, and how often their word occurs, in any order."""
        counted = [Counter(of_text) for of_text in words]
        by_word = [self._columns_by_word[word] for of_text in counted for word in of_text]
        n_terms = [len(columns) for columns in by_word]
        rows = np.arange(len(words)).repeat([len(of_text) for of_text in counted])
        times = np.array([n for of_text in counted for n in of_text.values()], dtype=np.intp)
        return (
            rows.repeat(n_terms),
            np.concatenate([np.empty(0, np.intp), *by_word]),
            times.repeat(n_terms),
        )

    @cached_property
    def _columns_by_word(self) -> BoundedCache[str, Indices]:
        return BoundedCache(self._column_array, _CACHED_BYTES)

    def _column_array(self, word: str) -> Indices:
        return np.array(self.columns_of(word), dtype=np.intp)

    def columns_of(self, word: str) -> list[int]:
        """Give the columns of a word and of its character n-grams, as far as they are known."""
        words, pieces, before = self.words.columns, self.chars.columns, len(self.words.terms)
        columns = [words[word]] if word in words else []
        if not pieces:
            return columns
        return columns + [before + pieces[piece] for piece in pieces_of(word) if piece in pieces]

    @cached_property
    def column_of_pair(self) -> dict[WordPair, int]:
        """The column of each pair of words."""
        split = ((term.partition(" "), column) for term, column in self.words.columns.items())
        return {(left, right): column for (left, blank, right), column in split if blank}

    @cached_property
    def idf(self) -> Floats:
        """The inverse document frequencies of both kinds. Shape: (n_terms,)."""
        return np.concatenate([self.words.idf, self.chars.idf])


class WordVotes:
    """Compute `lexicon.features(texts) @ term_votes` without building the features.

    :param term_votes: The vote of each term of the lexicon for each target. Shape: (n_terms,
        n_targets).
    """

    def __init__(self, lexicon: Lexicon, term_votes: NDArray[np.float32]) -> None:
        self._lexicon = lexicon
        self._votes = term_votes
        self._width = term_votes.shape[1]
        self._of_word = BoundedCache(self._vote_of_word, _CACHED_BYTES)
        self._of_pair = BoundedCache(self._vote_of_pair, _CACHED_BYTES)

    def of(self, words: Words) -> Floats:
        """Add up the votes of the words of each text. Shape: (n_texts, n_targets)."""
        votes = np.zeros((len(words), self._width))
        if len(self._lexicon):
            for start in range(0, len(words), _VOTES_BATCH):
                rows = slice(start, start + _VOTES_BATCH)
                self._add_up(words[rows], votes[rows])
        return votes

    def _add_up(self, words: Words, result: Floats) -> None:
        of_word, of_pair = self._of_word.__getitem__, self._of_pair.__getitem__
        votes: list[_WordVote] = []
        starts, filled = [], []
        for row, of_text in enumerate(words):
            before = len(votes)
            votes.extend(map(of_word, dict.fromkeys(of_text)))
            votes.extend(map(of_pair, self._lexicon.distinct_pairs(of_text)))
            if len(votes) > before:
                starts.append(before)
                filled.append(row)
        if not votes:
            return
        table = np.frombuffer(b"".join(votes), dtype=np.float32).reshape(len(votes), -1)
        sums = np.add.reduceat(table, starts, axis=0)
        by_kind = sums[:, :-2].reshape(len(starts), 2, self._width)
        norms = np.sqrt(np.maximum(sums[:, -2:], _TINY))
        result[filled] = (by_kind / norms[:, :, None]).sum(axis=1)

    def _vote_of_word(self, word: str) -> _WordVote:
        return self._vote(self._lexicon.columns_of(word))

    def _vote_of_pair(self, pair: WordPair) -> _WordVote:
        return self._vote([self._lexicon.column_of_pair[pair]])

    def _vote(self, columns: Sequence[int]) -> _WordVote:
        """Add up the votes of the terms in these columns."""
        row = np.zeros(2 * self._width + 2, dtype=np.float32)
        terms = np.array(columns, dtype=np.intp)
        is_piece = terms >= len(self._lexicon.words.terms)
        for kind, chosen in enumerate((terms[~is_piece], terms[is_piece])):
            idf = self._lexicon.idf[chosen].astype(np.float32)
            row[kind * self._width : (kind + 1) * self._width] = idf @ self._votes[chosen]
            row[kind - 2] = idf @ idf
        return row.tobytes()


@dataclass(frozen=True)
class SparseGram:
    """Products of sparse rows with each other; for the most frequent terms, dense is faster."""

    dense: NDArray[np.float32]  # (n, _DENSE_TERMS)
    sparse: Any  # (n, n_terms - _DENSE_TERMS)

    @classmethod
    def of(cls, features: Any) -> "SparseGram":  # noqa: ANN401 - scipy has no types
        """Split the terms by frequency. Shape of `features`: (n, n_terms), sparse."""
        frequency = np.bincount(features.indices, minlength=features.shape[1])
        order, features = np.argsort(-frequency, kind="stable"), features.astype(np.float32)
        return cls(features[:, order[:_DENSE_TERMS]].toarray(), features[:, order[_DENSE_TERMS:]])

    def upper(self, n_rows: int) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Multiply some rows at a time with themselves and all later rows.

        :return: The rows, and their products. Shape: (at most n_rows, n - the first row).
        """
        n = len(self.dense)
        for panel in range(0, n, n_rows * _PANEL_BLOCKS):
            later = self.sparse[panel:].T.tocsr()
            for start in range(panel, min(panel + n_rows * _PANEL_BLOCKS, n), n_rows):
                rows = slice(start, start + n_rows)
                products: NDArray[np.float32] = self.dense[rows] @ self.dense[start:].T
                products += (self.sparse[rows] @ later).toarray()[:, start - panel :]
                yield rows, products


def word_terms(text: str) -> list[str]:
    """Split into words, then pairs of neighbouring words."""
    words = words_of(text)
    return words + [f"{left} {right}" for left, right in pairwise(words)]
