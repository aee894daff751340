"""Words and pieces of words as features: what a small encoder misses, product names above all."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from router.arrays import Floats

_WORD = re.compile(r"[^\W_]+(?:[.+#'_-]+[^\W_]+)*[+#]*", re.UNICODE)


def words_of(text: str) -> list[str]:
    """Split into lower-case words; "c++", "llama.cpp" and "phi-3" are one word each."""
    return _WORD.findall(text.casefold())


@dataclass(frozen=True)
class Phrases:
    """A set of words and phrases that a text may say. Matching is by whole words, never patterns."""

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

    Saved as plain arrays, so that nothing is unpickled on loading.
    """

    word_terms: tuple[str, ...]
    word_idf: Floats
    char_terms: tuple[str, ...]
    char_idf: Floats

    @classmethod
    def fit(cls, texts: Sequence[str]) -> "Lexicon":
        """Learn the terms of these texts, and how rare each is."""
        words, chars = _words().fit(texts), _chars().fit(texts)
        return cls(_terms(words), words.idf_, _terms(chars), chars.idf_)

    @cached_property
    def _vectorizers(self) -> tuple[Any, Any]:
        pair = _words(), _chars()
        terms = (self.word_terms, self.word_idf), (self.char_terms, self.char_idf)
        for vectorizer, (vocabulary, idf) in zip(pair, terms, strict=True):
            vectorizer.vocabulary = {term: i for i, term in enumerate(vocabulary)}
            vectorizer.idf_ = idf
        return pair

    def features(self, texts: Sequence[str]) -> Any:  # noqa: ANN401 - scipy has no types
        """Sparse rows of both kinds side by side. Shape: (n_texts, n_words + n_chars)."""
        from scipy.sparse import hstack

        return hstack([v.transform(texts) for v in self._vectorizers], format="csr", dtype=np.float32)


def _words() -> Any:  # noqa: ANN401 - scikit-learn has no types
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), dtype=np.float32)


def _chars() -> Any:  # noqa: ANN401
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        sublinear_tf=True, analyzer="char_wb", ngram_range=(2, 5), dtype=np.float32
    )


def _terms(vectorizer: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(vectorizer.get_feature_names_out().tolist())
