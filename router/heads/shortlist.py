"""Many targets: only of the likeliest few are the exemplars read, so that a query stays fast."""

import numpy as np
from numpy.typing import NDArray

from router.arrays import Bools, Floats, Vectors
from router.heads.cosines import FEW, cosines

MOST = 32
"""Targets whose exemplars are read, for each text."""

UNREAD = -1.0
"""Stands for the cosine with an exemplar that was not read: as far away as can be."""


def worthwhile(n_targets: int) -> bool:
    """Whether reading the exemplars of `MOST` targets alone saves much."""
    return n_targets >= 2 * MOST


def likeliest(scores: Floats) -> Bools:
    """Mark the `MOST` best targets of each text.

    :param scores: What is known without the exemplars. Shape: (n_texts, more than MOST targets).
    :return: Shape: (n_texts, n_targets).
    """
    chosen = np.zeros(scores.shape, dtype=np.bool_)
    best = np.argpartition(scores, -MOST, axis=1)[:, -MOST:]
    chosen[np.arange(len(scores))[:, None], best] = True
    return chosen


def cosines_of(
    vectors: Vectors, exemplars: Vectors, counts: NDArray[np.intp], chosen: Bools | None
) -> NDArray[np.float32]:
    """Cosine of each text with the exemplars of its targets.

    :param exemplars: Unit rows, target by target. Shape: (n_exemplars, width).
    :param counts: How many exemplars each target has. Shape: (n_targets,).
    :param chosen: The targets of each text, see `likeliest`; all if None.
    :return: Shape: (n_texts, n_exemplars), in [-1, 1]; `UNREAD` for all other exemplars.
    """
    if chosen is None:
        return cosines(vectors, exemplars)
    if len(vectors) > FEW:
        read = np.repeat(chosen, counts, axis=1)
        return np.where(read, cosines(vectors, exemplars), np.float32(UNREAD))
    found = np.full((len(vectors), len(exemplars)), UNREAD, dtype=np.float32)
    for row, vector, marks in zip(found, vectors, chosen, strict=True):
        places = marks.repeat(counts).nonzero()[0]
        row[places] = cosines(vector[None], exemplars[places])[0]
    return found
