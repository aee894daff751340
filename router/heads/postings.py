"""Which documents use each term, and how much: an inverted index.

Whole documents have some hundred thousand terms, and most terms occur in one of them only.
"""

from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.arrays import Floats, Indices
from router.heads.lexicon import Lexicon
from router.text import Words

_BATCH = 64
"""Texts looked up at a time, so that the temporary arrays take some megabytes."""

_OFTEN = 0.2
"""From this share of the documents on, a term is stored densely."""


class Postings(Struct, frozen=True, dict=True, eq=False):
    """The TF-IDF of documents, term by term."""

    ends: Indices  # (n_terms + 1,): where the postings of each term end, beginning with 0
    targets: NDArray[np.int32]  # (n_postings,)
    weights: NDArray[np.float32]  # (n_postings,)
    n_targets: int

    @classmethod
    def of(cls, features: Any) -> "Postings":  # noqa: ANN401 - scipy has no types
        """Turn the sparse rows of documents. Shape of `features`: (n_targets, n_terms)."""
        by_term = features.T.tocsr()
        return cls(
            by_term.indptr.astype(np.intp),
            by_term.indices.astype(np.int32),
            by_term.data.astype(np.float32),
            features.shape[0],
        )

    def votes(self, lexicon: Lexicon, words: Words) -> Floats:
        """Compute cosines of texts with documents; those of words and of n-grams are added.

        :param lexicon: The terms.
        :param words: The words of each text.
        :return: Shape: (n_texts, n_targets).
        """
        batches = [
            self._batch_votes(lexicon, words[start : start + _BATCH])
            for start in range(0, len(words), _BATCH)
        ]
        return np.concatenate(batches) if batches else np.zeros((0, self.n_targets))

    def _batch_votes(self, lexicon: Lexicon, words: Words) -> Floats:
        ends, terms, weights = lexicon.rows(words)
        places, dense = self._dense
        votes, place = np.zeros((len(words), self.n_targets)), places[terms]
        is_dense = place >= 0
        for row, (start, end) in enumerate(pairwise(ends.tolist())):
            of_row = slice(start, end)
            chosen = is_dense[of_row]
            factors = weights[of_row][chosen].astype(np.float32)
            votes[row] = factors @ dense[place[of_row][chosen]]
        rows = np.arange(len(words)).repeat(np.diff(ends))[~is_dense]
        terms, weights = terms[~is_dense], weights[~is_dense]
        starts = self.ends[terms]
        counts = self.ends[terms + 1] - starts
        before = counts.cumsum() - counts
        postings = np.arange(int(counts.sum())) + (starts - before).repeat(counts)
        cells = (rows * self.n_targets).repeat(counts) + self.targets[postings]
        products = weights.repeat(counts) * self.weights[postings]
        votes += np.bincount(cells, products, votes.size).reshape(votes.shape)
        return votes

    @cached_property
    def _dense(self) -> tuple[Indices, NDArray[np.float32]]:
        """The weights of the terms that many documents use: whole rows are added up faster.

        :return: The row of each term, -1 for a rarer one, shape (n_terms,); and the weights, shape
            (n_rows, n_targets).
        """
        counts = np.diff(self.ends)
        often = counts > self.n_targets * _OFTEN
        places = np.where(often, often.cumsum() - 1, -1)
        dense = np.zeros((int(often.sum()), self.n_targets), dtype=np.float32)
        kept = often.repeat(counts)
        dense[places.repeat(counts)[kept], self.targets[kept]] = self.weights[kept]
        return places, dense
