"""How much the words of a query speak for each target: a sum over its different words and pairs.

A word speaks for the same targets wherever it stands, so the sum over it and its character n-grams
is computed once and cached. A query is then a few rows to add up, instead of some hundred terms to
look up and weigh.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.arrays import Floats
from router.heads.lexicon import BoundedCache, Lexicon, WordPair
from router.text import Words

_WordVote: TypeAlias = bytes
"""One row for each word, as float32 bytes, because joining bytes is faster than concatenating
arrays: the votes of the word, the votes of its character n-grams, then their two squared norms."""

_CACHED_NUMBERS = 4_000_000
"""Numbers that are cached for words at most."""

_BATCH = 256
"""Texts added up at a time, so that the temporary arrays take some megabytes."""

_TINY = np.float32(1e-12)
"""Smaller than any squared norm; it avoids 0 / 0 for unknown words."""


class WordVotes:
    """Compute `lexicon.features(texts) @ term_votes` without building the features.

    :param term_votes: The vote of each term of the lexicon for each target. Shape: (n_terms,
        n_targets).
    """

    def __init__(self, lexicon: Lexicon, term_votes: NDArray[np.float32]) -> None:
        self._lexicon = lexicon
        self._votes = term_votes
        self._width = term_votes.shape[1]
        most = max(1, _CACHED_NUMBERS // (2 * self._width + 2))
        self._of_word = BoundedCache(self._vote_of_word, most)
        self._of_pair = BoundedCache(self._vote_of_pair, most)

    def of(self, words: Words) -> Floats:
        """Add up the votes of the words of each text. Shape: (n_texts, n_targets)."""
        votes = np.zeros((len(words), self._width))
        if len(self._lexicon):
            for start in range(0, len(words), _BATCH):
                rows = slice(start, start + _BATCH)
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
