"""Labelled texts as arrays: what a router would decide without a question, and whether it may."""

from collections.abc import Iterable, Mapping, Sequence
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
from router.text import clip_query

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
        """Decide texts, each with its label."""
        settings = msgspec.structs.replace(
            pack.file.policy,
            confidence=PlattScaling(),
            ask_threshold=_NEVER,
            confidence_threshold=0.0,
        )
        policy = CompiledPolicy.of(pack, model.layout, model.statistics, policy=settings)
        builder = DecisionBuilder(pack, model)
        parts = []
        for start in range(0, len(texts), _BATCH):
            batch = [clip_query(text) for text in texts[start : start + _BATCH]]
            evidence = model.evidence(batch, encoder)
            parts.append(cls._of_batch(builder, policy, evidence, labels[start : start + _BATCH]))
        return cls.join(parts)

    @classmethod
    def _of_batch(
        cls,
        builder: DecisionBuilder,
        policy: CompiledPolicy,
        evidence: Evidence,
        labels: Sequence[Gold],
    ) -> "Cases":
        model, result = builder.model, policy.decide(evidence)
        decided = builder.outcomes(evidence, result)
        outcomes = [decided.outcomes[index] for index in decided.indices]
        truth_rank, truth_probability = _truths(model.names, policy, evidence, labels)

        def marked(values: Iterable[bool]) -> Bools:
            return np.array(list(values), dtype=np.bool_)

        return cls(
            action=result.action,
            confidence=result.confidence,
            ask_probability=evidence.missing_detail,
            correct=marked(map(accepts, labels, outcomes, repeat(policy.precedence))),
            may_ask=marked(label.may_ask for label in labels),
            must_ask=marked(label.must_ask for label in labels),
            in_scope=result.in_scope,
            has_alternatives=policy.candidates.has_alternatives(evidence),
            truth_rank=truth_rank,
            truth_probability=truth_probability,
            outside=model.out_of_scope(evidence),
            is_outside=marked(label.action == "none" for label in labels),
        )


def _truths(
    names: Sequence[str], policy: CompiledPolicy, evidence: Evidence, labels: Sequence[Gold]
) -> tuple[Indices, Floats]:
    """Rank and probability of the right target among those that could be offered."""
    columns, likely = policy.candidates.ranked(evidence, policy.shares_without_questions(evidence))
    ranks = np.full(len(labels), NOT_OFFERED, dtype=np.intp)
    probabilities = np.zeros(len(labels))
    for row, label in enumerate(labels):
        offered = likely[row] >= 0.0
        rank_of = {names[column]: rank for rank, column in enumerate(columns[row, offered])}
        ranks[row] = _truth_rank(label, rank_of)
        if label.allows("none"):
            ranks[row], probabilities[row] = 0, 1.0
        elif ranks[row] != NOT_OFFERED:
            probabilities[row] = likely[row, ranks[row]]
    return ranks, probabilities


def _truth_rank(label: Gold, rank_of: Mapping[str, int]) -> int:
    """Rank of the right target: of the last required skill, or of the best acceptable target."""
    ranks = []
    if label.allows("route"):
        required = [rank_of.get(f"skill:{skill}", NOT_OFFERED) for skill in label.skills]
        ranks += [max(required)] if required else []
        if len(required) < 2:
            ranks += [rank_of.get(f"skill:{skill}", NOT_OFFERED) for skill in label.ok_skills]
    if label.allows("redirect"):
        neighbours = (*label.packs, *label.ok_packs)
        ranks += [rank_of.get(f"neighbour:{pack}", NOT_OFFERED) for pack in neighbours]
    return min(ranks, default=NOT_OFFERED)
