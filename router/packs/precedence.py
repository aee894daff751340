"""Which skill comes before which: a strict partial order, declared as data."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter


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
            for place, step in enumerate(chain):
                later = {skill for group in chain[place + 1 :] for skill in group}
                for skill in step:
                    after.setdefault(skill, set()).update(later)
        try:
            backwards = list(TopologicalSorter(after).static_order())
        except CycleError as error:
            raise ValueError(f"a cycle: {' before '.join(reversed(error.args[1]))}") from error
        for skill in backwards:  # what comes last is closed first
            for later_skill in tuple(after.get(skill, ())):
                after[skill] |= after.get(later_skill, set())
        return cls(frozenset((a, b) for a, others in after.items() for b in others))

    def before(self, earlier: str, later: str) -> bool:
        """Whether `earlier` must come before `later`."""
        return (earlier, later) in self.pairs

    def sort(self, skills: Iterable[str]) -> tuple[str, ...]:
        """Put skills into execution order; what nothing orders keeps the order of mention."""
        left = list(dict.fromkeys(skills))
        done: list[str] = []
        while left:
            first = next(s for s in left if not any(self.before(other, s) for other in left))
            left.remove(first)
            done.append(first)
        return tuple(done)
