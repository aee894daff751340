"""One step of a dialogue: where a reply to a question leads. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from msgspec.structs import replace

from router import english
from router.decisions.builder import DecisionBuilder, clarify
from router.decisions.decision import (
    SCOPE_ID,
    AskedQuestion,
    Clarify,
    Decision,
    NoRoute,
    OfferedOption,
)
from router.decisions.new_query import Novelty, besides
from router.decisions.policy import CompiledPolicy
from router.decisions.reply_reader import (
    InterpretedReply,
    ReplyReader,
    targets_of,
    with_options,
)
from router.encoders.encoder import Encoder
from router.model.model import Evidence
from router.model.replies import (
    BOTH,
    NEITHER,
    UNSURE,
)
from router.model.reply_language import (
    says_nothing,
    says_yes,
)
from router.packs.parts import Destination
from router.text import Phrases, words_of

_MAX_QUESTIONS = 2
"""One question is the normal case, one follow-up question the limit."""

_NEW_QUERY_CONFIDENCE = 0.9
"""A reply to a composed question is a new query only if it is decided with this confidence."""

_NEW_QUERY = 0.7
"""A reply to an authored question is a new query from this probability on."""

_NO_ANSWER_WEIGHT = 0.3
"""And only if it weighs less than this for every option."""

_MENTIONED = 0.5
"""A skill that an option leaves open counts as mentioned from this probability on."""

_EVEN = 0.5
"""From this probability of "none" on, a reply that says neither yes nor no leads nowhere."""

_UNCLEAR = 0.3
"""A reply is not understood if no meaning has this probability: fewer than half are right then."""

_GUESS = 0.6
"""The confidence of a decision for a user who could not answer."""


@dataclass(frozen=True)
class ReplyHandler:
    """Interprets replies to the questions of one router, and decides again."""

    builder: DecisionBuilder
    encoder: Encoder
    policy: CompiledPolicy

    @cached_property
    def _reader(self) -> ReplyReader:
        return ReplyReader(self.builder.pack, self.builder.model, self.encoder)

    def answer(self, clarify: Clarify, text: str) -> Decision:
        """Interpret the reply to a question, and decide with everything said before in mind."""
        reply = self._reader.read(clarify, text)
        if reply.question.id == SCOPE_ID:
            return self._about_scope(reply)
        if says_nothing(reply.question.options, reply.text) or _is_foreign(reply):
            return self._unclear(reply)
        if listed := self._reader.listed(reply):
            return self._follow(reply, listed, 1.0)
        if new_query := self._new_query(reply):
            return self._unclear(reply) if self._is_odd(reply, new_query) else new_query
        if ruled_out := self._reader.ruled_out(reply):
            return self._among_the_rest(reply, ruled_out)
        return self._by_meaning(reply)

    def _by_meaning(self, reply: InterpretedReply) -> Decision:
        """Follow the options that a reply in free words means, if it is clear enough."""
        meaning, confidence = next(iter(reply.meanings.items()))
        if named := self._reader.named(reply):
            return self._follow(reply, named, confidence)
        if confidence < _UNCLEAR:
            return self._unclear(reply)
        special = {NEITHER: self._without_options, UNSURE: self._unsure}
        if meaning in special:
            return special[meaning](reply)
        both = meaning == BOTH
        options = self._reader.both(reply) if both else (reply.question.option(meaning),)
        return self._follow(reply, options, confidence)

    def _about_scope(self, reply: InterpretedReply) -> Decision:
        """Decide once it is known whether the query belongs here: by the reply, or by both."""
        inside, likeliest = says_yes(reply.text), next(iter(reply.meanings))
        if likeliest == UNSURE:
            inside = None
        elif inside is None and (likeliest == NEITHER or len(reply.meanings) == 1):
            inside = likeliest != NEITHER
        together, model = reply.together, self.builder.model
        shares = self.policy.shares_without_questions(together)[0]
        outside = float(shares[len(model.layout.targets) :].sum())
        if not (outside < _EVEN if inside is None else inside):
            reason = "This belongs nowhere here, as the reply says."
            confidence = outside if inside is None else 1.0
            return NoRoute(**self._fields(reply, confidence), reason=reason)
        allowed = self.builder.pack.target_ids
        decision = self._decide(model.restricted(together, allowed, none=False))
        if isinstance(decision, Clarify) and decision.question.id == SCOPE_ID:
            return self._follow(reply, reply.question.leading_options, 1.0 - outside)
        return decision

    def _new_query(self, reply: InterpretedReply) -> Decision | None:
        """Decide the reply as a query of its own, if it is one rather than an answer.

        It is one if it lies closer to what people ask than to any reply to this question, and if
        it asks for nothing that this question could lead to.
        """
        likeliest = next(iter(reply.meanings))
        is_authored = reply.question.id in self.builder.model.replies
        if len(reply.meanings) == 1 or (is_authored and likeliest in (BOTH, UNSURE)):
            return None  # a single meaning is an option by its name
        rest, alone = besides(reply.text), reply.alone
        if rest != reply.written:
            alone = self.builder.model.evidence([rest], self.encoder)
        decision = self._decide(alone)
        open_to = self.open_to(reply.question, reply.text)
        wanted = {f"skill:{skill}" for skill in getattr(decision, "skills", ())}
        wanted |= {f"neighbour:{pack}" for pack in getattr(decision, "packs", ()) if not wanted}
        if wanted & open_to or self._is_answer(reply, alone, decision, open_to):
            return None
        return decision

    def _is_answer(
        self, reply: InterpretedReply, alone: Evidence, decision: Decision, open_to: set[str]
    ) -> bool:
        """Tell whether a reply, without what it only denies, answers the question."""
        heads, question = self.builder.model.replies, reply.question
        if question.id not in heads:  # nobody wrote replies to a composed question
            unsure = isinstance(decision, Clarify) or decision.confidence < _NEW_QUERY_CONFIDENCE
            weights = [self._reader.weight(option, alone, alone)[0] for option in question.options]
            weights += [p / 2 for name, p in reply.meanings.items() if name.startswith("=")]
            return unsure or max(weights) >= _NO_ANSWER_WEIGHT
        if isinstance(decision, Clarify) and decision.question.id == question.id:
            return True
        model = self.builder.model
        novelty = Novelty.of(model, question.id, open_to, reply.text, alone)
        return novelty.probability() < _NEW_QUERY

    def open_to(self, question: AskedQuestion, text: str) -> set[str]:
        """Name all targets that a question can lead to, at once or after a further one.

        :param text: A reply. If it announces another topic, further questions don't count.
        """
        targets = {target for option in question.options for target in targets_of(option.leads_to)}
        if english.SWITCHING.match(words_of(text)):
            return targets
        further = (option.leads_to.ask for option in question.options)
        asked = [AskedQuestion.of(self.builder.pack.questions[name]) for name in further if name]
        return targets.union(*(self.open_to(one, text) for one in asked))

    def _is_odd(self, reply: InterpretedReply, new_query: Decision) -> bool:
        """Tell whether a reply that belongs nowhere may be an answer that was not understood.

        So may any to a question that nobody wrote replies to.
        """
        is_composed = reply.question.id not in self.builder.model.replies
        return isinstance(new_query, NoRoute) and is_composed and _may_ask_again(reply)

    def _follow(
        self, reply: InterpretedReply, options: Sequence[OfferedOption], confidence: float
    ) -> Decision:
        """Go where the options lead: ask the follow-up question, or decide."""
        fields = self._fields(reply, confidence)
        for option in options:
            ask = option.leads_to.ask
            if ask is not None and len(set(reply.clarify.asked_ids)) < _MAX_QUESTIONS:
                question = AskedQuestion.of(self.builder.pack.questions[ask])
                return clarify(question, reply.history, reply.clarify.asked_ids, fields)
        ends = [self._end_of(option.leads_to) for option in options]
        skills = [skill for end in ends for skill in self._skills_of(end, reply)]
        neighbours = tuple(dict.fromkeys(pack for end in ends for pack in end.neighbours))
        sections = {end.all_skills[0]: end.section for end in reversed(ends) if end.section}
        return self._ended(reply, skills, neighbours, sections, fields)

    def _ended(
        self,
        reply: InterpretedReply,
        skills: Sequence[str],
        neighbours: tuple[str, ...],
        sections: Mapping[str, str],
        fields: dict[str, Any],
    ) -> Decision:
        """Build the decision that a reply led to.

        :param sections: The section to read first, by the skill whose document has it.
        """
        if not skills:
            return self.builder.redirect(neighbours, fields)
        pack, words = self.builder.pack, words_of("\n".join(reply.history))
        mentioned = (
            neighbour.id
            for neighbour in pack.neighbours.values()
            if set(neighbour.mention_beside) & set(skills)
            and Phrases.of(neighbour.mention_when).match(words)
        )
        ordered = pack.precedence.sort(skills)
        fields = {**fields, "section": sections.get(ordered[0], "")}
        return self.builder.route(ordered, tuple(dict.fromkeys((*neighbours, *mentioned))), fields)

    def _end_of(self, destination: Destination) -> Destination:
        """Find where an answer ends once nothing more may be asked."""
        while destination.ask is not None:
            question = self.builder.pack.questions[destination.ask]
            option = question.option(question.if_unsure or question.options[0].id)
            destination = option.leads_to
        return destination

    def _skills_of(self, destination: Destination, reply: InterpretedReply) -> list[str]:
        together, alone = (
            self._reader.by_target(reply.together),
            self._reader.by_target(reply.alone),
        )

        def is_mentioned(skill: str) -> bool:
            return max(together[f"skill:{skill}"], alone[f"skill:{skill}"]) >= _MENTIONED

        choice = (*filter(is_mentioned, destination.any_of), *destination.any_of[:1])[:1]
        return [*choice, *destination.skills, *filter(is_mentioned, destination.if_mentioned)]

    def _among_the_rest(self, reply: InterpretedReply, ruled_out: Mapping[str, float]) -> Decision:
        """Follow the only option that is left, or ask again among those that are left."""
        left = [option for option in reply.question.leading_options if option.id not in ruled_out]
        confidence = min(ruled_out.values())
        if not left:
            return self._without_options(reply)
        if len(left) == 1:
            return self._follow(reply, left, confidence)
        rest = {option.id for option in reply.question.options} - ruled_out.keys()
        question, asked = with_options(reply.question, rest), reply.clarify.asked_ids
        return clarify(question, reply.history, asked[:-1], self._fields(reply, confidence))

    def _unclear(self, reply: InterpretedReply) -> Decision:
        """Ask once more in other words, then take the likeliest for granted."""
        question, asked = reply.question, reply.clarify.asked_ids
        likeliest = next(iter(reply.meanings.values()))
        if _may_ask_again(reply):
            again = replace(question, text=self.builder.pack.file.wording.again)
            return clarify(again, reply.history, asked, self._fields(reply, likeliest))
        return self._assuming(reply, self._reader.ranked(reply)[0], likeliest)

    def _assuming(
        self, reply: InterpretedReply, option: OfferedOption, confidence: float
    ) -> Decision:
        """Follow an option that nobody chose, and say so."""
        decision = self._follow(reply, (option,), confidence)
        return replace(decision, reason=f"Assuming “{option.label}”: {decision.reason}")

    def _unsure(self, reply: InterpretedReply) -> Decision:
        """Decide for a user who does not know.

        The pack may say what to do; else both of two options are taken, or the likeliest of more.
        """
        question, options = reply.question, reply.question.leading_options
        if question.if_unsure is not None:
            return self._assuming(reply, question.option(question.if_unsure), _GUESS)
        if len(options) != 2:
            return self._assuming(reply, self._reader.ranked(reply)[0], _GUESS)
        return self._follow(reply, options, _GUESS)

    def _without_options(self, reply: InterpretedReply) -> Decision:
        """Decide for a user whom no option fits: the best of what the options do not lead to."""
        ruled_out = {t for option in reply.question.options for t in targets_of(option.leads_to)}
        ruled_out |= {f"question:{question}" for question in self.builder.pack.questions}
        by_target = self._reader.by_target(reply.together)
        likely = {name: p for name, p in by_target.items() if name not in ruled_out}
        total = sum(likely.values())
        name = max(likely, key=lambda target: likely[target], default="none")
        fields = self._fields(reply, likely.get(name, 0.0) / total if total else 0.0)
        kind, _, target = name.partition(":")
        if kind == "skill":
            return self.builder.route((target,), (), fields)
        if kind == "neighbour":
            return self.builder.redirect((target,), fields)
        return NoRoute(**fields, reason="None of the options fits, and nothing else here does.")

    def _decide(self, evidence: Evidence) -> Decision:
        return self.builder.decision(evidence, self.policy.decide(evidence), 0)

    def _fields(self, reply: InterpretedReply, confidence: float) -> dict[str, Any]:
        values = sorted(reply.meanings.values(), reverse=True)
        return {
            "confidence": round(float(np.clip(confidence, 0.0, 1.0)), 4),
            "margin": round(values[0] - (values[1] if len(values) > 1 else 0.0), 4),
            "categories": self.builder.categories(reply.together, 0),
            "evidence": self.builder.nearest_exemplars(reply.together, 0),
        }


def _may_ask_again(reply: InterpretedReply) -> bool:
    """Tell whether the question of a reply was put only once."""
    return reply.clarify.asked_ids.count(reply.question.id) < 2


def _is_foreign(reply: InterpretedReply) -> bool:
    """Tell whether a reply is in another language, has no clear meaning, and may be put again."""
    is_clear = max(reply.meanings.values()) >= _NEW_QUERY_CONFIDENCE
    return bool(reply.alone.foreign[0]) and not is_clear and _may_ask_again(reply)
