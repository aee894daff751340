"""Words and pieces of words as features: what a small encoder misses, product names above all."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.arrays import Floats
from router.heads.cosines import FEW

Places: TypeAlias = NDArray[np.intp]

REMEMBERED = 100_000
"""Words whose pieces are remembered."""

COMMON = 600
"""Terms said by the most texts, nine tenths and more of all pairs: a dense product is faster."""

_WORD = re.compile(r"[^\W_]+(?:[.+#'_-]+[^\W_]+)*[+#]*", re.UNICODE)


def words_of(text: str) -> list[str]:
    """Split into lower-case words; "c++", "llama.cpp" and "phi-3" are one word each."""
    return _WORD.findall(text.casefold())


@dataclass(frozen=True)
class Phrases:
    """Words and phrases that a text may say. Matching is by whole words, never patterns."""

    phrases: frozenset[tuple[str, ...]]

    @classmethod
    def of(cls, lines: Iterable[str]) -> "Phrases":
        """Read phrases from plain lines."""
        return cls(frozenset(filter(None, (tuple(words_of(line)) for line in lines))))

    @cached_property
    def _by_first(self) -> dict[str, list[tuple[str, ...]]]:
        found: dict[str, list[tuple[str, ...]]] = {}
        for phrase in self.phrases:
            found.setdefault(phrase[0], []).append(phrase)
        return found

    def said_in(self, words: Sequence[str]) -> bool:
        """Whether any phrase stands in these words."""
        known = self._by_first
        return not known.keys().isdisjoint(words) and any(
            tuple(words[place : place + len(phrase)]) == phrase
            for place, word in enumerate(words)
            if word in known
            for phrase in known[word]
        )


@dataclass(frozen=True)
class Lexicon:
    """TF-IDF of words and word pairs, and of character n-grams inside words; unit rows each.

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

    def votes(self, texts: Sequence[str], term_votes: NDArray[np.float32]) -> Floats:
        """Sum each text's weighted rows of `term_votes`. Shape: (n_texts, n_targets)."""
        if not len(self):
            return np.zeros((len(texts), term_votes.shape[1]))
        ends, places, weights = self.rows(texts)
        weights = weights.astype(np.float32)
        if len(texts) > FEW:
            from scipy.sparse import csr_array  # a first query need not wait for it

            shape = (len(texts), len(self))
            return np.asarray(csr_array((weights, places, ends), shape) @ term_votes, float)
        summed = np.zeros((len(texts), term_votes.shape[1]))
        filled = np.flatnonzero(ends[1:] > ends[:-1])
        if len(filled):
            weighted = term_votes[places] * weights[:, None]
            summed[filled] = np.add.reduceat(weighted, ends[filled], axis=0)
        return summed

    def features(self, texts: Sequence[str]) -> Any:  # noqa: ANN401 - scipy has no types
        """Sparse rows of both kinds side by side. Shape: (n_texts, n_terms)."""
        from scipy.sparse import csr_array

        ends, places, weights = self.rows(texts)
        return csr_array((weights, places, ends), shape=(len(texts), len(self)))

    def rows(self, texts: Sequence[str]) -> tuple[Places, Places, Floats]:
        """Lay the terms of texts out row by row; a term weighs (1 + log count) * idf.

        :return: Where each row ends, shape (n_texts + 1,), from 0 on; places and weights, the
            weights of each kind of length 1 in a row.
        """
        rows, places = self._said(texts)
        keys = rows * len(self) + places
        if len(texts) * len(self) < 1 << 31:
            keys = keys.astype(np.int32)  # sorted twice as fast
        keys.sort()
        fresh = np.ones(len(keys), dtype=np.bool_)
        np.not_equal(keys[1:], keys[:-1], out=fresh[1:])
        first = np.flatnonzero(fresh)
        rows, places = np.divmod(keys[first], max(len(self), 1))
        counts = np.empty(len(first))
        counts[:-1] = first[1:] - first[:-1]
        counts[-1:] = len(keys) - first[-1:]
        weights = (1.0 + np.log(counts)) * self._idf[places]
        part = 2 * rows + (places >= len(self.words.terms))
        squares = np.bincount(part, weights * weights, 2 * len(texts))
        ends = np.zeros(len(texts) + 1, dtype=np.intp)
        np.bincount(rows, minlength=len(texts)).cumsum(out=ends[1:])
        return ends, places, weights / np.sqrt(squares)[part]

    def _said(self, texts: Sequence[str]) -> tuple[Places, Places]:
        """Give text and place of each known term, as often as it is said, in any order."""
        said = [words_of(text) for text in texts]
        words = list(chain.from_iterable(said))
        row_of_word = np.arange(len(texts)).repeat([len(one) for one in said])
        alone = [self._of_word[word] for word in words]
        after, nothing = self._pairs.get, dict[str, int]()
        pairs = np.array(
            [after(one, nothing).get(other, -1) for one, other in pairwise(words)], dtype=np.intp
        )
        known = np.flatnonzero((pairs >= 0) & (row_of_word[1:] == row_of_word[:-1]))
        rows = row_of_word.repeat([len(places) for places in alone])
        rows = np.concatenate([rows, row_of_word[known]])
        return rows, np.concatenate([*alone, pairs[known]])

    @cached_property
    def _of_word(self) -> "PlacesOfWord":
        return PlacesOfWord(self.words.places, self.chars.places)

    @cached_property
    def _pairs(self) -> dict[str, dict[str, int]]:
        """Where each pair of words is, by the first and then the second."""
        pairs: dict[str, dict[str, int]] = {}
        for term, place in self.words.places.items():
            one, blank, other = term.partition(" ")
            if blank:
                pairs.setdefault(one, {})[other] = place
        return pairs

    @cached_property
    def _idf(self) -> Floats:
        return np.concatenate([self.words.idf, self.chars.idf])


class PlacesOfWord(dict[str, Places]):
    """Places of a word and of its pieces: words come again and again, so they are remembered."""

    def __init__(self, words: Mapping[str, int], pieces: Mapping[str, int]) -> None:
        self._words = words
        self._pieces = pieces

    def __missing__(self, word: str) -> Places:
        """Look a new word up."""
        if len(self) >= REMEMBERED:
            self.clear()
        known, before = self._pieces, len(self._words)
        places = [self._words[word]] if word in self._words else []
        places += [before + known[piece] for piece in pieces_of(word) if piece in known]
        found = self[word] = np.array(places, dtype=np.intp)
        return found


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
