"""Which column is which target."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from router.arrays import Indices
from router.packs.pack import Pack


@dataclass(frozen=True)
class Layout:
    """Which columns of the probabilities are which targets, in the order of the pack's file."""

    skills: Indices
    neighbours: Indices
    questions: Indices
    none: Indices  # one column, or empty if the pack has no exemplars for "none"

    @cached_property
    def unasked(self) -> Indices:
        """Columns of what can be decided without a question: skills, neighbours, none."""
        return np.concatenate([self.skills, self.neighbours, self.none])

    @cached_property
    def targets(self) -> Indices:
        """Columns of skills and neighbours."""
        return np.concatenate([self.skills, self.neighbours])

    @classmethod
    def of(cls, pack: Pack, names: Sequence[str]) -> "Layout":
        """Find the columns of the pack's targets."""
        column = {name: index for index, name in enumerate(names)}

        def columns(kind: str, ids: Sequence[str]) -> Indices:
            return np.array([column[f"{kind}:{target}"] for target in ids], dtype=np.intp)

        return cls(
            skills=columns("skill", list(pack.skills)),
            neighbours=columns("neighbour", list(pack.neighbours)),
            questions=columns("question", list(pack.questions)),
            none=np.array([column["none"]] if "none" in column else [], dtype=np.intp),
        )
