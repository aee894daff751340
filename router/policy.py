"""From what was read to what is decided, for a whole batch at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.arrays import Bools, Floats
from router.lexicon import Phrases, words_of
from router.model import Indices, Layout, Reading
from router.order import Precedence
from router.pack import Pack, Policy

ROUTE, CLARIFY, REDIRECT, NONE = range(4)
ACTIONS = ("route", "clarify", "redirect", "none")


@dataclass(frozen=True)
class Verdicts:
    """What was decided for a batch; every row is one text. Objects are built from it when asked."""

    action: NDArray[np.int8]  # (n_texts,): an index of ACTIONS
    skills: Indices  # (n_texts, most_skills): in execution order, -1 where there is none
    packs: Bools  # (n_texts, n_neighbours): named
    question: Indices  # (n_texts,): the likeliest question, asked where `action` says so
    confidence: Floats  # (n_texts,)
    margin: Floats  # (n_texts,)
    unasked: NDArray[np.int8]  # (n_texts,): the action if nothing could be asked


@dataclass(frozen=True)
class Rules:
    """The pack's policy, order and words, ready for arrays."""

    policy: Policy
    layout: Layout
    skill_ids: tuple[str, ...]
    beside: Bools  # (n_neighbours, n_skills)
    words: tuple[Phrases, ...]  # of each neighbour
    precedence: Precedence

    @classmethod
    def of(cls, pack: Pack, layout: Layout) -> "Rules":
        """Prepare a pack's rules."""
        skills, neighbours = tuple(pack.skills), list(pack.neighbours.values())
        beside = [[skill in neighbour.beside for skill in skills] for neighbour in neighbours]
        return cls(
            policy=pack.file.policy,
            layout=layout,
            skill_ids=skills,
            beside=np.array(beside, dtype=np.bool_).reshape(len(neighbours), len(skills)),
            words=tuple(Phrases.of(neighbour.words) for neighbour in neighbours),
            precedence=pack.precedence,
        )

    def decide(self, reading: Reading) -> Verdicts:
        """Decide each text of a batch.

        In this order: nothing of ours is close -> none; the deciding detail is likely missing ->
        ask the likeliest question; else the likeliest of skills, neighbours and none, with every
        further skill that a clause of its own speaks for.
        """
        shares = self.without_questions(reading)
        n_skills, n_neighbours = len(self.layout.skills), len(self.layout.neighbours)
        best = shares.argmax(axis=1)
        action = np.full(len(best), NONE, dtype=np.int8)
        action[best < n_skills + n_neighbours] = REDIRECT
        action[best < n_skills] = ROUTE
        far = reading.closest < self.policy.least_similarity
        action[far] = NONE
        unasked = action.copy()
        if len(self.layout.questions):
            action[(reading.ask >= self.policy.ask_from) & ~far] = CLARIFY
        skills, sure = self._skills(reading, shares, unasked)
        packs = self._packs(reading, shares, unasked, skills)
        named = (shares[:, n_skills : n_skills + n_neighbours] * packs).sum(axis=1)
        confidence = np.select(
            [action == CLARIFY, action == ROUTE, action == REDIRECT],
            [reading.ask, sure, named],
            default=shares[:, n_skills + n_neighbours :].sum(axis=1),
        )
        ordered = np.sort(shares, axis=1)
        margin = ordered[:, -1] - (ordered[:, -2] if ordered.shape[1] > 1 else 0.0)
        question = (
            reading.questions.probabilities.argmax(axis=1)
            if len(self.layout.questions)
            else np.full(len(best), -1, dtype=np.intp)
        )
        return Verdicts(action, skills, packs, question, confidence, margin, unasked)

    def without_questions(self, reading: Reading) -> Floats:
        """Probabilities given that nothing is asked: skills, neighbours, none; rows sum to 1."""
        layout = self.layout
        columns = np.concatenate([layout.skills, layout.neighbours, layout.none])
        kept = reading.probabilities[:, columns]
        return np.asarray(kept / np.maximum(kept.sum(axis=1, keepdims=True), 1e-12))

    def _skills(
        self, reading: Reading, shares: Floats, action: NDArray[np.int8]
    ) -> tuple[Indices, Floats]:
        """The skills of each route in execution order, and how sure all of them are."""
        n_skills, most = len(self.skill_ids), min(self.policy.most_skills, len(self.skill_ids))
        ours = shares[:, :n_skills]
        top = ours.argmax(axis=1)
        rows = np.arange(len(top))
        further = np.where(reading.further >= self.policy.also_from, reading.further, 0.0)
        further[rows, top] = 2.0  # the likeliest comes first whatever the others say
        ranked = np.argsort(-further, axis=1, kind="stable")[:, :most]
        strength = np.take_along_axis(further, ranked, axis=1)
        kept = strength > 0.0
        sure = ours[rows, top] * np.where(kept[:, 1:], strength[:, 1:], 1.0).prod(axis=1)
        chosen = np.where(kept & (action == ROUTE)[:, None], ranked, -1)
        for row in np.flatnonzero((chosen >= 0).sum(axis=1) > 1):
            chosen[row] = self._in_order(reading, chosen[row])
        return chosen, sure

    def _in_order(self, reading: Reading, chosen: Indices) -> Indices:
        ids = [self.skill_ids[i] for i in chosen if i >= 0]
        ordered = [self.skill_ids.index(skill) for skill in self.precedence.sort(ids)]
        return np.array(ordered + [-1] * (len(chosen) - len(ordered)), dtype=np.intp)

    def _packs(
        self, reading: Reading, shares: Floats, action: NDArray[np.int8], skills: Indices
    ) -> Bools:
        """Name the neighbours: those that serve a redirect, and those beside a route."""
        n_skills, n_neighbours = len(self.skill_ids), len(self.words)
        near = shares[:, n_skills : n_skills + n_neighbours]
        likely = near >= self.policy.name_from
        if n_neighbours:
            likely[np.arange(len(near)), near.argmax(axis=1)] |= action == REDIRECT
        chosen = np.zeros((len(shares), n_skills), dtype=np.bool_)
        rows, places = np.nonzero(skills >= 0)
        chosen[rows, skills[rows, places]] = True
        fits = chosen @ self.beside.T
        routed = action == ROUTE
        said = np.zeros_like(fits)
        for row in np.flatnonzero(fits.any(axis=1) & routed):
            words = words_of(reading.texts[row])
            said[row] = [phrases.said_in(words) for phrases in self.words]
        return np.where(
            routed[:, None], fits & (said | likely), likely & (action == REDIRECT)[:, None]
        )
