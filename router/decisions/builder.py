"""From arrays to decisions that a person reads: the reason in one sentence, and the evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from router.arrays import Indices, Similarities, Vectors
from router.decisions.decision import (
    COMPOSED_ID,
    SCOPE_ID,
    AskedQuestion,
    Clarify,
    Decision,
    NearbyExemplar,
    NoRoute,
    OfferedOption,
    Ranked,
    Redirect,
    Route,
)
from router.decisions.differences import differences_of
from router.decisions.outcome import (
    ACTIONS,
    CLARIFY,
    NONE,
    REDIRECT,
    ROUTE,
    Outcome,
    OutcomeBatch,
)
from router.decisions.policy import PolicyResult
from router.heads.similarity import cosines
from router.model.model import Evidence, Model
from router.packs.labels import readable
from router.packs.pack import Pack
from router.packs.parts import Destination, ScopeQuestion

_MAX_EVIDENCE = 3
"""The closest exemplars that a decision shows."""


_OTHER_LANGUAGE = (
    "This seems to be in another language than the exemplars; an encoder for many languages may"
    " understand it."
)
_STRANGE = "It is not clear that this belongs here."


class ConfidenceIntervals(Protocol):
    """How far a stated confidence can be trusted, as a calibration tells."""

    def interval(self, kind: str, confidence: float) -> tuple[float, ...]:
        """Give the 95 % interval, or nothing.

        :param kind: "decided", "missing" (a detail) or "unsure" (asked for that).
        """
        ...


@dataclass(frozen=True)
class DecisionBuilder:
    """Builds the decisions of a batch."""

    pack: Pack
    model: Model
    intervals: ConfidenceIntervals | None = None

    def decisions(self, evidence: Evidence, result: PolicyResult) -> list[Decision]:
        """Build the decision of each text of a batch, in order."""
        return [self.decision(evidence, result, row) for row in range(len(evidence.texts))]

    def decision(self, evidence: Evidence, result: PolicyResult, row: int) -> Decision:
        """Build the decision of one text, with its reason and evidence."""
        confidence = round(min(max(float(result.confidence[row]), 0.0), 1.0), 4)
        looks = evidence.scores.looks
        fields = {
            "confidence": confidence,
            "margin": round(float(result.margin[row]), 4),
            "categories": self.categories(evidence, row),
            "evidence": self.nearest_exemplars(evidence, row),
            "ranking": self.ranking(evidence, row),
            "interval": self._interval(result, row, confidence),
            "second_look": looks is not None and bool(looks.twice[row]),
            "truncated": bool(evidence.truncated[row]),
        }
        return self._with_reason(evidence, result, row, fields)

    def ranking(
        self, evidence: Evidence, row: int, k: int | None = _MAX_EVIDENCE
    ) -> tuple[Ranked, ...]:
        """List the likeliest skills and neighbours of a text, `k` of them or all.

        Where clauses were read, what each of them asks for ranks next to the likeliest of all.
        """
        shares = evidence.probabilities[row, self.model.layout.targets]
        if evidence.mentions is not None and self.model.is_made_of_tools:
            top, n_skills = shares.argmax(), len(self.model.layout.skills)
            shares[:n_skills] += evidence.mentions.probabilities[row]
            shares[top] = shares.max() + 1e-9
        shares = shares / max(float(shares.sum()), 1e-12)
        best = np.argsort(-shares, kind="stable")[:k]
        return tuple(
            Ranked(self._target_ids[index], round(float(shares[index]), 4))
            for index in best.tolist()
        )

    def outcomes(self, evidence: Evidence, result: PolicyResult) -> OutcomeBatch:
        """Build each different outcome of a batch once, without evidence."""
        action = result.action
        named = result.neighbours & np.isin(action, (ROUTE, REDIRECT))[:, None]
        likely = np.where(named, evidence.probabilities[:, self.model.layout.neighbours], -1.0)
        order = np.argsort(-likely, axis=1, kind="stable")
        composed = (action == CLARIFY) & (result.question >= len(self._questions))
        what_differs = [
            action,
            np.where(action == CLARIFY, result.question, -1),
            *np.where(composed[:, None], result.candidates, -1).T,
            result.unsure,
            result.strange,
            evidence.truncated,
            evidence.foreign & (result.strange | (action == NONE)),
            np.where(action == NONE, self._nearest_skills(evidence.vectors), -1),
            *np.where((action == ROUTE)[:, None], result.skills, -1).T,
            *np.where(np.take_along_axis(named, order, axis=1), order, -1).T,
        ]
        _, first, kind = np.unique(
            np.column_stack(what_differs), axis=0, return_index=True, return_inverse=True
        )
        by_first_row = np.argsort(first)
        return OutcomeBatch(
            outcomes=tuple(self._outcome(evidence, result, row) for row in first[by_first_row]),
            indices=np.argsort(by_first_row)[kind.reshape(-1)],
            confidence=np.clip(result.confidence, 0.0, 1.0).astype(np.float32),
            margin=result.margin.astype(np.float32),
        )

    def _outcome(self, evidence: Evidence, result: PolicyResult, row: int) -> Outcome:
        decision = self._with_reason(evidence, result, row, {"confidence": 0.0, "margin": 0.0})
        return Outcome(
            action=ACTIONS[result.action[row]],
            skills=getattr(decision, "skills", ()),
            packs=getattr(decision, "packs", ()),
            question=decision.question.id if isinstance(decision, Clarify) else None,
            offered=self._offered(decision.question) if isinstance(decision, Clarify) else (),
            reason=decision.reason,
            truncated=bool(evidence.truncated[row]),
        )

    def _with_reason(
        self, evidence: Evidence, result: PolicyResult, row: int, fields: Mapping[str, Any]
    ) -> Decision:
        action = int(result.action[row])
        if action == CLARIFY:
            return self._ask(evidence, result, row, fields)
        if action == ROUTE:
            skills = tuple(self._skill_ids[i] for i in result.skills[row].tolist() if i >= 0)
            return self.route(skills, self._named(evidence, result, row), fields)
        if action == REDIRECT:
            return self.redirect(self._named(evidence, result, row), fields)
        nearest = self._skill_ids[int(self._nearest_skills(evidence.vectors[row : row + 1])[0])]
        reason = "Nothing here is close to any skill or neighbour of this pack"
        reason = f"{reason}; the nearest is {nearest}."
        if evidence.foreign[row]:
            reason = f"{_OTHER_LANGUAGE} {reason}"
        return NoRoute(**fields, nearest=nearest, reason=reason)

    def _ask(
        self, evidence: Evidence, result: PolicyResult, row: int, fields: Mapping[str, Any]
    ) -> Clarify:
        """Ask the pack's question, or compose one from the candidates."""
        if result.strange[row]:
            reason = _OTHER_LANGUAGE if evidence.foreign[row] else _STRANGE
            fields = {"reason": reason, **fields}
        elif result.unsure[row]:
            fields = {"reason": "Several of these are about as likely.", **fields}
        index = result.question[row]
        names = [self.model.names[i] for i in result.candidates[row] if i >= 0]
        if index < len(self._questions):
            question = self._questions[index]
        elif index == len(self._questions):
            question = compose_question(self.pack, names)
        else:
            question = scope_question(self.pack, names[0])
        return clarify(question, (evidence.texts[row],), (), fields)

    def _offered(self, question: AskedQuestion) -> tuple[str, ...]:
        """List what the options of a question lead to, by way of follow-up questions too."""
        offered: dict[str, None] = {}
        for option in question.options:
            leads_to = option.leads_to
            if leads_to.ask is not None:
                follow_up = AskedQuestion.of(self.pack.questions[leads_to.ask])
                offered |= dict.fromkeys(self._offered(follow_up))
            offered |= dict.fromkeys((*leads_to.all_skills, *leads_to.neighbours))
        return tuple(offered)

    @cached_property
    def _questions(self) -> tuple[AskedQuestion, ...]:
        return tuple(AskedQuestion.of(question) for question in self.pack.questions.values())

    def route(
        self, skills: tuple[str, ...], neighbours: tuple[str, ...], fields: Mapping[str, Any]
    ) -> Route:
        """Build a route and its reason."""
        pack = self.pack
        also = (other for skill in skills for other in pack.file.also_consider.get(skill, ()))
        titles = ", then ".join(pack.skills[skill].title for skill in skills)
        named = " and ".join(pack.neighbours[neighbour].title for neighbour in neighbours)
        about = titles.lower() if len(skills) > 1 else titles
        reason = f"This is about {about}{f'; see {named} too' if named else ''}."
        return Route(
            **{"reason": reason, **fields},
            skills=skills,
            packs=neighbours,
            data={skill: pack.skills[skill].data for skill in skills if pack.skills[skill].data},
            also_consider=tuple(dict.fromkeys(skill for skill in also if skill not in skills)),
        )

    def redirect(self, neighbours: tuple[str, ...], fields: Mapping[str, Any]) -> Redirect:
        """Build a redirect and its reason."""
        titles = " and ".join(self.pack.neighbours[neighbour].title for neighbour in neighbours)
        reason = f"This belongs to {titles}, not to {self.pack.file.title}."
        return Redirect(**{"reason": reason, **fields}, packs=neighbours)

    def _interval(self, result: PolicyResult, row: int, confidence: float) -> tuple[float, ...]:
        if self.intervals is None:
            return ()
        if result.action[row] != CLARIFY:
            return self.intervals.interval("decided", confidence)
        return self.intervals.interval("unsure" if result.unsure[row] else "missing", confidence)

    def categories(self, evidence: Evidence, row: int) -> dict[str, float]:
        """Compute the cosine with each category's centroid, in the order of the pack's file."""
        centroids = self.model.categories
        similarities = cosines(evidence.vectors[row : row + 1], centroids.vectors)[0]
        by_name = dict(zip(centroids.names, similarities.tolist(), strict=True))
        return {
            category.id: round(by_name[category.id], 4) for category in self.pack.file.categories
        }

    def nearest_exemplars(
        self, evidence: Evidence, row: int, count: int = _MAX_EVIDENCE
    ) -> tuple[NearbyExemplar, ...]:
        """Find the exemplars that are closest to a text, the closest first."""
        model = self.model
        similarities, indices = self._close_exemplars(evidence, row, count)
        order = np.lexsort((indices, -similarities))[:count]
        return tuple(
            NearbyExemplar(
                model.exemplar_labels[indices[i]],
                model.exemplar_texts[indices[i]],
                round(float(similarities[i]), 4),
            )
            for i in order
        )

    def _close_exemplars(
        self, evidence: Evidence, row: int, count: int
    ) -> tuple[Similarities, Indices]:
        """Give similarities and indices of exemplars among which the `count` closest are.

        These belong to as many targets at most: those whose closest exemplars are the closest.
        """
        nearest, model = evidence.nearest[row], self.model
        least = np.sort(nearest)[-min(count, len(nearest))]
        columns = (nearest >= least).nonzero()[0].tolist()
        groups = [model.exemplars_of(column) for column in columns]
        vector = evidence.vectors[row : row + 1]
        similarities = [cosines(vector, model.head.exemplars[group])[0] for group in groups]
        indices = np.concatenate([np.arange(group.start, group.stop) for group in groups])
        return np.concatenate(similarities), indices

    def _named(self, evidence: Evidence, result: PolicyResult, row: int) -> tuple[str, ...]:
        """List the neighbours that are named, the likeliest first."""
        if not result.neighbours[row].any():
            return ()
        likely = evidence.probabilities[row, self.model.layout.neighbours]
        ids = list(self.pack.neighbours)
        named = result.neighbours[row].nonzero()[0]
        return tuple(ids[i] for i in named[np.argsort(-likely[named], kind="stable")])

    @cached_property
    def _target_ids(self) -> tuple[str, ...]:
        return self.pack.target_ids

    @cached_property
    def _skill_ids(self) -> tuple[str, ...]:
        return tuple(self.pack.skills)

    def _nearest_skills(self, vectors: Vectors) -> Indices:
        """Find the skill whose centroid is the closest to each text. Shape: (n_texts,)."""
        similarities = cosines(vectors, self.model.centroids.vectors)
        return np.asarray(similarities[:, self.model.layout.skills].argmax(axis=1))


def compose_question(pack: Pack, names: Sequence[str]) -> AskedQuestion:
    """Word a question whose options are targets, by title, and "none of these".

    A skill of documents is offered with what its description says and those of the others don't.

    :param names: "skill:ID" or "neighbour:ID" of this pack.
    """
    options, targets = [], [name.partition(":")[::2] for name in names]
    described = [pack.skills[target].description for kind, target in targets if kind == "skill"]
    lines = iter(differences_of(described))
    for name, (kind, target) in zip(names, targets, strict=True):
        is_skill = kind == "skill"
        title = (pack.skills if is_skill else pack.neighbours)[target].title
        line = next(lines) if is_skill else ""
        label = f"{readable(title)} – {line}" if line else readable(title)
        options.append(OfferedOption(name, label, _destination(name)))
    options.append(OfferedOption("none", pack.file.wording.none))
    return AskedQuestion(COMPOSED_ID, pack.file.wording.question, tuple(options))


def scope_question(pack: Pack, likeliest: str) -> AskedQuestion:
    """Ask whether a text belongs here, as the pack words it.

    :param likeliest: "skill:ID" or "neighbour:ID" that it leads to if it does.
    """
    asked = pack.file.scope_question or ScopeQuestion("")
    inside = OfferedOption("inside", asked.inside, _destination(likeliest))
    return AskedQuestion(SCOPE_ID, asked.text, (inside, OfferedOption("none", asked.outside)))


def _destination(name: str) -> Destination:
    kind, _, target = name.partition(":")
    if kind == "skill":
        return Destination(skills=(target,))
    return Destination(neighbours=(target,))


def clarify(
    question: AskedQuestion,
    history: tuple[str, ...],
    asked_ids: tuple[str, ...],
    fields: Mapping[str, Any],
) -> Clarify:
    """Ask a question, with the dialogue so far; `asked_ids` are those asked before it."""
    reason = "The detail that decides between these is not said."
    return Clarify(
        **{"reason": reason, **fields},
        question=question,
        history=history,
        asked_ids=(*asked_ids, question.id),
    )
