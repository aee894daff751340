"""Everything that spoke for and against a decision, as a value."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import Floats
from router.conversations.history import History, read_history
from router.conversations.mix import TurnsInContext
from router.decisions.builder import DecisionBuilder
from router.decisions.decision import Decision, NearbyExemplar
from router.decisions.outcome import ACTIONS, CLARIFY
from router.decisions.policy import CompiledPolicy, Doubts, PolicyResult
from router.model.concerns import clauses_of
from router.model.doubt import DoubtThresholds
from router.model.model import Evidence
from router.router import Router
from router.text import Phrases


@dataclass(frozen=True)
class TargetScore:
    """A target with its cosine to the query in [-1, 1] and its probability in [0, 1]."""

    name: str
    similarity: float
    probability: float


@dataclass(frozen=True)
class QuestionScore:
    """A question and what speaks for it.

    :param probability: How likely the query needs it, in [0, 1].
    :param triggers: The triggers that the query contains.
    :param answered: The cosine with the closest reply, less that with the centroid of the queries
        that need the question: the higher, the more the text says already what an answer would say.
    """

    id: str
    probability: float
    triggers: tuple[str, ...]
    answered: float


@dataclass(frozen=True)
class ClauseScore:
    """A clause and the skill that it speaks for."""

    text: str
    skill: str
    probability: float


@dataclass(frozen=True)
class TwoReadings:
    """The probability of a target by the query alone, and in context; in [0, 1]."""

    name: str
    alone: float
    in_context: float


@dataclass(frozen=True)
class TwoLooks:
    """The probability of a target by the first encoder and by the second; in [0, 1]."""

    name: str
    first: float
    second: float


@dataclass(frozen=True)
class ContextReading:
    """How a query was read with what came before.

    :param weight: How much the reading in context counts, in [0, 1].
    :param leans_on: The earlier turns that it was read with, the oldest first.
    :param acknowledged: Whether the query only thanks, agrees or says goodbye.
    :param targets: The likeliest targets by either reading.
    """

    weight: float
    leans_on: tuple[str, ...]
    acknowledged: bool
    targets: tuple[TwoReadings, ...]


@dataclass(frozen=True)
class Explanation:
    """Why a query went where it went; each list begins with the likeliest.

    :param rule: The rule of the policy that decided, with its numbers.
    :param further_skills: Skills that may be further concerns, with the probability that the
        decision goes by.
    :param clauses: The clauses of the query, where a further concern is judged by clauses.
    :param context: How it was read with what came before; None without a history.
    :param looks: What each of two encoders says; empty where there was no second look.
    """

    decision: Decision
    rule: str
    targets: tuple[TargetScore, ...]
    nearest: tuple[NearbyExemplar, ...]
    questions: tuple[QuestionScore, ...]
    further_skills: tuple[tuple[str, float], ...]
    clauses: tuple[ClauseScore, ...]
    context: ContextReading | None = None
    looks: tuple[TwoLooks, ...] = ()


def explain(
    router: Router, text: str, most: int = 8, *, history: History | None = None
) -> Explanation:
    """Explain the decision on one text, with at most `most` rows in a list.

    :param history: What was said before, as of `Router.route`.
    """
    context = None
    if history is None:
        evidence, result = router.evidence_and_result([text])
    else:
        decided = router.decided_turns([text], [read_history(history)])
        evidence, result = decided.evidence, decided.result
        context = _context(router, decided.turns, most)
    model, builder = router.model, DecisionBuilder(router.pack, router.model, router.calibration)
    probabilities = evidence.probabilities[0]
    order = np.argsort(-probabilities, kind="stable")[:most]
    similarities = model.centroids.similarities(evidence.vectors)[0]
    extra = sorted(zip(router.pack.skills, evidence.extra_skills[0].tolist(), strict=True))
    return Explanation(
        decision=builder.decision(evidence, result, 0)
        if history is None
        else router.route(text, history=history),
        rule="the turn only thanks, agrees or says goodbye -> none"
        if context is not None and context.acknowledged
        else rule_in_words(router.policy, evidence, result),
        targets=tuple(
            TargetScore(model.names[i], float(similarities[i]), float(probabilities[i]))
            for i in order
        ),
        nearest=builder.nearest_exemplars(evidence, 0, most),
        questions=_question_scores(router, evidence),
        further_skills=tuple(
            pair for pair in sorted(extra, key=lambda pair: -pair[1]) if pair[1] > 0.0
        )[:most],
        clauses=_clauses(router, text),
        context=context,
        looks=_two_looks(model.names, evidence, most),
    )


def _two_looks(names: Sequence[str], evidence: Evidence, most: int) -> tuple[TwoLooks, ...]:
    """Show what both encoders say of the first text of a batch, if both looked at it."""
    looks = evidence.scores.looks
    if looks is None or not looks.twice[0]:
        return ()
    first, second = looks.first[0], looks.second[0]
    order = np.argsort(-np.maximum(first, second), kind="stable")[:most]
    return tuple(TwoLooks(names[i], float(first[i]), float(second[i])) for i in order)


def _context(router: Router, turns: TurnsInContext, most: int) -> ContextReading:
    """Show both readings of the first turn of a batch."""
    alone, in_context = turns.readings.alone.probabilities[0], turns.in_context[0]
    order = np.argsort(-np.maximum(alone, in_context), kind="stable")[:most]
    return ContextReading(
        weight=float(turns.weights[0]),
        leans_on=turns.readings.topics[0].texts,
        acknowledged=bool(turns.acknowledged[0]),
        targets=tuple(
            TwoReadings(router.model.names[i], float(alone[i]), float(in_context[i])) for i in order
        ),
    )


def rule_in_words(policy: CompiledPolicy, evidence: Evidence, result: PolicyResult) -> str:
    """Say which rule of the policy decided the first text of a batch, with its numbers."""
    doubts, limits = policy.doubts(evidence), policy.doubt
    if (
        doubts is not None
        and limits is not None
        and (policy.asks_by_rate or not result.in_scope[0])
    ):
        return _rule_by_rate(doubts, limits, result)
    if not result.in_scope[0]:
        similarity, threshold = evidence.nearest_similarity[0], policy.similarity_threshold
        return f"no exemplar is closer than {similarity:.2f}, below {threshold:.2f} -> none"
    unasked = ACTIONS[result.unasked_action[0]]
    missing = (
        f"a detail is missing with probability {result.ask_probability[0]:.2f},"
        f" threshold {policy.policy.question_threshold:.2f}"
    )
    confidence = (
        f"the confidence of the likeliest, {unasked}, is {result.unasked_confidence[0]:.2f},"
        f" threshold {policy.policy.least_confidence:.2f}"
    )
    if result.strange[0]:
        return f"{missing}; it is none of this about as likely -> ask if it belongs here"
    if result.unsure[0]:
        return f"{missing}; {confidence} -> ask which it is"
    if result.action[0] == CLARIFY:
        return f"{missing} -> ask"
    return f"{missing}; {confidence} -> {unasked}"


def _rule_by_rate(doubts: Doubts, limits: DoubtThresholds, result: PolicyResult) -> str:
    """Say which rule decided the first text, where a share of the texts is asked about."""
    strangeness, ambiguity = doubts.strangeness[0], doubts.ambiguity[0]
    if not result.in_scope[0]:
        return f"the strangeness is {strangeness:.2f}, from {limits.refused:.2f} on -> none"
    unasked = ACTIONS[result.unasked_action[0]]
    if np.isinf(limits.ambiguity):
        return f"nothing is asked, and the likeliest is {unasked} -> {unasked}"
    rule = (
        f"the ambiguity is {ambiguity:.2f}, threshold {limits.ambiguity:.2f}; the strangeness is"
        f" {strangeness:.2f}, threshold {limits.border:.2f}"
    )
    if result.unsure[0]:
        return f"{rule} -> ask which it is"
    if result.action[0] == CLARIFY:
        return f"a detail is missing with probability {result.ask_probability[0]:.2f} -> ask"
    return f"{rule} -> {unasked}"


def _question_scores(router: Router, evidence: Evidence) -> tuple[QuestionScore, ...]:
    words, index = evidence.words[0], router.model.questions
    probabilities: Floats = evidence.questions.probabilities[0]
    scores = [
        QuestionScore(
            question.id,
            float(probabilities[i]),
            tuple(line for line in question.triggers if Phrases.of([line]).match(words)),
            float(index.answered(i, evidence.vectors)[0]),
        )
        for i, question in enumerate(router.pack.questions.values())
    ]
    return tuple(sorted(scores, key=lambda score: -score.probability))


def _clauses(router: Router, text: str) -> tuple[ClauseScore, ...]:
    clauses = clauses_of(text)
    if not clauses:
        return ()
    vectors = router.encoder.encode(clauses)
    likely = router.model.head.probabilities(clauses, vectors)[:, router.model.layout.skills]
    skills = list(router.pack.skills)
    return tuple(
        ClauseScore(clause, skills[row.argmax()], float(row.max()))
        for clause, row in zip(clauses, likely, strict=True)
    )
