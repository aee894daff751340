"""Words and pieces of words as features: what a small encoder misses, product names above all."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, pairwise
from typing import Any, TypeAlias, TypeVar

import numpy as np

from router.arrays import Floats, Indices
from router.text import Words, words_in, words_of

Pair: TypeAlias = tuple[str, str]
Key = TypeVar("Key")
Value = TypeVar("Value")

REMEMBERED = 100_000
"""Words whose pieces are remembered."""

COMMON = 600
"""Terms said by the most texts, nine tenths and more of all pairs: a dense product is faster."""


def once(said: Iterable[Key]) -> Iterable[Key]:
    """Give each different one, in order."""
    return dict.fromkeys(said)


@dataclass(frozen=True)
class Lexicon:
    """TF-IDF of words and word pairs, and of character n-grams inside words.

    Of a query each different word counts once (`features`): what it says is then a sum over its
    words, see `WordVotes`. Of a document it counts by how often it is said (`rows`).

    Fitted by scikit-learn. Looking terms up is done here, in plain Python, because it stands on
    the path of the first query and importing scikit-learn takes longer than answering it.
    """

    words: "Terms"
    chars: "Terms"

    @classmethod
    def fit(cls, texts: Sequence[str], pieces: bool = True, pairs: bool = True) -> "Lexicon":
        """Learn the terms of these texts, and how rare each is.

        :param pieces: Pieces of words, too.
        :param pairs: Pairs of neighbouring words, too.
        """
        chars = Terms.fit(texts, char_terms) if pieces else Terms((), np.empty(0))
        return cls(Terms.fit(texts, word_terms if pairs else words_of), chars)

    def __len__(self) -> int:
        """Count the terms of both kinds."""
        return len(self.words.terms) + len(self.chars.terms)

    def features(self, texts: Sequence[str]) -> Any:  # noqa: ANN401 - scipy has no types
        """Sparse rows of both kinds side by side, each different word said once.

        The terms of a kind weigh their idf over the root of the sum of their squares: of length 1
        but for pieces that two words share. Shape: (n_texts, n_terms).
        """
        from scipy.sparse import csr_array

        places = [
            np.concatenate(
                [
                    *map(self.of_word.__getitem__, once(words)),
                    np.array([*map(self.of_pair.__getitem__, self.pairs_once(words))], np.intp),
                ]
            )
            for words in words_in(texts)
        ]
        rows = np.arange(len(texts)).repeat([len(one) for one in places])
        columns = np.concatenate([np.empty(0, np.intp), *places])
        idf, kind = self.idf[columns], 2 * rows + (columns >= len(self.words.terms))
        squares = np.bincount(kind, idf * idf, 2 * len(texts))
        weights = idf / np.sqrt(squares)[kind]
        return csr_array((weights, (rows, columns)), shape=(len(texts), len(self)))

    def pairs_once(self, words: Sequence[str]) -> Iterable[Pair]:
        """Give each different pair of neighbouring words that is known, in order."""
        return filter(self.of_pair.__contains__, once(pairwise(words)))

    def document_features(self, texts: Sequence[str]) -> Any:  # noqa: ANN401
        """Sparse rows as `rows` lays them out. Shape: (n_texts, n_terms)."""
        from scipy.sparse import csr_array

        ends, places, weights = self.rows(words_in(texts))
        return csr_array((weights, places, ends), shape=(len(texts), len(self)))

    def rows(self, said: Words) -> tuple[Indices, Indices, Floats]:
        """Lay the terms of texts out row by row; a term weighs (1 + log count) * idf.

        :return: Where each row ends, shape (n_texts + 1,), from 0 on; places and weights, the
            weights of each kind of length 1 in a row.
        """
        rows, places = self._places(said)
        keys = rows * len(self) + places
        if len(said) * len(self) < 1 << 31:
            keys = keys.astype(np.int32)  # sorted twice as fast
        keys.sort()
        fresh = np.ones(len(keys), dtype=np.bool_)
        np.not_equal(keys[1:], keys[:-1], out=fresh[1:])
        first = np.flatnonzero(fresh)
        rows, places = np.divmod(keys[first], max(len(self), 1))
        counts = np.empty(len(first))
        counts[:-1] = first[1:] - first[:-1]
        counts[-1:] = len(keys) - first[-1:]
        weights = (1.0 + np.log(counts)) * self.idf[places]
        part = 2 * rows + (places >= len(self.words.terms))
        squares = np.bincount(part, weights * weights, 2 * len(said))
        ends = np.zeros(len(said) + 1, dtype=np.intp)
        np.bincount(rows, minlength=len(said)).cumsum(out=ends[1:])
        return ends, places, weights / np.sqrt(squares)[part]

    def _places(self, said: Words) -> tuple[Indices, Indices]:
        """Give text and place of each known term, as often as it is said, in any order."""
        words = list(chain.from_iterable(said))
        row_of_word = np.arange(len(said)).repeat([len(one) for one in said])
        alone = [self.of_word[word] for word in words]
        place = self.of_pair.get
        pairs = np.array([place(pair, -1) for pair in pairwise(words)], dtype=np.intp)
        known = np.flatnonzero((pairs >= 0) & (row_of_word[1:] == row_of_word[:-1]))
        rows = row_of_word.repeat([len(places) for places in alone])
        rows = np.concatenate([rows, row_of_word[known]])
        return rows, np.concatenate([*alone, pairs[known]])

    @cached_property
    def of_word(self) -> "Remembered[str, Indices]":
        """Where each word and its pieces are: words come again and again."""
        return Remembered(self._places_of, REMEMBERED)

    def _places_of(self, word: str) -> Indices:
        return np.array(self.places_of(word), dtype=np.intp)

    def places_of(self, word: str) -> list[int]:
        """Give the places of a word and of its pieces, as far as they are known."""
        words, known, before = self.words.places, self.chars.places, len(self.words.terms)
        places = [words[word]] if word in words else []
        return places + [before + known[piece] for piece in pieces_of(word) if piece in known]

    @cached_property
    def of_pair(self) -> dict[Pair, int]:
        """Where each pair of words is."""
        parted = ((term.partition(" "), place) for term, place in self.words.places.items())
        return {(one, other): place for (one, blank, other), place in parted if blank}

    @cached_property
    def idf(self) -> Floats:
        """Of both kinds. Shape: (n_terms,)."""
        return np.concatenate([self.words.idf, self.chars.idf])


class Remembered(dict[Key, Value]):
    """Values worked out once for each key, and all forgotten when they are too many."""

    def __init__(self, work_out: Callable[[Key], Value], most: int) -> None:
        self._work_out = work_out
        self._most = most

    def __missing__(self, key: Key) -> Value:
        """Work a new one out."""
        if len(self) >= self._most:
            self.clear()
        found = self[key] = self._work_out(key)
        return found

    def __reduce__(
        self,
    ) -> tuple[type["Remembered[Key, Value]"], tuple[Callable[[Key], Value], int]]:
        """Be pickled without what is remembered."""
        return type(self), (self._work_out, self._most)


@dataclass(frozen=True)
class Terms:
    """Terms of one kind and their inverse document frequencies."""

    terms: tuple[str, ...]
    idf: Floats  # (n_terms,)

    @classmethod
    def fit(cls, texts: Sequence[str], split: Callable[[str], list[str]]) -> "Terms":
        """Learn the terms of these texts."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(analyzer=split).fit(texts)
        return cls(tuple(vectorizer.get_feature_names_out().tolist()), vectorizer.idf_)

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each term is."""
        return {term: place for place, term in enumerate(self.terms)}


@dataclass(frozen=True)
class Alike:
    """Products of sparse rows with each other; terms that many say are faster dense."""

    common: Floats  # (n, COMMON)
    rare: Any  # sparse, (n, n_terms - COMMON)
    turned: Any  # the same, (n_terms - COMMON, n)

    @classmethod
    def of(cls, features: Any) -> "Alike":  # noqa: ANN401 - scipy has no types
        """Part the terms. Shape of `features`: (n, n_terms), sparse."""
        said = np.bincount(features.indices, minlength=features.shape[1])
        order = np.argsort(-said, kind="stable")
        rare = features[:, order[COMMON:]]
        return cls(features[:, order[:COMMON]].toarray(), rare, rare.T.tocsr())

    def rows(self, rows: slice) -> Floats:
        """Multiply these rows with all. Shape: (n_rows, n)."""
        found: Floats = self.common[rows] @ self.common.T
        found += (self.rare[rows] @ self.turned).toarray()
        return found


def word_terms(text: str) -> list[str]:
    """Words and pairs of neighbouring words."""
    return paired(words_of(text))


def paired(words: list[str]) -> list[str]:
    """Words, then pairs of neighbouring ones."""
    return words + [f"{one} {other}" for one, other in zip(words, words[1:], strict=False)]


def char_terms(text: str) -> list[str]:
    """Runs of 2 to 5 characters inside words, the blank on either side counted in."""
    return [piece for word in words_of(text) for piece in pieces_of(word)]


@lru_cache(REMEMBERED)
def pieces_of(word: str) -> tuple[str, ...]:
    """Runs of 2 to 5 characters of a word between blanks."""
    padded = f" {word} "
    return tuple(
        padded[start : start + length]
        for length in range(2, 6)
        for start in range(len(padded) - length + 1)
    )
