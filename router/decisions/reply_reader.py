"""What a reply to a question means: its options, and what can be said besides."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from msgspec.structs import replace

from router.decisions.decision import AskedQuestion, Clarify, OfferedOption
from router.encoders.encoder import Encoder
from router.errors import RouterError
from router.model.model import Evidence, Model
from router.model.replies import (
    ANY_ANSWER,
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
)
from router.packs.pack import Pack
from router.packs.parts import Destination
from router.text import words_of

_DENYING = re.compile(r"\b(?:not|no|never|none|without|nothing)\b|n['\u2019]t\b", re.IGNORECASE)
"""A word of an option that itself says what is not so: "There is no service yet"."""

_NAMED = 0.75
"""A part of a reply names an option if it means that with at least this probability."""

_BOTH_NAMED = 0.1
"""A reply that says "both" names an option if that has at least this probability."""

_RARER = 2.0
"""How many times as likely "both", "neither" and "not sure" are as the few exemplars of them say:
the most that were understood of replies that were held out."""


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
class ReplyReader:
    """Reads replies to the questions of one pack."""

    pack: Pack
    model: Model
    encoder: Encoder

    def read(self, clarify: Clarify, text: str) -> InterpretedReply:
        """Read a reply alone, and together with all that was said before it."""
        model, question = self.model, self._known(clarify.question)
        clarify = replace(clarify, question=question)
        joined = "\n".join((*clarify.history, text))
        alone, together = (model.evidence([t], self.encoder) for t in (text, joined))
        read = text
        if question.id in self.pack.questions:
            read = mended(text, model.vocabulary, self._words_of_replies[question.id])
        meanings = self._meanings(question, read, alone, together)
        return InterpretedReply(clarify, text, read, alone, together, meanings)

    @cached_property
    def _words_of_replies(self) -> dict[str, list[str]]:
        """The words of the options' labels and of known replies, by question."""
        pack = self.pack
        words = {}
        for question in pack.questions.values():
            rows = reply_exemplars(question, pack.exemplars.options[question.id])
            words[question.id] = sorted({w for _, line in rows for w in words_of(line)})
        return words

    def _known(self, question: AskedQuestion) -> AskedQuestion:
        """Give the pack's own question of that id, which says more than a record does.

        :raises RouterError: An option leads to what this pack does not have.
        """
        pack = self.pack
        if question.id in pack.questions:
            own = AskedQuestion.of(pack.questions[question.id])
            offered = {option.id for option in question.options}
            return with_options(own, offered) if offered else own
        if not question.leading_options:
            raise RouterError(
                f"question {question.id!r} is none of this pack, and no option of it leads"
                f" anywhere; known: {', '.join(pack.questions)}"
            )
        known = {f"skill:{skill}" for skill in pack.skills}
        known |= {f"neighbour:{neighbour}" for neighbour in pack.neighbours}
        for option in question.options:
            unknown = set(targets_of(option.leads_to)) - known
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
        heads = self.model.replies
        general = heads[ANY_ANSWER].meanings(text, self.encoder)
        if question.id in heads:
            offered = {option.id for option in question.options}
            options = heads[question.id].meanings(text, self.encoder)
            answers = general.pop(ANY_ANSWER)
            meanings = {name: p * answers for name, p in options.items() if name in offered}
            meanings |= {name: min(1.0, _RARER * p) for name, p in general.items()}
            return dict(sorted(meanings.items(), key=lambda pair: -pair[1]))
        weights = [self.weight(option, alone, together) for option in question.leading_options]
        return weigh_options(question.leading_options, weights, general)

    def weight(
        self, option: OfferedOption, alone: Evidence, together: Evidence
    ) -> tuple[float, float]:
        """Sum up what the reply, alone and together with the query, says of an option's targets."""
        targets = targets_of(option.leads_to)
        by_target = (self.by_target(alone), self.by_target(together))
        first, second = (sum(likely[target] for target in targets) for likely in by_target)
        return first, second

    def by_target(self, evidence: Evidence) -> dict[str, float]:
        """Give the probability of each target for the first text."""
        names = self.model.names
        return dict(zip(names, evidence.probabilities[0].tolist(), strict=True))

    def ruled_out(self, reply: InterpretedReply) -> dict[str, float]:
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
        options, heads = question.leading_options, self.model.replies
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
        lines = self.pack.exemplars.options.get(question.id, {}).get(option.id, ())
        denies = [_DENYING.search(line) is not None for line in (option.label, *lines)]
        return denies[0] or 2 * sum(denies) > len(denies)

    def ranked(self, reply: InterpretedReply) -> list[OfferedOption]:
        """Give the options that the reply may mean, the likeliest first; all if it means none."""
        options = {option.id: option for option in reply.question.leading_options}
        ranked = [options[meaning] for meaning in reply.meanings if meaning in options]
        return ranked or list(options.values())

    def both(self, reply: InterpretedReply) -> Sequence[OfferedOption]:
        """Give the options that "both" means: the two that the reply names, else the first two.

        Who says "all of them" means every one.
        """
        meanings = reply.meanings
        if says_all(reply.text):
            return reply.question.leading_options
        named = [one for one in self.ranked(reply) if meanings.get(one.id, 0.0) >= _BOTH_NAMED]
        return (named if len(named) > 1 else reply.question.leading_options)[:2]

    def listed(self, reply: InterpretedReply) -> list[OfferedOption]:
        """Give the options that a reply lists by number, position or label, in their order."""
        listed = literal_meanings(reply.question.options, reply.text)
        return [option for option in reply.question.leading_options if option.id in listed]

    def named(self, reply: InterpretedReply) -> list[OfferedOption]:
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
        if head := self.model.replies.get(question.id):
            return head.meanings(part, self.encoder)
        evidence = self.model.evidence([part], self.encoder)
        options = question.leading_options
        return {option.id: self.weight(option, evidence, evidence)[0] for option in options}


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


def with_options(question: AskedQuestion, ids: Collection[str]) -> AskedQuestion:
    """Leave out the options that are not offered."""
    options = tuple(option for option in question.options if option.id in ids)
    if_unsure = question.if_unsure if question.if_unsure in ids else None
    return replace(question, options=options, if_unsure=if_unsure)


def targets_of(destination: Destination) -> list[str]:
    """Name all targets that an option can lead to at once."""
    return [
        *(f"skill:{skill}" for skill in destination.all_skills),
        *(f"neighbour:{neighbour}" for neighbour in destination.neighbours),
        *([f"question:{destination.ask}"] if destination.ask is not None else []),
    ]
