"""Which documents say each term, and how much: an inverted index.

Whole documents have some hundred thousand terms, and most terms stand in one of them.
"""

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.arrays import Floats, Indices
from router.heads.lexicon import Lexicon
from router.text import Words

AT_ONCE = 64
"""Texts looked up at a time: what lies between takes some megabytes."""


class Postings(Struct, frozen=True, eq=False):
    """TF-IDF of documents, term by term."""

    ends: Indices  # (n_terms + 1,): where each term's postings end, from 0 on
    targets: NDArray[np.int32]  # (n_postings,)
    weights: NDArray[np.float32]  # (n_postings,)
    n_targets: int

    @classmethod
    def of(cls, features: Any) -> "Postings":  # noqa: ANN401 - scipy has no types
        """Turn sparse rows of documents, of shape (n_targets, n_terms)."""
        turned = features.T.tocsr()
        return cls(
            turned.indptr.astype(np.intp),
            turned.indices.astype(np.int32),
            turned.data.astype(np.float32),
            features.shape[0],
        )

    def votes(self, lexicon: Lexicon, said: Words) -> Floats:
        """Cosines of texts with documents, words and pieces of words added.

        :param lexicon: What the terms are.
        :param said: The words of each text.
        :return: Shape: (n_texts, n_targets).
        """
        parts = [
            self._votes(lexicon, said[start : start + AT_ONCE])
            for start in range(0, len(said), AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.n_targets))

    def _votes(self, lexicon: Lexicon, said: Words) -> Floats:
        ends, places, weights = lexicon.rows(said)
        starts = self.ends[places]
        counts = self.ends[places + 1] - starts
        before = counts.cumsum() - counts
        where = np.arange(int(counts.sum())) + (starts - before).repeat(counts)
        rows = np.arange(len(said)).repeat(np.diff(ends)) * self.n_targets
        cells = rows.repeat(counts) + self.targets[where]
        shares = weights.repeat(counts) * self.weights[where]
        shape = len(said), self.n_targets
        return np.asarray(np.bincount(cells, shares, shape[0] * shape[1]).reshape(shape), float)
