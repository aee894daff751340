"""Drafted questions for two routes that reviewers keep swapping."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from router.errors import RouterError
from router.files import read_json
from router.packs.pack import Pack
from router.packs.parts import Destination, Option, Question
from router.skill_folders.phrases import COMMON_WORDS
from router.skill_folders.questions import draft_questions
from router.text import words_of

DRAFTS_FILE = "questions.json"
_MIN_SWAPS = 3
"""The number of answers that must swap two routes before a question is drafted."""

_TELLING_WORDS = 3


class Draft(Struct, frozen=True):
    """A question to begin with, for the person to accept, edit or drop.

    :param pair: The two routes, as "FIRST/SECOND".
    :param id: The id of the question.
    :param text: What the user would read.
    :param options: For each route the answer that the user would read.
    :param exemplars: Queries that need the question.
    :param n_swaps: How many answers swap the two.
    """

    pair: str
    id: str
    text: str
    options: dict[str, str]
    exemplars: tuple[str, ...]
    n_swaps: int

    @property
    def question(self) -> Question:
        """The question as a pack holds it.

        :raises RouterError: The question or an option has no text, or an option has no route.
        """
        options = (
            Option(route, label, Destination(skills=(route,)))
            for route, label in self.options.items()
        )
        made = Question(self.id, self.text, tuple(options))
        try:
            return msgspec.convert(msgspec.to_builtins(made), Question)
        except msgspec.ValidationError as error:
            raise RouterError(f"a question and its options have a text each: {error}") from error


def read_drafts(folder: Path) -> dict[str, Draft | None]:
    """Read the drafted questions that a review has decided, by pair; None for those dropped.

    :raises DamagedError: The file can't be read.
    """
    path = folder / DRAFTS_FILE
    return read_json(path, dict[str, Draft | None]) if path.exists() else {}


def with_questions(pack: Pack, drafts: Iterable[Draft]) -> Pack:
    """Give a pack the drafted questions that it lacks; they have no exemplars yet."""
    new = [draft.question for draft in drafts if draft.id not in pack.questions]
    if not new:
        return pack
    replace, exemplars = msgspec.structs.replace, pack.exemplars
    return replace(
        pack,
        file=replace(pack.file, questions=(*pack.file.questions, *new)),
        exemplars=replace(
            exemplars,
            questions={**exemplars.questions, **{question.id: () for question in new}},
            options={
                **exemplars.options,
                **{question.id: {option.id: () for option in question.options} for question in new},
            },
        ),
    )


def draft_for_swaps(
    pack: Pack, swaps: Mapping[tuple[str, str], int], decided: Collection[str]
) -> Draft | None:
    """Draft a question for the pair that is swapped most; None if none is swapped often.

    :param swaps: How often each pair of skills was swapped.
    :param decided: The pairs that a person has decided already, as "FIRST/SECOND".
    """
    titles = {skill.id: skill.title for skill in pack.file.skills}
    asked = {
        frozenset(skill for option in question.options for skill in option.leads_to.all_skills)
        for question in pack.file.questions
    }
    for pair, count in sorted(swaps.items(), key=lambda item: (-item[1], item[0])):
        name = "/".join(pair)
        if count < _MIN_SWAPS or name in decided or any(set(pair) <= skills for skills in asked):
            continue
        drafts = draft_questions([pair], titles, pack.exemplars.skills)
        if not drafts:
            continue
        question = drafts[0].question
        label = {option.leads_to.skills[0]: option.label for option in question.options}
        options = {
            route: f"{label[route]}{_telling(pack, route, other)}"
            for route, other in (pair, pair[::-1])
        }
        return Draft(name, question.id, question.text, options, drafts[0].needy, count)
    return None


def _telling(pack: Pack, own: str, other: str) -> str:
    """List in brackets the words that exemplars of one route have more often than the other's."""
    counts = [
        Counter(word for line in pack.exemplars.skills[skill] for word in set(words_of(line)))
        for skill in (own, other)
    ]
    sizes = [max(1, len(pack.exemplars.skills[skill])) for skill in (own, other)]
    excess = {
        word: count / sizes[0] - counts[1][word] / sizes[1]
        for word, count in counts[0].items()
        if len(word) > 3 and count > 1 and word not in COMMON_WORDS
    }
    best = sorted((word for word in excess if excess[word] > 0), key=lambda w: (-excess[w], w))
    return f" ({', '.join(best[:_TELLING_WORDS])})" if best else ""
