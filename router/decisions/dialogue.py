"""One step of a dialogue: a question and its reply in, the next decision out. No I/O."""

import re
from collections.abc import Collection, Mapping, Sequence
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
from router.encoders.encoder import Encoder
from router.errors import RouterError
from router.model.model import Evidence
from router.model.replies import (
    ANY_ANSWER,
    BOTH,
    DENIED,
    NEITHER,
    UNSURE,
    reply_exemplars,
)
from router.model.reply_language import (
    corrected,
    denied,
    denied_parts,
    has_no_preference,
    literal_meaning,
    literal_meanings,
    mended,
    parts_of_reply,
    says_all,
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

_DENYING = re.compile(r"\b(?:not|no|never|none|without|nothing)\b|n['\u2019]t\b", re.IGNORECASE)
"""A word of an option that itself says what is not so: "There is no service yet"."""

_EVEN = 0.5
"""From this probability of "none" on, a reply that says neither yes nor no leads nowhere."""

_NAMED = 0.75
"""A part of a reply names an option if it means that with at least this probability."""

_BOTH_NAMED = 0.1
"""A reply that says "both" names an option if that has at least this probability."""

_UNCLEAR = 0.3
"""A reply is not understood if no meaning has this probability: fewer than half are right then."""

_RARER = 2.0
"""How many times as likely "both", "neither" and "not sure" are as the few exemplars of them say:
the most that were understood of replies that were held out."""

_GUESS = 0.6
"""The confidence of a decision for a user who could not answer."""


@dataclass(frozen=True)
class InterpretedReply:
    """A reply, read alone and together with what was said before.

    :param written: The reply as it was written.
    :param text: The reply without its typing errors.
    :param meanings: The probability of each meaning, the likeliest first.
    """

    clarify: Clarify
    written: str
    text: str
    alone: Evidence
    together: Evidence
    meanings: Mapping[str, float]

    @property
    def question(self) -> AskedQuestion:
        """What was asked."""
        return self.clarify.question

    @property
    def history(self) -> tuple[str, ...]:
        """What the user has said so far, this reply last."""
        return (*self.clarify.history, self.written)


@dataclass(frozen=True)
class ReplyHandler:
    """Interprets replies to the questions of one router, and decides again."""

    builder: DecisionBuilder
    encoder: Encoder
    policy: CompiledPolicy

    def answer(self, clarify: Clarify, text: str) -> Decision:
        """Interpret the reply to a question, and decide with everything said before in mind."""
        reply = self._interpret(clarify, text)
        if reply.question.id == SCOPE_ID:
            return self._about_scope(reply)
        if says_nothing(reply.question.options, reply.text) or _is_foreign(reply):
            return self._unclear(reply)
        if listed := self._listed(reply):
            return self._follow(reply, listed, 1.0)
        if new_query := self._new_query(reply):
            return self._unclear(reply) if self._is_odd(reply, new_query) else new_query
        if ruled_out := self._ruled_out(reply):
            return self._among_the_rest(reply, ruled_out)
        return self._by_meaning(reply)

    def _by_meaning(self, reply: InterpretedReply) -> Decision:
        """Follow the options that a reply in free words means, if it is clear enough."""
        meaning, confidence = next(iter(reply.meanings.items()))
        if named := self._named(reply):
            return self._follow(reply, named, confidence)
        if confidence < _UNCLEAR:
            return self._unclear(reply)
        special = {NEITHER: self._without_options, UNSURE: self._unsure}
        if meaning in special:
            return special[meaning](reply)
        both = meaning == BOTH
        options = self._both(reply) if both else (reply.question.option(meaning),)
        return self._follow(reply, options, confidence)

    def _interpret(self, clarify: Clarify, text: str) -> InterpretedReply:
        model, question = self.builder.model, self._known(clarify.question)
        clarify = replace(clarify, question=question)
        joined = "\n".join((*clarify.history, text))
        alone, together = (model.evidence([t], self.encoder) for t in (text, joined))
        read = text
        if question.id in self.builder.pack.questions:
            read = mended(text, model.vocabulary, self._words_of_replies[question.id])
        meanings = self._meanings(question, read, alone, together)
        return InterpretedReply(clarify, text, read, alone, together, meanings)

    @cached_property
    def _words_of_replies(self) -> dict[str, list[str]]:
        """The words of the options' labels and of known replies, by question."""
        pack = self.builder.pack
        words = {}
        for question in pack.questions.values():
            rows = reply_exemplars(question, pack.exemplars.options[question.id])
            words[question.id] = sorted({w for _, line in rows for w in words_of(line)})
        return words

    def _known(self, question: AskedQuestion) -> AskedQuestion:
        """Give the pack's own question of that id, which says more than a record does.

        :raises RouterError: An option leads to what this pack does not have.
        """
        pack = self.builder.pack
        if question.id in pack.questions:
            own = AskedQuestion.of(pack.questions[question.id])
            offered = {option.id for option in question.options}
            return _with_options(own, offered) if offered else own
        if not question.leading_options:
            raise RouterError(
                f"question {question.id!r} is none of this pack, and no option of it leads"
                f" anywhere; known: {', '.join(pack.questions)}"
            )
        known = {f"skill:{skill}" for skill in pack.skills}
        known |= {f"neighbour:{neighbour}" for neighbour in pack.neighbours}
        for option in question.options:
            unknown = set(_targets(option.leads_to)) - known
            if unknown:
                raise RouterError(
                    f"an option leads to skills and neighbours of this pack, {option.label!r}"
                    f" leads to {min(unknown)}; answer it with the router that asked it"
                )
        return question

    def _meanings(
        self, question: AskedQuestion, text: str, alone: Evidence, together: Evidence
    ) -> dict[str, float]:
        """Compute the probability of each meaning, the likeliest first."""
        literal = literal_meaning(question.options, text)
        if literal is None and (split := denied(text)) is not None:
            literal = literal_meaning(question.options, split[1])  # "not the first, the second"
        if literal is not None:
            leads = question.option(literal) in question.leading_options
            return {literal if leads else NEITHER: 1.0}
        if has_no_preference(text):
            return {UNSURE: 1.0}
        heads = self.builder.model.replies
        general = heads[ANY_ANSWER].meanings(text, self.encoder)
        if question.id in heads:
            offered = {option.id for option in question.options}
            options = heads[question.id].meanings(text, self.encoder)
            answers = general.pop(ANY_ANSWER)
            meanings = {name: p * answers for name, p in options.items() if name in offered}
            meanings |= {name: min(1.0, _RARER * p) for name, p in general.items()}
            return dict(sorted(meanings.items(), key=lambda pair: -pair[1]))
        weights = [self._weight(option, alone, together) for option in question.leading_options]
        return weigh_options(question.leading_options, weights, general)

    def _weight(
        self, option: OfferedOption, alone: Evidence, together: Evidence
    ) -> tuple[float, float]:
        """Sum up what the reply, alone and together with the query, says of an option's targets."""
        targets = _targets(option.leads_to)
        by_target = (self._by_target(alone), self._by_target(together))
        first, second = (sum(likely[target] for target in targets) for likely in by_target)
        return first, second

    def _by_target(self, evidence: Evidence) -> dict[str, float]:
        names = self.builder.model.names
        return dict(zip(names, evidence.probabilities[0].tolist(), strict=True))

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
            weights = [self._weight(option, alone, alone)[0] for option in question.options]
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
        targets = {target for option in question.options for target in _targets(option.leads_to)}
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
        together, alone = self._by_target(reply.together), self._by_target(reply.alone)

        def is_mentioned(skill: str) -> bool:
            return max(together[f"skill:{skill}"], alone[f"skill:{skill}"]) >= _MENTIONED

        choice = (*filter(is_mentioned, destination.any_of), *destination.any_of[:1])[:1]
        return [*choice, *destination.skills, *filter(is_mentioned, destination.if_mentioned)]

    def _ruled_out(self, reply: InterpretedReply) -> dict[str, float]:
        """Tell which options a reply denies, "not the first two", and how clearly.

        Where a question has replies of its own, `ReplyHead` knows which of two is denied.
        """
        split = denied(corrected(reply.text))
        if split is None or split[1]:
            return {}
        question, found = reply.question, dict[str, float]()
        for part in denied_parts(split[0], len(question.options)):
            literal = literal_meaning(question.options, part)
            name, clear = (literal, 1.0) if literal is not None else self._denied(question, part)
            found |= {name: clear} if clear >= DENIED else {}
        likeliest = next(iter(reply.meanings))
        meant = likeliest == NEITHER or likeliest in found or 1.0 in found.values()
        return found if meant else {}

    def _denied(self, question: AskedQuestion, what: str) -> tuple[str, float]:
        """Find the option that a denial means, with its probability; none that itself denies."""
        options, heads = question.leading_options, self.builder.model.replies
        if question.id in heads:
            likely = heads[question.id].meanings(what, self.encoder) if len(options) > 2 else {}
            names_one = heads[ANY_ANSWER].meanings(what, self.encoder)[ANY_ANSWER]
            weights = {name: p * names_one for name, p in likely.items()}
        else:
            weights = self._likely(question, what)
        weights |= {option.id: 0.0 for option in options if self._itself_denies(question, option)}
        likeliest = max(options, key=lambda option: weights.get(option.id, 0.0)).id
        return likeliest, weights.get(likeliest, 0.0)

    def _itself_denies(self, question: AskedQuestion, option: OfferedOption) -> bool:
        """Tell whether an option says what is not so, as "There is no service yet" does."""
        lines = self.builder.pack.exemplars.options.get(question.id, {}).get(option.id, ())
        denies = [_DENYING.search(line) is not None for line in (option.label, *lines)]
        return denies[0] or 2 * sum(denies) > len(denies)

    def _among_the_rest(self, reply: InterpretedReply, ruled_out: Mapping[str, float]) -> Decision:
        """Follow the only option that is left, or ask again among those that are left."""
        left = [option for option in reply.question.leading_options if option.id not in ruled_out]
        confidence = min(ruled_out.values())
        if not left:
            return self._without_options(reply)
        if len(left) == 1:
            return self._follow(reply, left, confidence)
        rest = {option.id for option in reply.question.options} - ruled_out.keys()
        question, asked = _with_options(reply.question, rest), reply.clarify.asked_ids
        return clarify(question, reply.history, asked[:-1], self._fields(reply, confidence))

    def _ranked(self, reply: InterpretedReply) -> list[OfferedOption]:
        """Give the options that the reply may mean, the likeliest first; all if it means none."""
        options = {option.id: option for option in reply.question.leading_options}
        ranked = [options[meaning] for meaning in reply.meanings if meaning in options]
        return ranked or list(options.values())

    def _both(self, reply: InterpretedReply) -> Sequence[OfferedOption]:
        """Give the options that "both" means: the two that the reply names, else the first two.

        Who says "all of them" means every one.
        """
        meanings = reply.meanings
        if says_all(reply.text):
            return reply.question.leading_options
        named = [one for one in self._ranked(reply) if meanings.get(one.id, 0.0) >= _BOTH_NAMED]
        return (named if len(named) > 1 else reply.question.leading_options)[:2]

    def _listed(self, reply: InterpretedReply) -> list[OfferedOption]:
        """Give the options that a reply lists by number, position or label, in their order."""
        listed = literal_meanings(reply.question.options, reply.text)
        return [option for option in reply.question.leading_options if option.id in listed]

    def _named(self, reply: InterpretedReply) -> list[OfferedOption]:
        """Give the options that a reply lists, each in one of its parts, if it lists several."""
        question, likeliest = reply.question, next(iter(reply.meanings))
        options = {option.id: option for option in question.leading_options}
        parts = parts_of_reply(reply.text)
        if len(parts) < 2 or likeliest in (NEITHER, UNSURE):
            return []
        named = {}
        for part in parts:
            literal = literal_meaning(question.options, part)
            likely = self._likely(question, part) if literal is None else {literal: 1.0}
            option = max(likely, key=lambda name: likely[name])
            if option in options and likely[option] >= _NAMED:
                named[option] = options[option]
        return list(named.values()) if len(named) > 1 else []

    def _likely(self, question: AskedQuestion, part: str) -> dict[str, float]:
        """Compute the probability of each option by a part of a reply alone."""
        if head := self.builder.model.replies.get(question.id):
            return head.meanings(part, self.encoder)
        evidence = self.builder.model.evidence([part], self.encoder)
        options = question.leading_options
        return {option.id: self._weight(option, evidence, evidence)[0] for option in options}

    def _unclear(self, reply: InterpretedReply) -> Decision:
        """Ask once more in other words, then take the likeliest for granted."""
        question, asked = reply.question, reply.clarify.asked_ids
        likeliest = next(iter(reply.meanings.values()))
        if _may_ask_again(reply):
            again = replace(question, text=self.builder.pack.file.wording.again)
            return clarify(again, reply.history, asked, self._fields(reply, likeliest))
        return self._assuming(reply, self._ranked(reply)[0], likeliest)

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
            return self._assuming(reply, self._ranked(reply)[0], _GUESS)
        return self._follow(reply, options, _GUESS)

    def _without_options(self, reply: InterpretedReply) -> Decision:
        """Decide for a user whom no option fits: the best of what the options do not lead to."""
        ruled_out = {t for option in reply.question.options for t in _targets(option.leads_to)}
        ruled_out |= {f"question:{question}" for question in self.builder.pack.questions}
        by_target = self._by_target(reply.together)
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


def weigh_options(
    options: Sequence[OfferedOption],
    weights: Sequence[tuple[float, float]],
    general: Mapping[str, float],
) -> dict[str, float]:
    """Weigh what a reply in free words means where nobody wrote replies to the question.

    An option counts by what the reply alone says of its targets, against all targets, and by what
    the reply and the query say together, among the options. A reply about something else leaves
    every option low.

    :param weights: For each option, the probability of its targets by the reply alone, and by the
        query and the reply together.
    :param general: The probability of `ANY_ANSWER` and of what any reply can mean besides.
    :return: Weights in [0, 1] of the options and of those meanings, the highest first.
    """
    products = [alone * together for alone, together in weights]
    total = sum(products) or 1.0
    answers = general[ANY_ANSWER]
    meanings = {
        option.id: min(1.0, 2.0 * answers) * (alone + product / total) / 2.0
        for option, (alone, _), product in zip(options, weights, products, strict=True)
    }
    for meaning, probability in general.items():
        if meaning != ANY_ANSWER:
            meanings[meaning] = probability * (1.0 - answers)
    return dict(sorted(meanings.items(), key=lambda pair: -pair[1]))


def _may_ask_again(reply: InterpretedReply) -> bool:
    """Tell whether the question of a reply was put only once."""
    return reply.clarify.asked_ids.count(reply.question.id) < 2


def _is_foreign(reply: InterpretedReply) -> bool:
    """Tell whether a reply is in another language, has no clear meaning, and may be put again."""
    is_clear = max(reply.meanings.values()) >= _NEW_QUERY_CONFIDENCE
    return bool(reply.alone.foreign[0]) and not is_clear and _may_ask_again(reply)


def _with_options(question: AskedQuestion, ids: Collection[str]) -> AskedQuestion:
    """Leave out the options that are not offered."""
    options = tuple(option for option in question.options if option.id in ids)
    if_unsure = question.if_unsure if question.if_unsure in ids else None
    return replace(question, options=options, if_unsure=if_unsure)


def _targets(destination: Destination) -> list[str]:
    """Name all targets that an option can lead to at once."""
    return [
        *(f"skill:{skill}" for skill in destination.all_skills),
        *(f"neighbour:{neighbour}" for neighbour in destination.neighbours),
        *([f"question:{destination.ask}"] if destination.ask is not None else []),
    ]
