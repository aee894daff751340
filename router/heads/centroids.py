"""Exemplars to unit centroids: the evidence that a person can read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.arrays import Floats, Similarities, Vectors
from router.heads.cosines import cosines


@dataclass(frozen=True)
class Centroids:
    """One unit vector a target. `names` are the targets in the order of the rows."""

    names: tuple[str, ...]
    vectors: Vectors  # (n_targets, width)

    @classmethod
    def of(cls, vectors: Vectors, labels: Sequence[str]) -> "Centroids":
        """Average the unit vectors of each label, and scale to length 1."""
        names, codes, counts = np.unique(
            np.asarray(labels), return_inverse=True, return_counts=True
        )
        return cls(tuple(names.tolist()), unit(sums_of(vectors, codes, counts)))

    def similarities(self, vectors: Vectors) -> Similarities:
        """Cosine of each text with each centroid. Shape: (n_texts, n_targets), in [-1, 1]."""
        return cosines(vectors, self.vectors)


def sums_of(vectors: Vectors, codes: NDArray[np.intp], counts: NDArray[np.intp]) -> Floats:
    """Add up the vectors of each target. In double precision their order makes no difference.

    :param codes: The target of each vector. Shape: (n,).
    :param counts: How many vectors each target has, at least one. Shape: (n_targets,).
    :return: Shape: (n_targets, width).
    """
    if not len(counts):
        return np.zeros((0, vectors.shape[1]))
    together = vectors[np.argsort(codes, kind="stable")].astype(np.float64)
    return np.asarray(np.add.reduceat(together, np.cumsum(counts) - counts, axis=0))


def unit(rows: np.ndarray) -> Vectors:
    """Scale rows to length 1; a zero row stays zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths == 0, 1.0, lengths), dtype=np.float32)
