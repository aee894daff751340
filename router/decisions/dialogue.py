"""One step of a dialogue: a question and its reply in, the next decision out. No I/O."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from router.decisions import composed, narrate
from router.decisions.decision import Clarify, Decision, NoRoute
from router.decisions.policy import Verdicts
from router.encoders.encoder import Encoder
from router.model.model import ANY_ANSWER, Reading
from router.model.replies import BOTH, NEITHER, UNSURE, literal_meaning
from router.packs.pack import Destination, Option, Question
from router.text import Phrases, words_of

MOST_QUESTIONS = 2
"""One question is the normal case, one follow-up the limit."""

LEAVES = 0.9
"""A reply is a query of its own only if it would be decided with this confidence..."""

FURTHER = 0.2
"""...and lies so much closer (a cosine) to a query than to any reply to the question."""

FAINT = 0.3
"""A reply to a composed question that weighs less for every option is about something else."""

SAID = 0.5
"""From this probability on, a skill that an option leaves open counts as asked for."""

GUESS = 0.6
"""Confidence is scaled by this where the user could not answer and we decide all the same."""


@dataclass(frozen=True)
class Heard:
    """A reply, read alone and together with what was said before."""

    clarify: Clarify
    question: Question
    reply: str
    alone: Reading
    together: Reading
    meanings: Mapping[str, float]  # the likeliest first

    @property
    def said(self) -> tuple[str, ...]:
        """Everything said so far, this reply last."""
        return (*self.clarify.said, self.reply)


@dataclass(frozen=True)
class Listener:
    """Reads replies for one pack. `decide` turns a reading into verdicts."""

    narrator: narrate.Narrator
    encoder: Encoder
    decide: Callable[[Reading], Verdicts]

    def answer(self, clarify: Clarify, reply: str) -> Decision:
        """Hear the reply to a question, and decide with all that was said in mind."""
        heard = self._hear(clarify, reply)
        meaning, sure = next(iter(heard.meanings.items()))
        if other := self._new_subject(heard):
            return other
        if meaning == NEITHER:
            return self._without_options(heard)
        if meaning == UNSURE:
            return self._unsure(heard)
        if meaning == BOTH:
            return self._follow(heard, self._both(heard), sure)
        return self._follow(heard, (heard.question.option(meaning),), sure)

    def _hear(self, clarify: Clarify, reply: str) -> Heard:
        asked, pack, model = clarify.question, self.narrator.pack, self.narrator.model
        own = pack.questions.get(asked.id)
        question = composed.question_of(asked, pack) if own is None else own
        joined = "\n".join((*clarify.said, reply))
        alone, together = (model.read([text], self.encoder) for text in (reply, joined))
        literal = (
            composed.literal_meaning(asked, reply) if own is None else literal_meaning(own, reply)
        )
        if literal is not None:
            return Heard(clarify, question, reply, alone, together, {literal: 1.0})
        general = model.replies[ANY_ANSWER if own is None else own.id].meanings(reply, self.encoder)
        if own is not None:
            meanings = self._weigh(own, alone, general)
        else:
            options = [option.id for option in question.options]
            likely = (self._by_target(alone), self._by_target(together))
            meanings = composed.weigh(options, *likely, general)
        return Heard(clarify, question, reply, alone, together, meanings)

    def _weigh(
        self, question: Question, alone: Reading, meanings: Mapping[str, float]
    ) -> dict[str, float]:
        """Let an option gain by what its skills' own exemplars say of the reply."""
        likely = self._by_target(alone)
        weighed = {}
        for meaning, probability in meanings.items():
            gain = 0.5
            if not meaning.startswith("="):
                lead = question.option(meaning).leads_to
                gain = sum(likely[name] for name in _targets(lead))
            weighed[meaning] = probability * (0.2 + gain)
        total = sum(weighed.values())
        return dict(sorted(((m, p / total) for m, p in weighed.items()), key=lambda mp: -mp[1]))

    def _by_target(self, reading: Reading) -> dict[str, float]:
        names = self.narrator.model.names
        return dict(zip(names, reading.probabilities[0].tolist(), strict=True))

    def _new_subject(self, heard: Heard) -> Decision | None:
        """Decide the reply as a query of its own, if it is one rather than an answer.

        It is one if it lies closer to what people ask than to any reply to this question, and
        what it asks for is nothing that this question could lead to.
        """
        if len(heard.meanings) == 1:  # an option by its number, label or id
            return None
        decision = self._tell(heard.alone)
        open_to = {t for option in heard.question.options for t in _targets(option.leads_to)}
        wanted = {f"skill:{s}" for s in getattr(decision, "skills", ())}
        wanted |= {f"neighbour:{p}" for p in getattr(decision, "packs", ()) if not wanted}
        leaves = not wanted & open_to and self._is_no_answer(heard)
        told = not isinstance(decision, Clarify) and decision.confidence >= LEAVES
        return decision if leaves and told else None

    def _is_no_answer(self, heard: Heard) -> bool:
        own = self.narrator.model.replies.get(heard.question.id)
        if own is None:  # a composed question: nobody wrote replies to it
            return max(heard.meanings.values()) < FAINT
        nearest = float((own.head.exemplars @ heard.alone.vectors[0]).max())
        return bool(heard.alone.closest[0] - nearest >= FURTHER)

    def _follow(self, heard: Heard, options: Sequence[Option], sure: float) -> Decision:
        """Go where the options lead: ask the follow-up question, or decide."""
        told = self._told(heard, sure)
        for option in options:
            ask = option.leads_to.ask
            if ask is not None and len(heard.clarify.asked) < MOST_QUESTIONS:
                question = self.narrator.pack.questions[ask]
                return narrate.clarify(question, heard.said, heard.clarify.asked, told)
        leads = [self._end_of(option.leads_to) for option in options]
        skills = [skill for lead in leads for skill in self._skills_of(lead, heard)]
        packs = tuple(dict.fromkeys(pack for lead in leads for pack in lead.neighbours))
        return self._ended(heard, skills, packs, told)

    def _ended(
        self, heard: Heard, skills: Sequence[str], packs: tuple[str, ...], told: dict[str, Any]
    ) -> Decision:
        pack = self.narrator.pack
        if not skills:
            return narrate.redirect(pack, packs, told)
        words = words_of("\n".join(heard.said))
        also = (
            neighbour.id
            for neighbour in pack.neighbours.values()
            if set(neighbour.mention_beside) & set(skills)
            and Phrases.of(neighbour.mention_when).match(words)
        )
        ordered = pack.precedence.sort(skills)
        return narrate.route(pack, ordered, tuple(dict.fromkeys((*packs, *also))), told)

    def _end_of(self, lead: Destination) -> Destination:
        """Where a lead ends once nothing more may be asked."""
        while lead.ask is not None:
            question = self.narrator.pack.questions[lead.ask]
            lead = question.option(question.if_unsure or question.options[0].id).leads_to
        return lead

    def _skills_of(self, lead: Destination, heard: Heard) -> list[str]:
        likely = self._by_target(heard.together)
        alone = self._by_target(heard.alone)

        def said(skill: str) -> bool:
            return max(likely[f"skill:{skill}"], alone[f"skill:{skill}"]) >= SAID

        choice = (
            [next((one for one in lead.any_of if said(one)), *lead.any_of[:1])]
            if lead.any_of
            else []
        )
        return [*choice, *lead.skills, *filter(said, lead.if_mentioned)]

    def _both(self, heard: Heard) -> tuple[Option, ...]:
        """The options that "both" means: all of two, else the two likeliest of the reply."""
        options = {option.id: option for option in heard.question.options}
        ranked = [options[m] for m in heard.meanings if m in options] or list(options.values())
        return tuple(ranked[:2])

    def _unsure(self, heard: Heard) -> Decision:
        """Decide for a user who does not know: what the pack says, else all, else the likeliest."""
        question = heard.question
        if question.if_unsure is not None:
            options: tuple[Option, ...] = (question.option(question.if_unsure),)
        else:
            options = question.options if len(question.options) == 2 else self._both(heard)[:1]
        return self._follow(heard, options, GUESS)

    def _without_options(self, heard: Heard) -> Decision:
        """Decide for a user whom no option fits: the best of what the options do not lead to."""
        pack = self.narrator.pack
        ruled_out = {t for option in heard.question.options for t in _targets(option.leads_to)}
        ruled_out |= {f"question:{one}" for one in pack.questions}
        likely = {n: p for n, p in self._by_target(heard.together).items() if n not in ruled_out}
        total = sum(likely.values())
        name = max(likely, key=lambda one: likely[one], default="none")
        told = self._told(heard, likely.get(name, 0.0) / total if total else 0.0)
        kind, _, one = name.partition(":")
        if kind == "skill":
            return narrate.route(pack, (one,), (), told)
        if kind == "neighbour":
            return narrate.redirect(pack, (one,), told)
        return NoRoute(**told, reason="None of the options fits, and nothing else here does.")

    def _tell(self, reading: Reading) -> Decision:
        return self.narrator.decision(reading, self.decide(reading), 0)

    def _told(self, heard: Heard, sure: float) -> dict[str, Any]:
        values = sorted(heard.meanings.values(), reverse=True)
        return {
            "confidence": round(float(np.clip(sure, 0.0, 1.0)), 4),
            "margin": round(values[0] - (values[1] if len(values) > 1 else 0.0), 4),
            "categories": self.narrator.categories(heard.together, 0),
            "evidence": self.narrator.closest(heard.together, 0),
        }


def _targets(lead: Destination) -> list[str]:
    """Names of all targets that an option can lead to at once."""
    return [
        *(f"skill:{skill}" for skill in lead.all_skills),
        *(f"neighbour:{pack}" for pack in lead.neighbours),
        *([f"question:{lead.ask}"] if lead.ask is not None else []),
    ]
