"""Labelled texts as arrays: what a router would decide without a question, and whether it may."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import repeat
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from router.arrays import Bools, Floats, Indices
from router.decisions.builder import DecisionBuilder
from router.decisions.policy import CompiledPolicy
from router.encoders.encoder import Encoder
from router.logs.labels import Gold, accepts
from router.model.model import Evidence, Model
from router.packs.pack import Pack
from router.statistics.probability import PlattScaling
from router.text import clip_queries

NOT_OFFERED = 99
"""Rank of a target that is never offered as an option."""

_BATCH = 512
"""Texts that are read at a time."""

_NEVER = 2.0
"""A threshold that no probability reaches."""


@dataclass(frozen=True)
class ArrayRows:
    """Arrays of the same length; a row is what they hold at one index."""

    def take(self, rows: Indices | Bools) -> Self:
        """Take some of the rows."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _names(self)})

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Put the rows of several parts one after the other."""
        arrays = {name: [getattr(part, name) for part in parts] for name in _names(cls)}
        return cls(**{name: np.concatenate(columns) for name, columns in arrays.items()})


def _names(rows: ArrayRows | type[ArrayRows]) -> list[str]:
    return [field.name for field in fields(rows)]


@dataclass(frozen=True)
class Cases(ArrayRows):
    """One labelled text a row. Confidences are those before any probability map."""

    action: NDArray[np.int8]  # an index of ACTIONS: what is decided without a question
    confidence: Floats  # of that
    ask_probability: Floats  # the deciding detail is missing; 0 if the pack has no question
    correct: Bools  # what is decided without a question is acceptable
    may_ask: Bools  # a question is acceptable
    must_ask: Bools  # nothing else is
    in_scope: Bools  # an exemplar is close enough to ask about the text at all
    has_alternatives: Bools  # at least two targets could be offered as options
    truth_rank: Indices  # of the right target among these; 0 where "none of these" is right
    truth_probability: Floats  # of the right target; 1 where "none of these" is right
    outside: Floats  # how likely the text is nothing of ours
    is_outside: Bools  # nothing of ours is right
    doubtful: Bools  # asked about by rate, or because it may not belong here

    def __len__(self) -> int:
        return len(self.action)

    @classmethod
    def of(
        cls,
        pack: Pack,
        encoder: Encoder,
        model: Model,
        texts: Sequence[str],
        labels: Sequence[Gold],
    ) -> "Cases":
        """Decide texts without asking about any, each with its label."""
        never = {"confidence": PlattScaling(), "ask_threshold": _NEVER, "confidence_threshold": 0.0}
        rate = None if pack.ask_rate is None else 0.0
        settings = msgspec.structs.replace(pack.file.policy, ask_rate=rate, **never)
        policy = CompiledPolicy.of(pack, model.layout, model.statistics, policy=settings)
        own = CompiledPolicy.of(pack, model.layout, model.statistics)
        builder, parts = DecisionBuilder(pack, model), []
        for start in range(0, len(texts), _BATCH):
            batch = clip_queries(texts[start : start + _BATCH])
            golds = labels[start : start + _BATCH]
            evidence = model.evidence(batch, encoder)
            result = policy.decide(evidence)
            decided = builder.outcomes(evidence, result)
            outcomes = [decided.outcomes[index] for index in decided.indices]
            truth_rank, truth_probability = _truths(model.names, policy, evidence, golds)
            part = cls(
                action=result.action,
                confidence=result.confidence,
                ask_probability=policy.missing_detail(evidence),
                correct=_bools(map(accepts, golds, outcomes, repeat(pack.precedence))),
                may_ask=_bools(gold.may_ask for gold in golds),
                must_ask=_bools(gold.must_ask for gold in golds),
                in_scope=result.in_scope,
                has_alternatives=policy.candidates.has_alternatives(evidence),
                truth_rank=truth_rank,
                truth_probability=truth_probability,
                outside=model.out_of_scope(evidence),
                is_outside=_bools(gold.action == "none" for gold in golds),
                doubtful=own.decide(evidence).unsure
                if own.asks_by_rate
                else own.decide(evidence).strange,
            )
            parts.append(part)
        return cls.join(parts)


def _bools(values: Iterable[bool]) -> Bools:
    return np.array(list(values), dtype=np.bool_)


def _truths(
    names: Sequence[str], policy: CompiledPolicy, evidence: Evidence, golds: Sequence[Gold]
) -> tuple[Indices, Floats]:
    """Rank and probability of the right target among those that could be offered."""
    columns, likely = policy.candidates.ranked(evidence, policy.shares_without_questions(evidence))
    ranks = np.full(len(golds), NOT_OFFERED, dtype=np.intp)
    probabilities = np.zeros(len(golds))
    for row, gold in enumerate(golds):
        offered = likely[row] >= 0.0
        rank_of = {names[column]: rank for rank, column in enumerate(columns[row, offered])}
        ranks[row] = min(
            (max(rank_of.get(target, NOT_OFFERED) for target in way) for way in _right_ways(gold)),
            default=NOT_OFFERED,
        )
        if gold.allows("none"):
            ranks[row], probabilities[row] = 0, 1.0
        elif ranks[row] != NOT_OFFERED:
            probabilities[row] = likely[row, ranks[row]]
    return ranks, probabilities


def _right_ways(gold: Gold) -> list[list[str]]:
    """Each way to decide right without a question: the targets that it takes together."""
    ways = []
    if gold.allows("route"):
        ways += [[f"skill:{skill}" for skill in gold.skills]] if gold.skills else []
        ways += [[f"skill:{skill}"] for skill in gold.ok_skills] if len(gold.skills) < 2 else []
    if gold.allows("redirect"):
        ways += [[f"neighbour:{neighbour}"] for neighbour in (*gold.packs, *gold.ok_packs)]
    return ways
