"""Everything that spoke for and against a decision, as a value."""

from dataclasses import dataclass

import numpy as np

from router.arrays import Vectors
from router.decisions.decision import Decision, Nearby
from router.decisions.narrate import Narrator
from router.decisions.outcome import ACTIONS
from router.model.concerns import clauses_of
from router.router import Router
from router.text import Phrases, words_of


@dataclass(frozen=True)
class TargetView:
    """A target with its cosine to the query in [-1, 1] and its probability in [0, 1]."""

    name: str
    similarity: float
    probability: float


@dataclass(frozen=True)
class QuestionView:
    """A question: how likely it is needed, what triggers it, whether the text answers it.

    `answered` is the cosine with the closest reply less that with the needy queries' centroid:
    the higher, the more the text says already what an answer would say.
    """

    id: str
    probability: float
    triggers: tuple[str, ...]
    answered: float


@dataclass(frozen=True)
class ClauseView:
    """A clause and the skill it speaks for."""

    text: str
    skill: str
    probability: float


@dataclass(frozen=True)
class Explanation:
    """Why a query went where it went; the lists begin with the likeliest."""

    decision: Decision
    rule: str
    targets: tuple[TargetView, ...]
    closest: tuple[Nearby, ...]
    questions: tuple[QuestionView, ...]
    further: tuple[ClauseView, ...]


def explanation_of(router: Router, text: str, most: int = 8) -> Explanation:
    """Explain the decision on one text, with up to `most` rows a list."""
    reading, verdicts = router.decide([text])
    model, narrator = router.model, Narrator(router.pack, router.model)
    likely = reading.probabilities[0]
    order = np.argsort(-likely, kind="stable")[:most]
    cosines = model.centroids.similarities(reading.vectors)[0]
    return Explanation(
        decision=narrator.decision(reading, verdicts, 0),
        rule=_rule(router, reading.ask[0], reading.closest[0], verdicts.action[0]),
        targets=tuple(
            TargetView(model.names[i], float(cosines[i]), float(likely[i])) for i in order
        ),
        closest=narrator.closest(reading, 0, most),
        questions=_questions(router, text, reading.vectors, likely),
        further=_clauses(router, text),
    )


def _rule(router: Router, ask: float, closest: float, action: int) -> str:
    """Say which rule of the policy decided."""
    policy, least = router.rules.policy, router.rules.similarity_threshold
    if closest < least:
        return f"no exemplar is closer than {closest:.2f}, below {least:.2f} -> none"
    if ACTIONS[action] == "clarify":
        return (
            f"a detail is missing with probability {ask:.2f}, from {policy.ask_threshold} on -> ask"
        )
    likeliest = f"the likeliest that is no question -> {ACTIONS[action]}"
    return (
        f"a detail is missing with probability {ask:.2f}, below {policy.ask_threshold}; {likeliest}"
    )


def _questions(
    router: Router, text: str, vector: Vectors, likely: np.ndarray
) -> tuple[QuestionView, ...]:
    words = words_of(text)
    columns = router.model.layout.questions.tolist()
    index = router.model.questions
    rows = [
        QuestionView(
            question.id,
            float(likely[column]),
            tuple(t for t in question.triggers if Phrases.of([t]).match(words)),
            float(index.answered(place, vector)[0]),
        )
        for place, (question, column) in enumerate(
            zip(router.pack.questions.values(), columns, strict=True)
        )
    ]
    return tuple(sorted(rows, key=lambda row: -row.probability))


def _clauses(router: Router, text: str) -> tuple[ClauseView, ...]:
    clauses = clauses_of(text)
    if not clauses:
        return ()
    vectors = router.encoder.encode(clauses)
    likely = router.model.head.probabilities(clauses, vectors)[:, router.model.layout.skills]
    skills = list(router.pack.skills)
    return tuple(
        ClauseView(clause, skills[row.argmax()], float(row.max()))
        for clause, row in zip(clauses, likely, strict=True)
    )
