"""Late interaction: every token of a query looks for its like in a document.

The mean, over the tokens of a query, of the cosine with the nearest token of a document (ColBERT,
Khattab & Zaharia 2020), by an encoder that was not trained for it. One vector says what a text is
about; tokens find the one line of a long document that is meant. A document is kept as centroids of
its tokens, by k-means: a hundred lose nothing that queries show.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.arrays import Floats, Indices, TokenVectors
from router.heads.centroids import unit

Near: TypeAlias = NDArray[np.float32]
"""Cosines, document by document and token by token. Shape: (n_documents, n_tokens)."""

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
    def of(
        cls, points: Sequence[TokenVectors], everyday: Sequence[TokenVectors]
    ) -> "LateInteraction":
        """Put documents together.

        :param points: Of each target, see `points_of`.
        :param everyday: The tokens of queries that are no target's.
        """
        found = cls(
            points=np.concatenate(points),
            counts=np.array([len(one) for one in points], dtype=np.intp),
            usual=np.zeros(len(points)),
        )
        if not len(everyday):
            return found
        every = np.arange(len(points))
        near = [found._near(tokens, every) for tokens in everyday if len(tokens)]
        usual = np.mean([one.mean(axis=1, dtype=np.float64) for one in near], axis=0)
        return cls(found.points, found.counts, usual)

    def with_lines(self, lines: Mapping[int, Sequence[TokenVectors]]) -> "LateInteraction":
        """Keep the tokens of further lines too, as they are.

        :param lines: By the target's place.
        """
        parts = np.split(self.points, self._starts[1:-1])
        for place, more in lines.items():
            parts[place] = np.concatenate([parts[place], *more])
        counts = np.array([len(part) for part in parts], dtype=np.intp)
        return LateInteraction(np.concatenate(parts), counts, self.usual)

    def closeness(
        self,
        tokens: Sequence[TokenVectors],
        scores: Floats,
        heard: Callable[[int, Indices, Near], None] | None = None,
    ) -> Floats:
        """How much closer each text is to each document than everyday queries are.

        Of many documents only the `CLOSEST` are read; the others count as the farthest of these.

        :param tokens: Of each text.
        :param scores: What is known of the documents else. Shape: (n_texts, n_targets).
        :param heard: Shown, for each text that has tokens, its row, the documents that were read,
            and how near each token is to each, less what everyday queries are. Shape of the last:
            (n_read, n_tokens).
        :return: Differences of mean cosines, in [-2, 2]. Shape: (n_texts, n_targets).
        """
        every = np.arange(len(self.counts))
        best = np.broadcast_to(every, (len(tokens), len(every)))
        if len(every) > 2 * CLOSEST:
            best = np.argpartition(scores, -CLOSEST, axis=1)[:, -CLOSEST:]
        found = np.zeros((len(tokens), len(every)))
        for row, some in enumerate(tokens):
            if not len(some):
                continue
            chosen = best[row]
            near = self._near(some, chosen)
            close = near.mean(axis=1, dtype=np.float64) - self.usual[chosen]
            found[row] = close.min()
            found[row, chosen] = close
            if heard is not None:
                heard(row, chosen, near - self.usual[chosen, None].astype(np.float32))
        return found

    def _near(self, tokens: TokenVectors, chosen: Indices) -> Near:
        """Cosine of each token with the nearest point of each document."""
        wide = tokens.astype(np.float32).T
        if len(chosen) == len(self.counts):
            return np.asarray(np.maximum.reduceat(self._wide @ wide, self._starts[:-1], axis=0))
        starts = self._starts
        return np.array(
            [(self._wide[starts[one] : starts[one + 1]] @ wide).max(axis=0) for one in chosen]
        )

    @cached_property
    def _wide(self) -> NDArray[np.float32]:
        return self.points.astype(np.float32)

    @cached_property
    def _starts(self) -> Indices:
        return np.concatenate([[0], np.cumsum(self.counts)])


def points_of(lines: Sequence[TokenVectors], width: int) -> TokenVectors:
    """Keep the tokens of a document, given line by line, as unit vectors.

    :return: Centroids; the tokens themselves where they are few. Shape: (n_points, width),
        `POINTS` at most.
    """
    nothing = np.zeros((1, width), dtype=np.float16)  # as near to anything as to the rest
    wide = np.concatenate([line for line in lines if len(line)] or [nothing]).astype(np.float32)
    distinct = np.unique(wide, axis=0)
    if len(distinct) <= POINTS:
        return distinct.astype(np.float16)
    from sklearn.cluster import KMeans

    means = KMeans(POINTS, init="random", n_init=1, max_iter=STEPS, random_state=0)
    return unit(means.fit(wide).cluster_centers_).astype(np.float16)
