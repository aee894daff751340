"""Words and pieces of words as features: what a small encoder misses, product names above all."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.arrays import Floats

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
    def _lengths(self) -> tuple[int, ...]:
        return tuple(sorted({len(phrase) for phrase in self.phrases}))

    def said_in(self, words: Sequence[str]) -> bool:
        """Whether any phrase stands in these words."""
        return any(
            tuple(words[start : start + length]) in self.phrases
            for length in self._lengths
            for start in range(len(words) - length + 1)
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
    def fit(cls, texts: Sequence[str]) -> "Lexicon":
        """Learn the terms of these texts, and how rare each is."""
        return cls(Terms.fit(texts, word_terms), Terms.fit(texts, char_terms))

    def __len__(self) -> int:
        """Count the terms of both kinds."""
        return len(self.words.terms) + len(self.chars.terms)

    def weights(self, text: str) -> tuple[NDArray[np.intp], Floats]:
        """Places and weights of the known terms of a text; each kind has length 1."""
        words, word_weights = self.words.weights(word_terms(text))
        chars, char_weights = self.chars.weights(char_terms(text))
        places = np.concatenate([words, chars + len(self.words.terms)])
        return places, np.concatenate([word_weights, char_weights])

    def votes(self, texts: Sequence[str], term_votes: NDArray[np.float32]) -> Floats:
        """Sum each text's weighted rows of `term_votes`. Shape: (n_texts, n_targets)."""
        summed = np.zeros((len(texts), term_votes.shape[1]))
        for row, text in enumerate(texts):
            places, weights = self.weights(text)
            summed[row] = weights @ term_votes[places]
        return summed

    def features(self, texts: Sequence[str]) -> Any:  # noqa: ANN401 - scipy has no types
        """Sparse rows of both kinds side by side. Shape: (n_texts, n_terms)."""
        from scipy.sparse import csr_array

        rows = [self.weights(text) for text in texts]
        ends = np.cumsum([0, *(len(places) for places, _ in rows)])
        places = np.concatenate([places for places, _ in rows])
        weights = np.concatenate([weights for _, weights in rows])
        return csr_array((weights, places, ends), shape=(len(texts), len(self)))


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
    def _places(self) -> dict[str, int]:
        return {term: place for place, term in enumerate(self.terms)}

    def weights(self, said: list[str]) -> tuple[NDArray[np.intp], Floats]:
        """Places and weights of what is said: (1 + log count) * idf, scaled to length 1."""
        known = self._places
        counts: dict[int, int] = {}
        for term in said:
            place = known.get(term)
            if place is not None:
                counts[place] = counts.get(place, 0) + 1
        places = np.fromiter(counts, dtype=np.intp, count=len(counts))
        often = np.fromiter(counts.values(), dtype=np.float64, count=len(counts))
        weights = (1.0 + np.log(often)) * self.idf[places]
        length = np.sqrt(weights @ weights)
        return places, weights / length if length else weights


def word_terms(text: str) -> list[str]:
    """Words and pairs of neighbouring words."""
    words = words_of(text)
    return words + [f"{one} {other}" for one, other in zip(words, words[1:], strict=False)]


def char_terms(text: str) -> list[str]:
    """Runs of 2 to 5 characters inside words, the blank on either side counted in."""
    padded = [f" {word} " for word in words_of(text)]
    return [
        word[start : start + length]
        for word in padded
        for length in range(2, 6)
        for start in range(len(word) - length + 1)
    ]
