"""From what was read to what is decided, for a whole batch at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from router.arrays import Bools, Floats, Indices
from router.decisions.contenders import MOST_OPTIONS, Contenders
from router.decisions.outcome import ACTIONS, CLARIFY, NONE, REDIRECT, ROUTE
from router.model.model import Layout, Limits, Reading
from router.packs.pack import Pack, Policy
from router.packs.precedence import Precedence
from router.statistics.conformal import coverage_threshold, texts_needed
from router.statistics.platt import PlattScaling
from router.text import Phrases


@dataclass(frozen=True)
class Verdicts:
    """What was decided for a batch; every row is one text. Objects are built from it when asked."""

    action: NDArray[np.int8]  # (n_texts,): an index of ACTIONS
    skills: Indices  # (n_texts, max_skills): in execution order, -1 where there is none
    packs: Bools  # (n_texts, n_neighbours): named
    # (n_texts,): the likeliest question, asked where `action` says so; one more than the pack has
    # stands for a composed one
    question: Indices
    confidence: Floats  # (n_texts,)
    margin: Floats  # (n_texts,)
    unasked: NDArray[np.int8]  # (n_texts,): the action if nothing could be asked
    # (n_texts,): confidence of that
    sure: Floats = field(default_factory=lambda: np.empty(0))
    # (n_texts, MOST_OPTIONS): targets between which it is unsure, -1 where there is none
    contenders: Indices = field(default_factory=lambda: np.empty((0, MOST_OPTIONS), dtype=np.intp))


@dataclass(frozen=True)
class Rules:
    """The pack's policy, order and words, ready for arrays."""

    policy: Policy
    layout: Layout
    skill_ids: tuple[str, ...]
    beside: Bools  # (n_neighbours, n_skills)
    words: tuple[Phrases, ...]  # of each neighbour
    precedence: Precedence
    limits: Limits
    similarity_threshold: float
    contenders: Contenders
    maps: Mapping[str, PlattScaling]  # of each action, and of whether to ask under "clarify"
    # Two concerns share the probability of a text: of documents, whose probabilities are not
    # mapped on a log, that of every skill routed to counts. A pack's own map has it in already.
    shared: bool = False

    @classmethod
    def of(
        cls,
        pack: Pack,
        layout: Layout,
        limits: Limits | None = None,
        *,
        policy: Policy | None = None,
        maps: Mapping[str, PlattScaling] | None = None,
        contend_from: float | None = None,
    ) -> "Rules":
        """Prepare a pack's rules.

        :param limits: What was fitted on its exemplars.
        :param policy: Instead of the pack's own.
        :param maps: By action, where they differ from the policy's one for all.
        :param contend_from: Probability from which on a target is a contender, where a log says
            more of it than the exemplars do.
        """
        limits, policy = limits or Limits(), policy or pack.file.policy
        skills, neighbours = tuple(pack.skills), list(pack.neighbours.values())
        beside = [
            [skill in neighbour.mention_beside for skill in skills] for neighbour in neighbours
        ]
        least = policy.similarity_threshold
        least = limits.similarity_threshold if least is None else least
        if contend_from is None:
            contend_from = (
                contenders_from(limits, policy) if policy.confidence_threshold > 0.0 else 0.0
            )
        return cls(
            policy=policy,
            layout=layout,
            skill_ids=skills,
            beside=np.array(beside, dtype=np.bool_).reshape(len(neighbours), len(skills)),
            words=tuple(Phrases.of(neighbour.mention_when) for neighbour in neighbours),
            precedence=pack.precedence,
            limits=limits,
            similarity_threshold=least,
            contenders=Contenders.of(pack, layout, contend_from, least),
            maps={name: policy.confidence for name in ACTIONS if name != "clarify"}
            | dict(maps or {}),
            shared=any(skill.description for skill in pack.file.skills),
        )

    def decide(self, reading: Reading) -> Verdicts:
        """Decide each text of a batch.

        In this order: nothing of ours is close -> none; the deciding detail is likely missing ->
        ask the likeliest question; else the likeliest of skills, neighbours and none, with every
        further skill that a clause of its own speaks for; if that is not sure enough -> ask which
        of the likeliest it is.
        """
        shares = self.without_questions(reading)
        n_skills, n_neighbours = len(self.layout.skills), len(self.layout.neighbours)
        best = shares.argmax(axis=1)
        unasked = np.full(len(best), NONE, dtype=np.int8)
        unasked[best < n_skills + n_neighbours] = REDIRECT
        unasked[best < n_skills] = ROUTE
        far = reading.closest < self.similarity_threshold
        unasked[far] = NONE
        skills, sure = self._skills(reading, shares, unasked)
        packs = self._packs(reading, shares, unasked, skills)
        sure = self._sure(reading, shares, unasked, sure, packs, far)
        ask = self.maps.get("clarify", PlattScaling()).transform(reading.ask)
        question = (
            reading.questions.probabilities.argmax(axis=1)
            if len(self.layout.questions)
            else np.full(len(best), -1, dtype=np.intp)
        )
        missing, unsure = asks(
            ask,
            sure,
            in_scope=~far,
            has_question=question >= 0,
            has_alternatives=self.contenders.has_alternatives(reading),
            ask_threshold=self.policy.ask_threshold,
            confidence_threshold=self.policy.confidence_threshold,
        )
        contenders = self._composed(reading, shares, unsure.nonzero()[0], question)
        asked = missing | unsure
        two = np.partition(shares, -2, axis=1)[:, -2:] if shares.shape[1] > 1 else shares
        return Verdicts(
            action=np.where(asked, np.int8(CLARIFY), unasked),
            skills=skills,
            packs=packs,
            question=question,
            confidence=np.where(missing, ask, np.where(asked, 1.0 - sure, sure)),
            margin=two[:, -1] - (two[:, 0] if two.shape[1] > 1 else 0.0),
            unasked=unasked,
            sure=sure,
            contenders=contenders,
        )

    def _sure(
        self,
        reading: Reading,
        shares: Floats,
        action: NDArray[np.int8],
        routed: Floats,
        packs: Bools,
        far: Bools,
    ) -> Floats:
        """How sure is what would be decided unasked. Shape: (n_texts,)."""
        n_skills, n_neighbours = len(self.layout.skills), len(self.layout.neighbours)
        sure = routed
        for one in set(action.tolist()):
            rows = (action == one).nonzero()[0]
            if one == REDIRECT:
                named = shares[rows, n_skills : n_skills + n_neighbours]
                sure[rows] = (named * packs[rows]).sum(axis=1)
            elif one == NONE:
                none = shares[rows, n_skills + n_neighbours :].sum(axis=1)
                known = 1.0 - self.limits.as_far(reading.closest[rows])
                sure[rows] = np.where(far[rows], np.maximum(none, known), none)
            sure[rows] = self.maps[ACTIONS[one]].transform(sure[rows])
        return sure

    def _composed(
        self, reading: Reading, shares: Floats, unsure: Indices, question: Indices
    ) -> Indices:
        """Find the contenders of unsure texts, and put the question on them into `question`."""
        found = np.full((len(shares), MOST_OPTIONS), -1, dtype=np.intp)
        if not len(unsure):
            return found
        found[unsure] = self.contenders.sets(reading, shares)[unsure]
        for row in unsure:
            likely = reading.questions.probabilities[row].tolist()
            authored = self.contenders.authored(found[row], likely)
            question[row] = len(likely) if authored < 0 else authored
        return found

    def without_questions(self, reading: Reading) -> Floats:
        """Probabilities given that nothing is asked: skills, neighbours, none; rows sum to 1."""
        kept = reading.probabilities[:, self.layout.unasked]
        return np.asarray(kept / np.maximum(kept.sum(axis=1, keepdims=True), 1e-12))

    def _skills(
        self, reading: Reading, shares: Floats, action: NDArray[np.int8]
    ) -> tuple[Indices, Floats]:
        """The skills of each route in execution order, and how sure all of them are."""
        n_skills, most = len(self.skill_ids), min(self.policy.max_skills, len(self.skill_ids))
        ours = shares[:, :n_skills]
        top = ours.argmax(axis=1)
        routed = action == ROUTE
        chosen = np.full((len(top), most), -1, dtype=np.intp)
        chosen[routed, 0] = top[routed]
        sure = ours[np.arange(len(top)), top]
        further = np.where(
            reading.further >= self.policy.extra_skill_threshold, reading.further, 0.0
        )
        for row in (routed & further.any(axis=1)).nonzero()[0].tolist():  # one text in twenty
            strength = further[row]
            strength[top[row]] = 2.0  # the likeliest comes first whatever the others say
            ranked = np.argsort(-strength, kind="stable")[:most]
            ranked = ranked[strength[ranked] > 0.0]
            if self.shared:
                sure[row] = ours[row, ranked].sum()
            sure[row] *= strength[ranked[1:]].prod()
            chosen[row, : len(ranked)] = self._in_order(ranked)
        return chosen, sure

    def _in_order(self, chosen: Indices) -> list[int]:
        place = {self.skill_ids[one]: one for one in chosen.tolist()}
        return [place[skill] for skill in self.precedence.sort(place)]

    def _packs(
        self, reading: Reading, shares: Floats, action: NDArray[np.int8], skills: Indices
    ) -> Bools:
        """Name the neighbours: those that serve a redirect, and those beside a route."""
        n_skills, n_neighbours = len(self.skill_ids), len(self.words)
        if not n_neighbours:
            return np.zeros((len(shares), 0), dtype=np.bool_)
        near = shares[:, n_skills : n_skills + n_neighbours]
        likely = near >= self.policy.mention_threshold
        redirected = (action == REDIRECT).nonzero()[0]
        likely[redirected, near[redirected].argmax(axis=1)] = True
        likely[action == NONE] = False
        routed = (action == ROUTE).nonzero()[0]
        for row in routed.tolist():  # a neighbour is named if its words are said
            if not self._cues.isdisjoint(reading.said[row]):
                likely[row] |= [phrases.match(reading.said[row]) for phrases in self.words]
        likely[routed] &= self._fits[skills[routed]].any(axis=1)
        return likely

    @cached_property
    def _cues(self) -> frozenset[str]:
        """First words of all that names a neighbour."""
        return frozenset(phrase[0] for phrases in self.words for phrase in phrases.phrases)

    @cached_property
    def _fits(self) -> Bools:
        """Whether a neighbour is named beside a skill; none is in the last row, beside no skill."""
        return np.vstack([self.beside.T, np.zeros(len(self.words), dtype=np.bool_)])


def asks(
    ask_probability: Floats,
    confidence: Floats,
    *,
    in_scope: Bools,
    has_question: Bools,
    has_alternatives: Bools,
    ask_threshold: float,
    confidence_threshold: float,
) -> tuple[Bools, Bools]:
    """Decide which texts to ask about. All shapes: (n_texts,).

    :param ask_probability: Probability that the deciding detail is missing.
    :param confidence: Probability that deciding without a question is right.
    :param in_scope: An exemplar is close enough to ask about the text at all.
    :param has_question: The pack has a question to ask.
    :param has_alternatives: At least two targets could be offered as options.
    :return: Asked because a detail is missing; asked because the decision is not confident enough.
    """
    missing = in_scope & has_question & (ask_probability >= ask_threshold)
    unsure = in_scope & has_alternatives & ~missing & (confidence < confidence_threshold)
    return missing, unsure


def ask_risk(
    ask_probability: Floats,
    confidence: Floats,
    *,
    in_scope: Bools,
    has_question: Bools,
    has_alternatives: Bools,
) -> Floats:
    """How much speaks for asking about each text; -1 where nothing can be asked.

    With `ask_threshold` t and `confidence_threshold` 1 - t, a text is asked about if its risk is
    above t. The parameters are those of `asks`. Shape: (n_texts,).
    """
    missing = np.where(in_scope & has_question, ask_probability, -1.0)
    unsure = np.where(in_scope & has_alternatives, 1.0 - confidence, -1.0)
    return np.maximum(missing, unsure)


def contenders_from(limits: Limits, policy: Policy) -> float:
    """Probability from which on a target is a contender, by split conformal prediction.

    :return: 0 where there are too few exemplars for the policy's `alpha`: everything contends.
    """
    if len(limits.of_truth) < texts_needed(policy.alpha):
        return 0.0
    return coverage_threshold(limits.of_truth, policy.alpha)
