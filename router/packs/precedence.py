"""Execution order: a strict partial order of skills."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import combinations


@dataclass(frozen=True)
class Precedence:
    """Pairs (earlier, later), closed under transitivity."""

    pairs: frozenset[tuple[str, str]]

    @classmethod
    def of_chains(cls, chains: Iterable[Sequence[Sequence[str]]]) -> "Precedence":
        """Order every member of a chain's step before those of its later steps.

        :param chains: Chains of steps; the members of one step are free among themselves.
        :raises ValueError: The chains contradict each other; the message names the cycle.
        """
        after: dict[str, set[str]] = {}
        for chain in chains:
            for index, step in enumerate(chain):
                later = {skill for later_step in chain[index + 1 :] for skill in later_step}
                for skill in step:
                    after.setdefault(skill, set()).update(later)
        try:
            backwards = list(TopologicalSorter(after).static_order())
        except CycleError as error:
            raise ValueError(f"a cycle: {' before '.join(reversed(error.args[1]))}") from error
        for skill in backwards:  # the last skills first, so that each set is complete when used
            for later_skill in tuple(after.get(skill, ())):
                after[skill] |= after.get(later_skill, set())
        return cls(frozenset((a, b) for a, later in after.items() for b in later))

    @classmethod
    def learnt(cls, orders: Iterable[Sequence[str]]) -> "Precedence":
        """Take over what exemplars of several skills agree on.

        :param orders: The skills of each exemplar, in execution order. Two of them are ordered if
            two exemplars have them in one order, and none has them in the other.
        """
        counts = Counter(pair for skills in orders for pair in combinations(skills, 2))
        agreed = [
            ((earlier,), (later,))
            for (earlier, later), count in counts.items()
            if count > 1 and not counts[later, earlier]
        ]
        try:
            return cls.of_chains(agreed)
        except ValueError:  # they go in a circle
            return cls(frozenset())

    def before(self, earlier: str, later: str) -> bool:
        """Whether `earlier` must come before `later`."""
        return (earlier, later) in self.pairs

    def sort(self, skills: Iterable[str]) -> tuple[str, ...]:
        """Sort skills into execution order; skills that nothing orders keep their given order."""
        remaining = list(dict.fromkeys(skills))
        ordered: list[str] = []
        while remaining:
            first = next(b for b in remaining if not any(self.before(a, b) for a in remaining))
            remaining.remove(first)
            ordered.append(first)
        return tuple(ordered)
