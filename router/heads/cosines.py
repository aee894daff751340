"""Products of a few rows with a large matrix, at the speed of memory and on one core."""

import numpy as np
from numpy.typing import NDArray

from router.arrays import Vectors

FEW = 16
"""Texts up to which a product text by text is faster than one of matrices."""

BLOCK = 64
"""Points at a time: so few that BLAS starts no threads, which on a busy machine wait for a core."""

ALONE = 24_000
"""Numbers of a block at most, for the same reason."""

STEPS = 250_000
"""Products of numbers up to which BLAS stays on one core: else its threads spin on the others for
some milliseconds more, beside whatever runs there by then."""


def cosines(vectors: Vectors, points: Vectors) -> NDArray[np.float32]:
    """Cosine of each text with each point, both of them unit rows.

    A product of matrices packs all points anew for every call: with a few texts that alone takes
    ten times as long as the sums.

    :return: Shape: (n_texts, n_points), in [-1, 1].
    """
    if len(vectors) > FEW or len(points) < BLOCK:
        return _by_rows(vectors, points)
    whole = len(points) // BLOCK * BLOCK
    blocks = points[:whole].reshape(-1, BLOCK, points.shape[1])
    found = np.empty((len(vectors), len(points)), dtype=np.float32)
    for row, vector in zip(found, vectors, strict=True):
        np.matmul(blocks, vector, out=row[:whole].reshape(-1, BLOCK))
        row[whole:] = points[whole:] @ vector
    return found


def _by_rows(vectors: Vectors, points: Vectors) -> NDArray[np.float32]:
    """Multiply as many rows at a time as stay on one core, unless the points are too many."""
    rows = STEPS // max(points.size, 1)
    if rows < 4 or len(vectors) <= rows:
        return np.asarray(vectors @ points.T, dtype=np.float32)
    found = np.empty((len(vectors), len(points)), dtype=np.float32)
    for start in range(0, len(vectors), rows):
        np.matmul(vectors[start : start + rows], points.T, out=found[start : start + rows])
    return found


def product(rows: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Multiply: `rows @ matrix`, of a few rows block by block.

    :param rows: Shape: (n, depth).
    :param matrix: Shape: (depth, width), contiguous.
    :return: Shape: (n, width).
    """
    depth, width = matrix.shape
    block = min(ALONE // max(width, 1), depth)
    if len(rows) > FEW or block < 2:
        return np.asarray(rows @ matrix)
    whole = depth // block * block
    parts = rows[:, :whole].reshape(len(rows), -1, 1, block)
    found = (parts @ matrix[:whole].reshape(-1, block, width)).sum(axis=(1, 2))
    return np.asarray(found + rows[:, whole:] @ matrix[whole:])
