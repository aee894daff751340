"""Late interaction: each token of a query is compared with the tokens of each document.

The closeness is the mean, over the tokens of a query, of the cosine with the nearest token of a
document (ColBERT, Khattab & Zaharia 2020), here with an encoder that was not trained for it. One
vector tells what a text is about; tokens find the one line that is meant. Of a document those lines
are read that state what it is for.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.arrays import Floats, Indices, TokenVectors
from router.heads.lexicon import BoundedCache
from router.heads.scores import TokenSimilarities

MAX_TOKENS = 192
"""Tokens of a document at most, from its beginning."""

_READ_DOCUMENTS = 8
"""Documents whose tokens are read for each text: those that all other evidence speaks for."""

_MAX_WIDE_BYTES = 1 << 30
"""Bytes of the points that are kept in single precision at most."""


class LateInteraction(Struct, frozen=True, dict=True, eq=False):
    """The tokens of the document of each target, and how close everyday queries come to them."""

    points: TokenVectors  # (n_points, width): target by target
    counts: Indices  # (n_targets,): the number of points of each target
    baseline: Floats  # (n_targets,): the mean closeness of everyday queries

    @classmethod
    def of(cls, points: Sequence[TokenVectors], baseline: Floats) -> "LateInteraction":
        """Put documents together.

        :param points: The tokens of each target, see `first_tokens`.
        :param baseline: See `mean_closeness`. Shape: (n_targets,).
        """
        counts = np.array([len(of_target) for of_target in points], dtype=np.intp)
        return cls(np.concatenate(points), counts, baseline)

    def closeness(self, tokens: Sequence[TokenVectors], other_evidence: Floats) -> Floats:
        """Tell how much closer each text is to each document than everyday queries are.

        Of many documents only those that `other_evidence` speaks for are read; the others count as
        far away as the farthest of these.

        :param tokens: The tokens of each text.
        :param other_evidence: Log odds of the targets. Shape: (n_texts, n_targets).
        :return: Differences of mean cosines, in [-2, 2]. Shape: (n_texts, n_targets).
        """
        columns = np.arange(len(self.counts))
        best = np.broadcast_to(columns, (len(tokens), len(columns)))
        if len(columns) > 2 * _READ_DOCUMENTS:
            best = np.argpartition(other_evidence, -_READ_DOCUMENTS, axis=1)[:, -_READ_DOCUMENTS:]
        closeness = np.zeros((len(tokens), len(columns)))
        for row, of_text in enumerate(tokens):
            if not len(of_text):
                continue
            chosen = best[row]
            similarities = self._nearest(of_text, chosen)
            close = similarities.mean(axis=1, dtype=np.float64) - self.baseline[chosen]
            closeness[row] = close.min()
            closeness[row, chosen] = close
        return closeness

    def _nearest(self, tokens: TokenVectors, columns: Indices) -> TokenSimilarities:
        """Compute the cosine of each token with the nearest point of each of these documents."""
        wide = tokens.astype(np.float32).T
        return np.array([(self._wide_points[column] @ wide).max(axis=0) for column in columns])

    @cached_property
    def _wide_points(self) -> BoundedCache[int, NDArray[np.float32]]:
        """Of each document, when it is first read: most queries read few of many."""
        starts = self._starts
        return BoundedCache(
            lambda column: self.points[starts[column] : starts[column + 1]].astype(np.float32),
            _MAX_WIDE_BYTES,
        )

    @cached_property
    def _starts(self) -> Indices:
        return np.concatenate([[0], np.cumsum(self.counts)])


def mean_closeness(points: Iterable[TokenVectors], everyday: Sequence[TokenVectors]) -> Floats:
    """Tell how close queries come to each document on average; 0 if there are none.

    :param points: The tokens of each document.
    :param everyday: The tokens of queries that belong to no target.
    :return: Shape: (n_documents,).
    """
    tokens = [of_query for of_query in everyday if len(of_query)]
    if not tokens:
        return np.zeros(sum(1 for _ in points))
    lengths = np.array(list(map(len, tokens)))
    wide = np.concatenate(tokens).astype(np.float32).T
    nearest = np.array([(of_one.astype(np.float32) @ wide).max(axis=0) for of_one in points])
    sums = np.add.reduceat(nearest, lengths.cumsum() - lengths, axis=1, dtype=np.float64)
    return np.asarray((sums / lengths).mean(axis=1))


def first_tokens(lines: Sequence[TokenVectors], width: int) -> TokenVectors:
    """Give the first tokens of a document, line by line, each once.

    :return: Shape: (n_points, width), at most `MAX_TOKENS`.
    """
    empty = np.zeros((1, width), dtype=np.float16)  # a zero vector has cosine 0 with everything
    tokens = np.concatenate([line for line in lines if len(line)] or [empty])
    _, first = np.unique(tokens, axis=0, return_index=True)
    return tokens[np.sort(first)[:MAX_TOKENS]].astype(np.float16)
