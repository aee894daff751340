"""Late interaction: every token of a query looks for its like in a document.

The mean, over the tokens of a query, of the cosine with the nearest token of a document (ColBERT,
Khattab & Zaharia 2020), by an encoder that was not trained for it. One vector says what a text is
about; tokens find the one line of a long document that is meant. A document is kept as centroids of
its tokens, by k-means: a hundred lose nothing that queries show.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.arrays import Floats, Vectors
from router.encoders.encoder import TokenVectors
from router.heads.centroids import unit

Indices: TypeAlias = NDArray[np.intp]

POINTS = 128
"""Centroids of a document at most."""

STEPS = 10
"""Steps of k-means at most."""

CLOSEST = 16
"""Documents whose tokens are read, for each text: those that all else speaks for."""


class LateInteraction(Struct, frozen=True, dict=True, eq=False):
    """The tokens of each target's document, and how close everyday queries come to them."""

    points: TokenVectors  # (n_points, width): target by target
    counts: Indices  # (n_targets,): how many points each target has
    usual: Floats  # (n_targets,): mean closeness of everyday queries

    @classmethod
    def fit(
        cls, documents: Sequence[Sequence[TokenVectors]], everyday: Sequence[TokenVectors]
    ) -> "LateInteraction":
        """Keep the tokens of documents.

        :param documents: Of each target the tokens of its lines.
        :param everyday: The tokens of queries that are no target's.
        """
        said = [[line for line in lines if len(line)] for lines in documents]
        width = next(line.shape[1] for lines in said for line in lines)
        nothing = np.zeros((1, width), dtype=np.float16)  # as near to anything as to the rest
        points = [_points_of(np.concatenate(lines or [nothing])) for lines in said]
        found = cls(
            points=np.concatenate(points).astype(np.float16),
            counts=np.array([len(one) for one in points], dtype=np.intp),
            usual=np.zeros(len(points)),
        )
        if not len(everyday):
            return found
        close = [found._closeness(tokens, None) for tokens in everyday if len(tokens)]
        return cls(found.points, found.counts, np.mean(close, axis=0))

    def with_lines(self, lines: Mapping[int, Sequence[TokenVectors]]) -> "LateInteraction":
        """Keep the tokens of further lines too, as they are.

        :param lines: By the target's place.
        """
        parts = np.split(self.points, self._starts[1:-1])
        for place, more in lines.items():
            parts[place] = np.concatenate([parts[place], *more])
        counts = np.array([len(part) for part in parts], dtype=np.intp)
        return LateInteraction(np.concatenate(parts), counts, self.usual)

    def closeness(self, tokens: Sequence[TokenVectors], scores: Floats) -> Floats:
        """How much closer each text is to each document than everyday queries are.

        Of many documents only the `CLOSEST` are read; the others count as the farthest of these.

        :param tokens: Of each text.
        :param scores: What is known of the documents else. Shape: (n_texts, n_targets).
        :return: Differences of mean cosines, in [-2, 2]. Shape: (n_texts, n_targets).
        """
        found = np.zeros((len(tokens), len(self.counts)))
        best = None
        if len(self.counts) > 2 * CLOSEST:
            best = np.argpartition(scores, -CLOSEST, axis=1)[:, -CLOSEST:]
        for row, some in enumerate(tokens):
            if not len(some):
                continue
            if best is None:
                found[row] = self._closeness(some, None) - self.usual
            else:
                near = self._closeness(some, best[row]) - self.usual[best[row]]
                found[row] = near.min()
                found[row, best[row]] = near
        return found

    def _closeness(self, tokens: TokenVectors, chosen: Indices | None) -> Floats:
        """Mean, over tokens, of the cosine with the nearest point. Shape: (n_chosen,)."""
        wide = tokens.astype(np.float32)
        if chosen is None:
            near = np.maximum.reduceat(self._wide @ wide.T, self._starts[:-1], axis=0)
        else:
            starts = self._starts
            near = np.array(
                [(self._wide[starts[one] : starts[one + 1]] @ wide.T).max(axis=0) for one in chosen]
            )
        return np.asarray(near.mean(axis=1, dtype=np.float64))

    @cached_property
    def _wide(self) -> NDArray[np.float32]:
        return self.points.astype(np.float32)

    @cached_property
    def _starts(self) -> Indices:
        return np.concatenate([[0], np.cumsum(self.counts)])


def _points_of(tokens: TokenVectors) -> Vectors:
    """Centroids of tokens, to unit length; the tokens themselves where they are few."""
    wide = tokens.astype(np.float32)
    distinct = np.unique(wide, axis=0)
    if len(distinct) <= POINTS:
        return distinct
    from sklearn.cluster import KMeans

    means = KMeans(POINTS, init="random", n_init=1, max_iter=STEPS, random_state=0)
    return unit(means.fit(wide).cluster_centers_)
