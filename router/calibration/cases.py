"""Labelled texts as arrays: what a router would do unasked, and whether that is right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from router.arrays import Bools, Floats, Indices
from router.decisions.outcome import ACTIONS, CLARIFY, NONE, Outcome
from router.decisions.policy import CompiledPolicy, PolicyResult
from router.logs.labels import Gold, accepts
from router.model.model import Evidence, Model
from router.statistics.platt import PlattScaling

if TYPE_CHECKING:
    from router.router import Router

UNSEEN = 99
"""Rank of a target that is never offered."""


@dataclass(frozen=True)
class Cases:
    """One labelled text a row. Confidences are as they come, before any map."""

    action: NDArray[np.int8]  # an index of ACTIONS: what is decided unasked
    sure: Floats  # how sure of that
    ask: Floats  # probability that a detail is missing
    right: Bools  # what is decided unasked is acceptable
    fair: Bools  # a question is acceptable
    must: Bools  # nothing else is
    near: Bools  # close enough to be asked about at all
    several: Bools  # at least two targets contend
    rank: Indices  # of the truth among the contenders; 0 where "none of these" is true
    truth: Floats  # probability of the truth; 1 where "none of these" is true
    outside: Floats  # how likely it is nothing of ours
    none: Bools  # nothing of ours is right
    asked: Bools  # by the router as it is
    told: Floats  # the confidence that the router as it is tells unasked

    def __len__(self) -> int:
        return len(self.action)

    def take(self, rows: Indices | Bools) -> "Cases":
        """Take some of the rows."""
        return replace(self, **{one.name: getattr(self, one.name)[rows] for one in fields(self)})

    @classmethod
    def join(cls, parts: Sequence["Cases"]) -> "Cases":
        """Put cases one after the other."""
        names = [one.name for one in fields(cls)]
        return cls(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})

    @classmethod
    def of(
        cls,
        router: "Router",
        texts: Sequence[str],
        golds: Sequence[Gold],
        reading: Evidence | None = None,
    ) -> "Cases":
        """Decide texts, each with its label."""
        model = router.model
        if reading is None:
            reading = router.evidence_and_result(texts)[0]
        now = router.policy.decide(reading)
        plain = msgspec.structs.replace(
            router.pack.file.policy, confidence=PlattScaling(), confidence_threshold=0.0
        )
        rules = CompiledPolicy.of(router.pack, model.layout, model.statistics, policy=plain)
        verdicts = rules.decide(reading)
        outcomes = _unasked(router, verdicts)
        order = router.pack.precedence
        rank, truth, several = _truths(model, rules, reading, golds)
        pairs = list(zip(golds, outcomes, strict=True))
        return cls(
            action=verdicts.unasked_action,
            sure=verdicts.unasked_confidence,
            ask=reading.missing_detail,
            right=np.array([accepts(gold, outcome, order) for gold, outcome in pairs], dtype=bool),
            fair=np.array([gold.may_ask for gold in golds], dtype=bool),
            must=np.array([gold.must_ask for gold in golds], dtype=bool),
            near=reading.nearest_similarity >= rules.similarity_threshold,
            several=several,
            rank=rank,
            truth=truth,
            outside=model.out_of_scope(reading),
            none=np.array([gold.action == "none" for gold in golds], dtype=bool),
            asked=now.action == CLARIFY,
            told=now.unasked_confidence,
        )


def _unasked(router: "Router", verdicts: PolicyResult) -> list[Outcome]:
    skills, packs = list(router.pack.skills), list(router.pack.neighbours)
    return [
        Outcome(
            ACTIONS[action],
            tuple(skills[i] for i in chosen if i >= 0),
            tuple(packs[i] for i in np.flatnonzero(named)) if action != NONE else (),
        )
        for action, chosen, named in zip(
            verdicts.unasked_action, verdicts.skills, verdicts.neighbours, strict=True
        )
    ]


def _truths(
    model: Model, rules: CompiledPolicy, reading: Evidence, golds: Sequence[Gold]
) -> tuple[Indices, Floats, Bools]:
    """Rank and probability of what is right among the contenders; whether two contend."""
    columns, likely = rules.candidates.ranked(reading, rules.shares_without_questions(reading))
    rank = np.full(len(golds), UNSEEN, dtype=np.intp)
    truth = np.zeros(len(golds))
    for row, gold in enumerate(golds):
        seats = {
            model.names[column]: seat
            for seat, (column, share) in enumerate(zip(columns[row], likely[row], strict=True))
            if share >= 0.0
        }
        rank[row] = _rank(gold, seats)
        if gold.allows("none"):
            rank[row], truth[row] = 0, 1.0
        elif rank[row] != UNSEEN:
            truth[row] = likely[row, rank[row]]
    return rank, truth, (likely >= 0.0).sum(axis=1) >= 2


def _rank(gold: Gold, seats: Mapping[str, int]) -> int:
    """How far down what is right stands: the last of all required skills, or one acceptable."""
    ways = []
    if gold.allows("route"):
        required = [seats.get(f"skill:{one}", UNSEEN) for one in gold.skills]
        also = [seats.get(f"skill:{one}", UNSEEN) for one in gold.ok_skills]
        ways += [max(required)] if required else []
        ways += also if len(required) < 2 else []
    if gold.allows("redirect"):
        ways += [seats.get(f"neighbour:{one}", UNSEEN) for one in (*gold.packs, *gold.ok_packs)]
    return min(ways, default=UNSEEN)
