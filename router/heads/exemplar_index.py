"""The exemplars of a head, and how a text is compared with all of them."""

from functools import cached_property
from typing import Self

import numpy as np
from msgspec import Struct, structs

from router.arrays import Indices, Similarities, Vectors
from router.heads.similarity import (
    FEWEST_POINTS,
    Graph,
    Int8Cosines,
    cosines,
    int8_graph,
    nearest_by_target,
)


class ExemplarIndex(Struct, frozen=True, dict=True, eq=False, kw_only=True):
    """What heads of exemplars have in common. `names` are the targets in the order of columns."""

    names: tuple[str, ...]
    exemplars: Vectors  # (n_exemplars, width), target by target
    counts: Indices  # (n_targets,): the number of exemplars of each target
    graph: Graph | None = None  # the exemplars in 8 bits, where that is faster

    @cached_property
    def starts(self) -> Indices:
        """Where the exemplars of each target begin. Shape: (n_targets,)."""
        return np.cumsum(self.counts) - self.counts

    def similarities(self, vectors: Vectors) -> Similarities:
        """Compute the cosine of each text with each exemplar. Shape: (n_texts, n_exemplars)."""
        if self._int8_cosines is None:
            return cosines(vectors, self.exemplars)
        return self._int8_cosines.cosines(vectors)

    def nearest(self, vectors: Vectors) -> Similarities:
        """Compute the cosine with each target's closest exemplar. Shape: (n_texts, n_targets)."""
        return nearest_by_target(self.similarities(vectors), self.starts)

    @cached_property
    def _int8_cosines(self) -> Int8Cosines | None:
        return None if self.graph is None else Int8Cosines(self.graph)

    def with_int8_index(self) -> Self:
        """Read the exemplars in 8 bits from now on, where they are many enough to be faster."""
        if len(self.exemplars) < FEWEST_POINTS:
            return self
        return structs.replace(self, graph=int8_graph(self.exemplars))
