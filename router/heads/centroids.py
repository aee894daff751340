"""Exemplars to unit centroids: the evidence that a person can read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import Similarities, Vectors
from router.heads.cosines import cosines


@dataclass(frozen=True)
class Centroids:
    """One unit vector a target. `names` are the targets in the order of the rows."""

    names: tuple[str, ...]
    vectors: Vectors  # (n_targets, width)

    @classmethod
    def of(cls, vectors: Vectors, labels: Sequence[str]) -> "Centroids":
        """Average the unit vectors of each label, and scale to length 1."""
        names, codes = np.unique(np.asarray(labels), return_inverse=True)
        member = np.eye(len(names), dtype=np.float64)[codes]  # (n, n_targets)
        # Sorted sums would not be exactly alike in another order; float64 hides that.
        means = member.T @ vectors.astype(np.float64)
        return cls(tuple(names.tolist()), unit(means))

    def similarities(self, vectors: Vectors) -> Similarities:
        """Cosine of each text with each centroid. Shape: (n_texts, n_targets), in [-1, 1]."""
        return cosines(vectors, self.vectors)


def unit(rows: np.ndarray) -> Vectors:
    """Scale rows to length 1; a zero row stays zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths == 0, 1.0, lengths), dtype=np.float32)
