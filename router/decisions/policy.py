"""From evidence to what is decided, for a whole batch at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from router.arrays import Bools, Floats, Indices
from router.decisions.candidates import Candidates
from router.decisions.outcome import ACTIONS, CLARIFY, NONE, REDIRECT, ROUTE
from router.heads.lexicon import BoundedCache
from router.model.doubt import MAX_OPTIONS, DoubtThresholds, Nearness, clearness
from router.model.exemplar_statistics import ExemplarStatistics
from router.model.layout import Layout
from router.model.model import Evidence
from router.packs.pack import Pack
from router.packs.policy import Policy
from router.packs.precedence import Precedence
from router.statistics.conformal import coverage_threshold, texts_needed
from router.statistics.probability import PlattScaling
from router.text import Phrases

_STRANGER = 3.0
"""How much larger the log odds are that a text belongs nowhere if it is in another language."""

_SAME_IN_ANY_LANGUAGE = 0.6
"""A text in another language is out of scope if its cosine with every exemplar is lower. Encoders
for many languages place a text nearer to what says the same."""

_SCOPE_COST = 0.45
"""What the question whether a text belongs here costs, where a wrong decision costs 1. It was
chosen on held-out exemplars: 1 % of ours and 8 % of the strangers are asked about; half of these
were decided wrong."""

_CACHED_ORDERS = 4 << 20
"""Bytes of the cached execution orders of skills."""


@dataclass(frozen=True)
class PolicyResult:
    """What was decided for a batch; each row is one text. Objects are built from it when needed.

    :param action: The index of `ACTIONS`. Shape: (n_texts,).
    :param skills: In execution order, -1 where there is none. Shape: (n_texts, max_skills).
    :param neighbours: Whether each neighbour is named. Shape: (n_texts, n_neighbours).
    :param question: The index of the question that is asked, or would be asked first; the number
        of questions in the pack stands for a composed one, one more for the question whether the
        text belongs here, -1 for none. Shape: (n_texts,).
    :param confidence: See `Route.confidence`. Shape: (n_texts,).
    :param margin: See `Route.margin`. Shape: (n_texts,).
    :param in_scope: Whether an exemplar is close enough. Shape: (n_texts,).
    :param ask_probability: The rescaled probability that a detail is missing. Shape: (n_texts,).
    :param unsure: Whether it asks because deciding is not confident enough. Shape: (n_texts,).
    :param strange: Whether it asks because the text may not belong here. Shape: (n_texts,).
    :param unasked_action: The action if nothing could be asked. Shape: (n_texts,).
    :param unasked_confidence: The confidence of that. Shape: (n_texts,).
    :param candidates: The targets between which an unsure text is undecided, -1 where there is
        none. Shape: (n_texts, MAX_OPTIONS).
    """

    action: NDArray[np.int8]
    skills: Indices
    neighbours: Bools
    question: Indices
    confidence: Floats
    margin: Floats
    in_scope: Bools
    ask_probability: Floats
    unsure: Bools
    strange: Bools
    unasked_action: NDArray[np.int8]
    unasked_confidence: Floats
    candidates: Indices


@dataclass(frozen=True)
class Doubts:
    """What makes texts doubtful.

    :param ambiguity: The log odds that a text says too little to decide. Shape: (n_texts,).
    :param strangeness: The log odds that a text belongs nowhere. Shape: (n_texts,).
    """

    ambiguity: Floats
    strangeness: Floats

    @property
    def probability(self) -> Floats:
        """The probability of the greater doubt. Shape: (n_texts,)."""
        return np.asarray(1.0 / (1.0 + np.exp(-np.maximum(self.ambiguity, self.strangeness))))


@dataclass(frozen=True)
class CompiledPolicy:
    """A pack's policy, order and phrases, ready for arrays.

    :param mention_beside: Whether a neighbour may be named beside a skill. Shape: (n_neighbours,
        n_skills).
    :param mention_when: The phrases that name each neighbour.
    :param scalings: The rescaling of the confidence of each action; that of the probability of a
        missing detail under "clarify".
    :param extra_skill_threshold: The probability from which a further skill is routed to as well.
    :param doubt: From which ambiguity and strangeness on it asks and refuses; None if a pack has
        thresholds of its own or documents.
    :param asks_by_rate: Whether it asks by ambiguity and strangeness, and not by thresholds.
    :param is_made_of_documents: Whether the skills are documents. Their probabilities are not
        rescaled by a fitted map: how clear a text is tells the confidence.
    :param leads_apart: Whether the options of each question lead to different places; False for no
        question. Shape: (n_questions + 1,).
    :param asks_scope: Whether it asks if a text belongs here at all.
    :param is_ordered_by_mention: Whether several skills come in the order in which the text has
        them, unless `precedence` says otherwise: for packs that state no order.
    """

    policy: Policy
    layout: Layout
    skill_ids: tuple[str, ...]
    mention_beside: Bools
    mention_when: tuple[Phrases, ...]
    precedence: Precedence
    statistics: ExemplarStatistics
    similarity_threshold: float
    candidates: Candidates
    scalings: Mapping[str, PlattScaling]
    leads_apart: Bools
    asks_scope: bool = False
    extra_skill_threshold: float = 0.75
    doubt: DoubtThresholds | None = None
    asks_by_rate: bool = False
    is_made_of_documents: bool = False
    is_ordered_by_mention: bool = False

    @classmethod
    def of(
        cls,
        pack: Pack,
        layout: Layout,
        statistics: ExemplarStatistics | None = None,
        *,
        policy: Policy | None = None,
        scalings: Mapping[str, PlattScaling] | None = None,
        candidate_threshold: float | None = None,
    ) -> "CompiledPolicy":
        """Prepare a pack's policy.

        :param statistics: What was fitted on the pack's exemplars.
        :param policy: Used instead of the pack's own.
        :param scalings: By action, where they differ from the one that the policy has for all.
        :param candidate_threshold: A target is a candidate from this probability on, where a log
            says more of it than the exemplars do.
        """
        statistics, policy = statistics or ExemplarStatistics(), policy or pack.file.policy
        ask_rate = pack.ask_rate_under(policy)
        skills, neighbours = tuple(pack.skills), list(pack.neighbours.values())
        beside = [
            [skill in neighbour.mention_beside for skill in skills] for neighbour in neighbours
        ]
        similarity = policy.similarity_threshold
        similarity = statistics.similarity_threshold if similarity is None else similarity
        if candidate_threshold is None:
            candidate_threshold = (
                statistics.doubt.option_threshold(ask_rate, policy.alpha)
                if ask_rate
                else fitted_candidate_threshold(statistics, policy)
            )
        return cls(
            policy=policy,
            layout=layout,
            skill_ids=skills,
            mention_beside=np.array(beside, dtype=np.bool_).reshape(len(neighbours), len(skills)),
            mention_when=tuple(Phrases.of(neighbour.mention_when) for neighbour in neighbours),
            precedence=pack.precedence,
            statistics=statistics,
            similarity_threshold=similarity,
            candidates=Candidates.of(pack, layout, candidate_threshold, similarity),
            scalings={name: policy.confidence for name in ACTIONS if name != "clarify"}
            | dict(scalings or {}),
            asks_scope=pack.file.scope_question is not None,
            leads_apart=np.array([*(q.leads_apart for q in pack.questions.values()), False]),
            extra_skill_threshold=pack.extra_skill_threshold(policy),
            doubt=statistics.doubt.thresholds(ask_rate or 0.0)
            if ask_rate is not None or pack.has_typical_judgements
            else None,
            asks_by_rate=ask_rate is not None,
            is_made_of_documents=pack.is_made_of_documents,
            is_ordered_by_mention=not pack.file.order,
        )

    def decide(self, evidence: Evidence) -> PolicyResult:
        """Decide each text of a batch, in this order.

        1. No in-scope exemplar is close, or the text is too strange: none.
        2. The deciding detail is likely missing: ask the likeliest question, if its options lead to
           different places.
        3. Take the likeliest of skills, neighbours and none, with every further skill that is a
           concern of its own; if that is not confident enough, or if the text is doubtful, ask
           which of the likeliest it is, or whether it belongs here.
        """
        doubts = self.doubts(evidence)
        shares = self.shares_without_questions(evidence)
        n_skills, n_neighbours = len(self.layout.skills), len(self.layout.neighbours)
        best = shares.argmax(axis=1)
        action = np.full(len(best), NONE, dtype=np.int8)
        action[best < n_skills + n_neighbours] = REDIRECT
        action[best < n_skills] = ROUTE
        in_scope = self._in_scope(evidence, doubts)
        action[~in_scope] = NONE
        skills, routed = self._skills(evidence, shares, action)
        neighbours = self._neighbours(evidence, shares, action, skills)
        confidence = self._confidence(
            evidence, shares, action, routed, skills, neighbours, in_scope, doubts
        )
        ask = self.scalings.get("clarify", PlattScaling()).transform(self.missing_detail(evidence))
        question = self._likeliest_question(evidence)
        missing, unsure = asks(
            ask,
            confidence,
            in_scope=in_scope,
            has_question=question >= 0,
            has_alternatives=self._has_alternatives(evidence, confidence),
            ask_threshold=self.policy.question_threshold,
            confidence_threshold=self.policy.least_confidence,
        )
        strange = self._at_the_border(evidence, shares) & in_scope & ~missing
        unsure |= strange
        wrong = np.maximum(1.0 - confidence, np.where(strange, _SCOPE_COST, 0.0))
        if doubts is not None and self.asks_by_rate:
            missing, unsure, strange = self._by_rate(
                doubts,
                in_scope & self.candidates.has_alternatives(evidence),
                action,
                skills,
                missing,
            )
            wrong = np.maximum(wrong, doubts.probability)
        candidates = self._ask_between(evidence, shares, unsure.nonzero()[0], question)
        if self.asks_scope:
            question[strange] = len(self.leads_apart)  # one more than that of a composed one
        two = np.partition(shares, -2, axis=1)[:, -2:] if shares.shape[1] > 1 else shares
        return PolicyResult(
            action=np.where(missing | unsure, np.int8(CLARIFY), action),
            skills=skills,
            neighbours=neighbours,
            question=question,
            confidence=np.where(missing, ask, np.where(unsure, wrong, confidence)),
            margin=two[:, -1] - (two[:, 0] if two.shape[1] > 1 else 0.0),
            in_scope=in_scope,
            ask_probability=ask,
            unsure=unsure,
            strange=strange,
            unasked_action=action,
            unasked_confidence=confidence,
            candidates=candidates,
        )

    def doubts(self, evidence: Evidence) -> Doubts | None:
        """Judge how ambiguous and how strange texts are, if they are asked about by rate."""
        if self.doubt is None:
            return None
        doubt, layout = self.statistics.doubt, self.layout
        nearness = Nearness.of(
            evidence.nearest, evidence.centroid_similarity, evidence.probabilities, layout
        )
        in_scope = evidence.probabilities[:, layout.targets]
        strangeness = doubt.strangeness_of(nearness) + _STRANGER * evidence.foreign
        return Doubts(doubt.ambiguity_of(nearness, in_scope, evidence.words), strangeness)

    def _at_the_border(self, evidence: Evidence, shares: Floats) -> Bools:
        """Tell of which texts it is not clear that they belong here, if that can be asked."""
        if not self.asks_scope or self.asks_by_rate or self.policy.question_threshold > 1.0:
            return np.zeros(len(shares), dtype=np.bool_)
        none = shares[:, len(self.layout.targets) :].sum(axis=1)
        at_the_border = np.minimum(none, 1.0 - none) >= _SCOPE_COST
        return np.asarray(at_the_border & self.candidates.has_alternatives(evidence))

    def _in_scope(self, evidence: Evidence, doubts: Doubts | None) -> Bools:
        """Tell which texts are close enough to belong here. Shape: (n_texts,)."""
        if self.doubt is None or doubts is None:
            least = np.where(evidence.foreign, _SAME_IN_ANY_LANGUAGE, self.similarity_threshold)
            return np.asarray(evidence.nearest_similarity >= least)
        return np.asarray(doubts.strangeness < self.doubt.refused)

    def _by_rate(
        self,
        doubts: Doubts,
        askable: Bools,
        action: NDArray[np.int8],
        skills: Indices,
        missing: Bools,
    ) -> tuple[Bools, Bools, Bools]:
        """Ask about the doubtful texts, if a share of the texts is to be asked about.

        A text that is likeliest "none" is asked about too where it is near the border. A text of
        several concerns is not ambiguous because several skills share its probability.

        :param askable: The text belongs here, and there are two options at least.
        :return: Asked because a detail is missing, because the text is doubtful, and because it
            may not belong here. Shapes: (n_texts,).
        """
        if self.doubt is None or np.isinf(self.doubt.ambiguity):
            never = np.zeros_like(missing)
            return never, never, never
        several = (skills[:, 1:] >= 0).any(axis=1)
        ambiguous = (doubts.ambiguity >= self.doubt.ambiguity) & (action != NONE) & ~several
        strange = (doubts.strangeness >= self.doubt.border) & ~several
        unsure = askable & (ambiguous | strange) & ~missing
        return missing, unsure, unsure & strange & ~ambiguous

    def shares_without_questions(self, evidence: Evidence) -> Floats:
        """Compute the probabilities of skills, neighbours and none, given that nothing is asked.

        :return: Rows that sum to 1. Shape: (n_texts, n_unasked).
        """
        unasked = evidence.probabilities[:, self.layout.unasked]
        return np.asarray(unasked / np.maximum(unasked.sum(axis=1, keepdims=True), 1e-12))

    def missing_detail(self, evidence: Evidence) -> Floats:
        """Give the probability that a detail is missing on which the decision depends.

        :return: 0 where all options of the likeliest question lead to one place. Shape: (n_texts,).
        """
        matters = self.leads_apart[self._likeliest_question(evidence)]
        return np.where(matters, evidence.missing_detail, 0.0)

    def _has_alternatives(self, evidence: Evidence, confidence: Floats) -> Bools:
        """Tell which texts have two candidates, if there is any to ask for lack of confidence."""
        if (confidence >= self.policy.least_confidence).all():
            return np.zeros(len(confidence), dtype=np.bool_)
        return self.candidates.has_alternatives(evidence)

    def _likeliest_question(self, evidence: Evidence) -> Indices:
        probabilities = evidence.questions.probabilities
        if not probabilities.shape[1]:
            return np.full(len(probabilities), -1, dtype=np.intp)
        return np.asarray(probabilities.argmax(axis=1))

    def _skills(
        self, evidence: Evidence, shares: Floats, action: NDArray[np.int8]
    ) -> tuple[Indices, Floats]:
        """Choose the skills of each route, in execution order, and tell how likely all are."""
        n_skills, most = len(self.skill_ids), min(self.policy.max_skills, len(self.skill_ids))
        of_skills = shares[:, :n_skills]
        top = of_skills.argmax(axis=1)
        routed = action == ROUTE
        chosen = np.full((len(top), most), -1, dtype=np.intp)
        chosen[routed, 0] = top[routed]
        confidence = of_skills[np.arange(len(top)), top]
        threshold = self.extra_skill_threshold
        for row, pair in evidence.pairs.items():
            if routed[row] and most > 1 and pair.probability >= threshold:
                chosen[row, :2] = pair.skills
                confidence[row] = (1.0 + pair.probability) / 2.0
        if self.is_made_of_documents and evidence.mentions is None:
            return chosen, confidence
        extra = np.where(evidence.extra_skills >= threshold, evidence.extra_skills, 0.0)
        for row in (routed & extra.any(axis=1)).nonzero()[0].tolist():  # one text in twenty
            strength = extra[row]
            strength[top[row]] = 2.0  # the likeliest skill always comes first
            ranked = np.argsort(-strength, kind="stable")[:most]
            ranked = ranked[strength[ranked] > 0.0]
            if self.is_made_of_documents:  # of tools
                confidence[row] = of_skills[row, ranked].sum()
            confidence[row] *= strength[ranked[1:]].prod()
            if evidence.mentions is not None and self.is_ordered_by_mention:
                places = evidence.mentions.places[row, ranked]
                ranked = ranked[np.argsort(places, kind="stable")]
            chosen[row, : len(ranked)] = self._order[tuple(ranked.tolist())]
        return chosen, confidence

    def _in_order(self, chosen: tuple[int, ...]) -> list[int]:
        index = {self.skill_ids[skill]: skill for skill in chosen}
        return [index[skill] for skill in self.precedence.sort(index)]

    @cached_property
    def _order(self) -> BoundedCache[tuple[int, ...], list[int]]:
        """The execution order of skills; the same few combinations come again and again."""
        return BoundedCache(self._in_order, _CACHED_ORDERS)

    def _neighbours(
        self, evidence: Evidence, shares: Floats, action: NDArray[np.int8], skills: Indices
    ) -> Bools:
        """Name the neighbours: those that serve a redirect, and those beside a route."""
        n_skills, n_neighbours = len(self.skill_ids), len(self.mention_when)
        if not n_neighbours:
            return np.zeros((len(shares), 0), dtype=np.bool_)
        of_neighbours = shares[:, n_skills : n_skills + n_neighbours]
        named = of_neighbours >= self.policy.mention_threshold
        redirected = (action == REDIRECT).nonzero()[0]
        named[redirected, of_neighbours[redirected].argmax(axis=1)] = True
        named[action == NONE] = False
        routed = (action == ROUTE).nonzero()[0]
        for row in routed.tolist():  # a neighbour is also named if the text mentions it
            words = evidence.words[row]
            if not self._first_words.isdisjoint(words):
                named[row] |= [phrases.match(words) for phrases in self.mention_when]
        named[routed] &= self._beside_skill[skills[routed]].any(axis=1)
        return named

    @cached_property
    def _first_words(self) -> frozenset[str]:
        """The first words of all phrases that name a neighbour."""
        return frozenset(phrase[0] for phrases in self.mention_when for phrase in phrases.phrases)

    @cached_property
    def _beside_skill(self) -> Bools:
        """Whether a neighbour is named beside each skill; in the last row, beside no skill."""
        return np.vstack([self.mention_beside.T, np.zeros(len(self.mention_when), dtype=np.bool_)])

    def _confidence(
        self,
        evidence: Evidence,
        shares: Floats,
        action: NDArray[np.int8],
        routed: Floats,
        skills: Indices,
        neighbours: Bools,
        in_scope: Bools,
        doubts: Doubts | None,
    ) -> Floats:
        """Tell how sure is what would be decided unasked. Shape: (n_texts,)."""
        n_skills, n_neighbours = len(self.layout.skills), len(self.layout.neighbours)
        confidence = routed
        for code in set(action.tolist()):
            rows = (action == code).nonzero()[0]
            if code == REDIRECT:
                of_neighbours = shares[rows, n_skills : n_skills + n_neighbours]
                confidence[rows] = (of_neighbours * neighbours[rows]).sum(axis=1)
            elif code == NONE:
                confidence[rows] = shares[rows, n_skills + n_neighbours :].sum(axis=1)
                far = rows[~in_scope[rows]]
                if doubts is not None:
                    strange = 1.0 / (1.0 + np.exp(-doubts.strangeness[rows]))
                    confidence[rows] = np.maximum(confidence[rows], strange)
                elif len(far):
                    p_value = self.statistics.p_value(evidence.nearest_similarity[far])
                    confidence[far] = np.maximum(confidence[far], 1.0 - p_value)
            if code == ROUTE and self.is_made_of_documents and evidence.mentions is None:
                single = rows[(skills[rows, 1:] < 0).all(axis=1)]
                words = [evidence.words[row] for row in single.tolist()]
                confidence[single] = clearness(confidence[single], words)
            confidence[rows] = self.scalings[ACTIONS[code]].transform(confidence[rows])
        return confidence

    def _ask_between(
        self, evidence: Evidence, shares: Floats, unsure: Indices, question: Indices
    ) -> Indices:
        """Find the candidates of unsure texts, and write the question on them into `question`."""
        candidates = np.full((len(shares), MAX_OPTIONS), -1, dtype=np.intp)
        if not len(unsure):
            return candidates
        candidates[unsure] = self.candidates.prediction_sets(evidence, shares)[unsure]
        for row in unsure:
            likely = evidence.questions.probabilities[row].tolist()
            separating = self.candidates.separating_question(candidates[row], likely)
            question[row] = len(likely) if separating < 0 else separating
        return candidates


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


def fitted_candidate_threshold(statistics: ExemplarStatistics, policy: Policy) -> float:
    """Find the probability from which on a target is a candidate, by split conformal prediction.

    :return: 0, so that every target is a candidate, if the policy never asks for lack of
        confidence, or if there are too few exemplars for its `alpha`.
    """
    enough = len(statistics.true_probability) >= texts_needed(policy.alpha)
    if policy.least_confidence == 0.0 or not enough:
        return 0.0
    return coverage_threshold(statistics.true_probability, policy.alpha)
