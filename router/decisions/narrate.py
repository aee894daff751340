"""From arrays to decisions that a person reads: the reason in one sentence, and the evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from router.arrays import Indices, Similarities, Vectors
from router.calibration.calibration import Calibration
from router.decisions.decision import (
    COMPOSED,
    Asked,
    Choice,
    Clarify,
    Decision,
    Nearby,
    NoRoute,
    Redirect,
    Route,
)
from router.decisions.outcome import ACTIONS, CLARIFY, NONE, REDIRECT, ROUTE, Outcome, OutcomeBatch
from router.decisions.policy import Verdicts
from router.heads.cosines import cosines
from router.model.model import Model, Reading
from router.packs.pack import Pack, Question

CLOSEST = 3


@dataclass(frozen=True)
class Narrator:
    """Builds the decision of one row of a batch."""

    pack: Pack
    model: Model
    calibration: Calibration | None = None

    def decision(self, reading: Reading, verdicts: Verdicts, row: int) -> Decision:
        """Tell the decision of one text, and why."""
        confidence = round(min(max(float(verdicts.confidence[row]), 0.0), 1.0), 4)
        told: dict[str, Any] = {
            "confidence": confidence,
            "margin": round(float(verdicts.margin[row]), 4),
            "categories": self.categories(reading, row),
            "evidence": self.closest(reading, row),
            "interval": self._interval(verdicts, row, confidence),
        }
        return self._decision(reading, verdicts, row, told)

    def outcomes(self, reading: Reading, verdicts: Verdicts) -> OutcomeBatch:
        """Build each different outcome of a batch once, without evidence."""
        action = verdicts.action
        named = verdicts.packs & np.isin(action, (ROUTE, REDIRECT))[:, None]
        likely = np.where(named, reading.probabilities[:, self.model.layout.neighbours], -1.0)
        order = np.argsort(-likely, axis=1, kind="stable")
        what_differs = [
            action,
            np.where(action == CLARIFY, verdicts.question, -1),
            np.where(action == CLARIFY, verdicts.contenders[:, 1] >= 0, False),
            np.where(action == NONE, self.nearest_skills(reading.vectors), -1),
            *np.where((action == ROUTE)[:, None], verdicts.skills, -1).T,
            *np.where(np.take_along_axis(named, order, axis=1), order, -1).T,
        ]
        _, first, kind = np.unique(
            np.column_stack(what_differs), axis=0, return_index=True, return_inverse=True
        )
        by_first_row = np.argsort(first)
        return OutcomeBatch(
            outcomes=tuple(self._outcome(reading, verdicts, row) for row in first[by_first_row]),
            indices=np.argsort(by_first_row)[kind.reshape(-1)],
            confidence=np.clip(verdicts.confidence, 0.0, 1.0).astype(np.float32),
            margin=verdicts.margin.astype(np.float32),
        )

    def _outcome(self, reading: Reading, verdicts: Verdicts, row: int) -> Outcome:
        decision = self._decision(reading, verdicts, row, {"confidence": 0.0, "margin": 0.0})
        return Outcome(
            action=ACTIONS[verdicts.action[row]],
            skills=getattr(decision, "skills", ()),
            packs=getattr(decision, "packs", ()),
            question=decision.question.id if isinstance(decision, Clarify) else None,
            reason=decision.reason,
        )

    def _decision(
        self, reading: Reading, verdicts: Verdicts, row: int, told: Mapping[str, Any]
    ) -> Decision:
        action = ACTIONS[verdicts.action[row]]
        skills = tuple(self._skills[i] for i in verdicts.skills[row].tolist() if i >= 0)
        packs = self.named(reading, verdicts, row)
        if action == "clarify":
            return self._asked(reading, verdicts, row, told)
        if action == "route":
            return route(self.pack, skills, packs, told)
        if action == "redirect":
            return redirect(self.pack, packs, told)
        skill = int(self.nearest_skills(reading.vectors[row : row + 1])[0])
        nearest = self._skills[skill]
        reason = "Nothing here is close to any skill or neighbour of this pack"
        return NoRoute(**told, nearest=nearest, reason=f"{reason}; the nearest is {nearest}.")

    def _asked(
        self, reading: Reading, verdicts: Verdicts, row: int, told: Mapping[str, Any]
    ) -> Clarify:
        """Put the pack's question, or compose one from the contenders."""
        said, place = (reading.texts[row],), verdicts.question[row]
        unsure = len(verdicts.contenders) > 0 and verdicts.contenders[row, 1] >= 0
        if unsure:
            told = {"reason": "Several of these are about as likely.", **told}
        questions = list(self.pack.questions.values())
        if place < len(questions):
            return clarify(questions[place], said, (), told)
        names = [self.model.names[i] for i in verdicts.contenders[row] if i >= 0]
        return Clarify(**told, question=composed(self.pack, names), said=said, asked=(COMPOSED,))

    def _interval(self, verdicts: Verdicts, row: int, confidence: float) -> tuple[float, ...]:
        if self.calibration is None:
            return ()
        if ACTIONS[verdicts.action[row]] != "clarify":
            return self.calibration.interval("decided", confidence)
        kind = "unsure" if verdicts.contenders[row, 1] >= 0 else "missing"
        return self.calibration.interval(kind, confidence)

    def categories(self, reading: Reading, row: int) -> dict[str, float]:
        """Cosine of a text with each category's centroid, in the order of the file."""
        found = self.model.categories.similarities(reading.vectors[row : row + 1])[0]
        by_name = dict(zip(self.model.categories.names, found.tolist(), strict=True))
        return {one.id: round(by_name[one.id], 4) for one in self.pack.file.categories}

    def closest(self, reading: Reading, row: int, count: int = CLOSEST) -> tuple[Nearby, ...]:
        """Find the exemplars closest to a text.

        They are among those of as many targets, the ones whose closest exemplars are the closest.
        """
        model = self.model
        found, places = self._candidates(reading, row, count)
        order = np.lexsort((places, -found))[:count]
        return tuple(
            Nearby(
                model.exemplar_labels[places[i]],
                model.exemplar_texts[places[i]],
                round(float(found[i]), 4),
            )
            for i in order
        )

    def _candidates(self, reading: Reading, row: int, count: int) -> tuple[Similarities, Indices]:
        """Give cosines and places of exemplars among which are the closest."""
        near, model = reading.near[row], self.model
        least = np.sort(near)[-min(count, len(near))]
        if reading.cosines is not None:
            places = (reading.cosines[row] >= least).nonzero()[0]
            return reading.cosines[row, places], places
        groups = [model.exemplars_of(target) for target in (near >= least).nonzero()[0].tolist()]
        vector = reading.vectors[row : row + 1]
        found = np.concatenate([cosines(vector, model.head.exemplars[one])[0] for one in groups])
        return found, np.concatenate([np.arange(one.start, one.stop) for one in groups])

    def named(self, reading: Reading, verdicts: Verdicts, row: int) -> tuple[str, ...]:
        """Give the neighbours named, the likeliest first."""
        if not verdicts.packs[row].any():
            return ()
        likely = reading.probabilities[row, self.model.layout.neighbours]
        ids = list(self.pack.neighbours)
        places = verdicts.packs[row].nonzero()[0]
        return tuple(ids[i] for i in places[np.argsort(-likely[places], kind="stable")])

    @cached_property
    def _skills(self) -> tuple[str, ...]:
        return tuple(self.pack.skills)

    def nearest_skills(self, vectors: Vectors) -> Indices:
        """Find the skill whose centroid is the closest to each text. Shape: (n_texts,)."""
        skills = self.model.layout.skills
        return np.asarray(self.model.centroids.similarities(vectors)[:, skills].argmax(axis=1))


def composed(pack: Pack, names: Sequence[str]) -> Asked:
    """Word a question whose options are targets, by title.

    :param names: "skill:ID" or "neighbour:ID" of this pack.
    """
    titles = {f"skill:{one.id}": one.title for one in pack.file.skills}
    titles |= {f"neighbour:{one.id}": one.title for one in pack.file.neighbours}
    choices = [Choice(name, titles[name]) for name in names]
    choices.append(Choice("none", "None of these"))
    return Asked(COMPOSED, "Which of these is it about?", tuple(choices))


def route(
    pack: Pack, skills: tuple[str, ...], packs: tuple[str, ...], told: Mapping[str, Any]
) -> Route:
    """Build a route, with what to consider besides and the reason."""
    besides = (also for skill in skills for also in pack.file.also_consider.get(skill, ()))
    titles = ", then ".join(pack.skills[skill].title for skill in skills)
    also = f"; see {' and '.join(pack.neighbours[one].title for one in packs)} too" if packs else ""
    fields = {"reason": f"This is about {titles.lower() if len(skills) > 1 else titles}{also}."}
    return Route(
        **{**fields, **told},
        skills=skills,
        packs=packs,
        also_consider=tuple(dict.fromkeys(one for one in besides if one not in skills)),
    )


def redirect(pack: Pack, packs: tuple[str, ...], told: Mapping[str, Any]) -> Redirect:
    """Build a redirect and its reason."""
    titles = " and ".join(pack.neighbours[one].title for one in packs)
    fields = {"reason": f"This belongs to {titles}, not to {pack.file.title}."}
    return Redirect(**{**fields, **told}, packs=packs)


def clarify(
    question: Question, said: tuple[str, ...], asked: tuple[str, ...], told: Mapping[str, Any]
) -> Clarify:
    """Build a question, with the dialogue so far."""
    choices = tuple(Choice(option.id, option.label) for option in question.options)
    reason = "The detail that decides between these is not said."
    return Clarify(
        **{"reason": reason, **told},
        question=Asked(question.id, question.text, choices),
        said=said,
        asked=(*asked, question.id),
    )
