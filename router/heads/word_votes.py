"""What the words of a query say for each target: a sum over its different words and word pairs.

A word says the same wherever it stands, so what it and its pieces say is worked out once and
remembered. A query is then a few rows to add up, not some hundred terms to look up and weigh.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.arrays import Floats
from router.heads.lexicon import Lexicon, Pair, Remembered, once
from router.text import Words

Voice: TypeAlias = bytes
"""What a word says, as numbers of 32 bits: votes of the word, votes of its pieces, and the squares
of both their lengths. Bytes are put together faster than arrays are."""

NUMBERS = 4_000_000
"""Numbers that are remembered of words at most."""

AT_ONCE = 256
"""Texts added up at a time: what lies between takes some megabytes."""

TINY = np.float32(1e-12)
"""A square below that of any term's: what no word says stays zero."""


class WordVotes:
    """Adds up the votes of words: `lexicon.features(texts) @ term_votes`, without the features.

    :param term_votes: Of each term of the lexicon for each target. Shape: (n_terms, n_targets).
    """

    def __init__(self, lexicon: Lexicon, term_votes: NDArray[np.float32]) -> None:
        self._lexicon = lexicon
        self._votes = term_votes
        self._width = term_votes.shape[1]
        most = max(1, NUMBERS // (2 * self._width + 2))
        self._of_word = Remembered(self._of_one, most)
        self._of_pair = Remembered(self._of_two, most)

    def of(self, said: Words) -> Floats:
        """Add up what the words of each text say. Shape: (n_texts, n_targets)."""
        found = np.zeros((len(said), self._width))
        if len(self._lexicon):
            for start in range(0, len(said), AT_ONCE):
                rows = slice(start, start + AT_ONCE)
                self._add_up(said[rows], found[rows])
        return found

    def _add_up(self, said: Words, found: Floats) -> None:
        of_word, of_pair = self._of_word.__getitem__, self._of_pair.__getitem__
        voices: list[Voice] = []
        starts, filled = [], []
        for row, words in enumerate(said):
            before = len(voices)
            voices.extend(map(of_word, once(words)))
            voices.extend(map(of_pair, self._lexicon.pairs_once(words)))
            if len(voices) > before:
                starts.append(before)
                filled.append(row)
        if not voices:
            return
        table = np.frombuffer(b"".join(voices), dtype=np.float32).reshape(len(voices), -1)
        summed = np.add.reduceat(table, starts, axis=0)
        votes = summed[:, :-2].reshape(len(starts), 2, self._width)
        lengths = np.sqrt(np.maximum(summed[:, -2:], TINY))
        found[filled] = (votes / lengths[:, :, None]).sum(axis=1)

    def _of_one(self, word: str) -> Voice:
        return self._voice(self._lexicon.places_of(word))

    def _of_two(self, pair: Pair) -> Voice:
        return self._voice([self._lexicon.of_pair[pair]])

    def _voice(self, places: Sequence[int]) -> Voice:
        """Add up what the terms in these places say."""
        row = np.zeros(2 * self._width + 2, dtype=np.float32)
        where = np.array(places, dtype=np.intp)
        pieces = where >= len(self._lexicon.words.terms)
        for kind, terms in enumerate((where[~pieces], where[pieces])):
            idf = self._lexicon.idf[terms].astype(np.float32)
            row[kind * self._width : (kind + 1) * self._width] = idf @ self._votes[terms]
            row[kind - 2] = idf @ idf
        return row.tobytes()
