"""Decides turns of conversations: reads them in context, and decides by the same policy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from msgspec import structs

from router.conversations.history import Turn
from router.conversations.mix import TurnsInContext, in_context
from router.conversations.turn_model import TurnModel
from router.decisions.builder import DecisionBuilder
from router.decisions.decision import Decision
from router.decisions.outcome import NONE, Outcome, OutcomeBatch
from router.decisions.policy import CompiledPolicy, PolicyResult
from router.encoders.cached import with_recent_vectors
from router.encoders.encoder import Encoder
from router.model.model import Evidence

ACKNOWLEDGED = "acknowledged"
"""The reason of a decision on a turn that only thanks, agrees or says goodbye."""

_SURE = 0.97
"""How sure it is that such a turn asks for nothing; of the authored ones, none did."""


@dataclass(frozen=True)
class DecidedTurns:
    """A batch of turns with what was decided, as arrays.

    :param result: As the policy decided, and "none" for turns that only acknowledge.
    """

    turns: TurnsInContext
    evidence: Evidence
    result: PolicyResult


@dataclass(frozen=True)
class TurnReader:
    """Decides turns with what came before them, for one router."""

    builder: DecisionBuilder
    encoder: Encoder
    policy: CompiledPolicy

    @cached_property
    def _recent(self) -> Encoder:
        return with_recent_vectors(self.encoder)

    def decide(
        self,
        texts: Sequence[str],
        histories: Sequence[Sequence[Turn]],
        restrict: Callable[[Evidence], Evidence] | None = None,
        turns: TurnModel | None = None,
    ) -> DecidedTurns:
        """Read and decide a batch of turns.

        :param histories: What was said before each text.
        :param restrict: Leaves out what can't be decided.
        :param turns: How much a turn needs what came before; the package's own weights if None.
        """
        read = in_context(self.builder.model, self._recent, texts, histories, turns)
        evidence = read.evidence if restrict is None else restrict(read.evidence)
        result = self.policy.decide(evidence)
        action, confidence = result.action.copy(), result.confidence.copy()
        action[read.acknowledged], confidence[read.acknowledged] = NONE, _SURE
        return DecidedTurns(read, evidence, replace(result, action=action, confidence=confidence))

    def decisions(self, decided: DecidedTurns) -> list[Decision]:
        """Build the decision of each turn, in order."""
        built = self.builder.decisions(decided.evidence, decided.result)
        return [
            structs.replace(decision, reason=ACKNOWLEDGED) if acknowledged else decision
            for decision, acknowledged in zip(
                built, decided.turns.acknowledged.tolist(), strict=True
            )
        ]

    def outcomes(self, decided: DecidedTurns) -> OutcomeBatch:
        """Build each different outcome of a batch of turns once."""
        batch = self.builder.outcomes(decided.evidence, decided.result)
        thanks = decided.turns.acknowledged
        if not thanks.any():
            return batch
        indices = batch.indices.copy()
        indices[thanks] = len(batch.outcomes)
        acknowledged = Outcome("none", reason=ACKNOWLEDGED)
        return replace(batch, outcomes=(*batch.outcomes, acknowledged), indices=indices)
