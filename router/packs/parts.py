"""What `pack.yaml` holds: categories, skills, neighbours, questions, order and wording.

The values are plain and frozen. `pack_file` reads and writes them, and `faults` checks them.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from router.errors import PackError
from router.packs.labels import id_of_label
from router.packs.policy import Policy

Id = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
"""Lower-case letters, digits and single hyphens, as in the Agent Skills format."""


_Text = Annotated[str, Meta(min_length=1, max_length=2_000)]


class Identified(Struct, frozen=True, forbid_unknown_fields=True):
    """A value that other values of a pack refer to by its id.

    :param id: Its id: lower-case letters, digits and single hyphens, at most 64 characters.
    """

    id: Id


class Category(Identified, frozen=True):
    """A group of skills with a common concern.

    :param title: Its name, for people.
    :param concern: What the queries of this category have in common.
    :param asks: The question that separates it from the other categories.
    """

    title: _Text
    concern: _Text
    asks: str = ""


class Skill(Identified, frozen=True, omit_defaults=True):
    """One thing that a query can be routed to.

    :param category: Id of its category.
    :param title: Its name, for people.
    :param summary: What it does, in one sentence.
    :param document: The path of its document, below a skills folder.
    :param description: What the document says about itself. If it is given, the exemplars are taken
        for lines of documents instead of queries that users ask.
    :param data: Anything that an application needs where this skill is decided: the name of a
        handler, a URL, parameters. It comes back in the decision.
    """

    category: Id
    title: _Text
    summary: _Text
    document: str = ""
    description: Annotated[str, Meta(max_length=2_000)] = ""
    data: dict[str, Any] = {}


class Neighbour(Identified, frozen=True):
    """A neighbouring pack, which handles queries that this one does not.

    :param title: Its name, for people.
    :param summary: What it handles, in one sentence.
    :param mention_beside: Ids of skills. The neighbour can be mentioned beside a route to one of
        them.
    :param mention_when: Words and phrases. If the query contains one of them, the neighbour is
        mentioned beside such a route.
    """

    title: _Text
    summary: _Text
    mention_beside: tuple[Id, ...] = ()
    mention_when: tuple[_Text, ...] = ()


class Destination(Struct, frozen=True, forbid_unknown_fields=True):
    """Where an answer to a question leads.

    :param skills: Ids of skills; all of them are required.
    :param any_of: Ids of skills; one is required: the first, unless the query mentions another.
    :param if_mentioned: Ids of skills; each is added if the query mentions it.
    :param neighbours: Ids of neighbours to mention; without any skill they make a redirect.
    :param ask: Id of a follow-up question, in the place of all other fields.
    :param section: The heading of the section that serves this answer, in the document of the first
        skill. It tells apart answers that lead to the same skill.
    """

    skills: tuple[Id, ...] = ()
    any_of: tuple[Id, ...] = ()
    if_mentioned: tuple[Id, ...] = ()
    neighbours: tuple[Id, ...] = ()
    ask: Id | None = None
    section: Annotated[str, Meta(max_length=200)] = ""

    @property
    def leads_somewhere(self) -> bool:
        """Whether it names a skill, a neighbour or a follow-up question."""
        return bool(self.all_skills or self.neighbours or self.ask)

    @property
    def all_skills(self) -> tuple[str, ...]:
        """All skills that this answer can lead to."""
        return (*self.any_of, *self.skills, *self.if_mentioned)


class Option(Identified, frozen=True):
    """One answer to a question.

    :param label: What the user reads.
    :param leads_to: Where the answer leads.
    """

    label: _Text
    leads_to: Destination


class Question(Identified, frozen=True):
    """A question for a missing detail.

    :param text: What the user reads.
    :param options: The answers that are offered, at least two.
    :param triggers: Words and phrases that make the question more likely; they are never patterns.
    :param if_unsure: Id of the option that is taken if the user does not know.
    :param exemplars: Queries that need the question, beside those in the question's exemplar file.
    """

    text: _Text
    options: tuple[Option, ...]
    triggers: tuple[_Text, ...] = ()
    if_unsure: Id | None = None
    exemplars: tuple[_Text, ...] = ()

    @classmethod
    def of(cls, text: str, options: Mapping[str, str], exemplars: Sequence[str]) -> "Question":
        """Word a question in Python.

        :param text: What the user reads.
        :param options: For each answer that the user reads, the label of the route it leads to.
        :param exemplars: Queries that need the question, at least three.
        :raises PackError: Options or exemplars are of another kind.
        """
        if not isinstance(options, Mapping) or isinstance(exemplars, str):
            what = f"options {type(options).__name__}, exemplars {type(exemplars).__name__}"
            raise PackError(
                f"Question.of({text!r}): options are a mapping from each answer to the label of its"
                f" route, exemplars a list of texts, was: {what}"
            )
        made = (
            Option(id_of_label(str(label)), label, Destination(skills=(id_of_label(str(route)),)))
            for label, route in options.items()
        )
        return cls(id_of_label(text), text, tuple(made), exemplars=tuple(exemplars))

    def option(self, option_id: str) -> Option:
        """Get the option of that id.

        :param option_id: The id of one of its options.
        """
        return next(option for option in self.options if option.id == option_id)

    @property
    def leads_apart(self) -> bool:
        """Whether its options lead to different places, so that an answer decides anything."""
        return any(option.leads_to != self.options[0].leads_to for option in self.options)


class Wording(Struct, frozen=True, forbid_unknown_fields=True):
    """How a question that the router composes itself is worded, in the language of the users.

    :param question: The question; its options are the titles of the likeliest routes.
    :param none: The option that none of them fits.
    :param again: Any question, asked once more where the reply to it was not clear.
    """

    question: _Text = "Which of these is it about?"
    none: _Text = "None of these"
    again: _Text = "I did not understand that. Which of these comes closest?"


class ScopeQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """A question that is asked where a query may belong here or nowhere.

    :param text: What the user reads.
    :param inside: The answer that it belongs here.
    :param outside: The answer that it does not.
    """

    text: _Text
    inside: _Text = "Yes"
    outside: _Text = "No, it is about something else"


class PackFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The content of `pack.yaml`.

    :param format: The version of the format, 1.
    :param id: Id of the pack.
    :param title: Its name, for people.
    :param summary: What it is about, in one sentence.
    :param categories: The categories, at least one.
    :param skills: The skills, at least one.
    :param neighbours: The neighbouring packs.
    :param questions: The questions for missing details.
    :param order: Chains of steps of skill ids. All skills of a step come before those of later
        steps.
    :param also_consider: For a skill, the skills that are shown beside it and never required.
    :param policy: The thresholds.
    :param wording: How a question that the router composes is worded.
    :param scope_question: Asked where "none" and all else are about as likely; never if None.
    """

    format: Annotated[int, Meta(ge=1, le=1)]
    id: Id
    title: _Text
    summary: _Text
    categories: Annotated[tuple[Category, ...], Meta(min_length=1)]
    skills: Annotated[tuple[Skill, ...], Meta(min_length=1)]
    neighbours: tuple[Neighbour, ...] = ()
    questions: tuple[Question, ...] = ()
    order: tuple[tuple[tuple[Id, ...], ...], ...] = ()
    also_consider: dict[Id, tuple[Id, ...]] = {}
    policy: Policy = Policy()
    wording: Wording = Wording()
    scope_question: ScopeQuestion | None = None
