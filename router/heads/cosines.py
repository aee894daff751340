"""Dot products of a few texts with many points, at the speed of memory."""

import numpy as np
from numpy.typing import NDArray

from router.arrays import Vectors

FEW = 16
"""Texts up to which a product text by text is faster than one of matrices."""

BLOCK = 64
"""Points at a time: so few that BLAS starts no threads, which on a busy machine wait for a core."""


def cosines(vectors: Vectors, points: Vectors) -> NDArray[np.float32]:
    """Cosine of each text with each point, both of them unit rows.

    A product of matrices packs all points anew for every call: with a few texts that alone takes
    ten times as long as the sums.

    :return: Shape: (n_texts, n_points), in [-1, 1].
    """
    if len(vectors) > FEW or len(points) < BLOCK:
        return np.asarray(vectors @ points.T, dtype=np.float32)
    whole = len(points) // BLOCK * BLOCK
    blocks = points[:whole].reshape(-1, BLOCK, points.shape[1])
    found = np.empty((len(vectors), len(points)), dtype=np.float32)
    for row, vector in zip(found, vectors, strict=True):
        np.matmul(blocks, vector, out=row[:whole].reshape(-1, BLOCK))
        row[whole:] = points[whole:] @ vector
    return found
