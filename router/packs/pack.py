"""The values of a pack: categories, skills, neighbours, questions, order, policy and exemplars.

They are plain and frozen. `pack_file` reads and writes them, and `faults` checks them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Annotated

from msgspec import Meta, Struct

from router.packs.precedence import Precedence
from router.statistics.platt import PlattScaling

Id = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
"""Lower-case letters, digits and single hyphens, as in the Agent Skills format."""

_Text = Annotated[str, Meta(min_length=1, max_length=2_000)]
Proportion = Annotated[float, Meta(ge=0.0, le=1.0)]


class Identified(Struct, frozen=True, forbid_unknown_fields=True):
    """A value that other values of a pack refer to by its id."""

    id: Id


class Category(Identified, frozen=True):
    """A kind of concern. `asks` is the question that separates it from the other categories."""

    title: _Text
    concern: _Text
    asks: str = ""


class Skill(Identified, frozen=True, omit_defaults=True):
    """One thing that a query can be routed to.

    `document` is a path below a skills folder. `description` is the description that a document
    gives of itself; if it is given, the exemplars are taken for lines of documents instead of
    queries that users ask.
    """

    category: Id
    title: _Text
    summary: _Text
    document: str = ""
    description: Annotated[str, Meta(max_length=2_000)] = ""


class Neighbour(Identified, frozen=True):
    """A neighbouring pack, which serves what this one does not.

    It is mentioned beside a route to one of the skills `mention_beside` if the query contains one
    of the words or phrases `mention_when`.
    """

    title: _Text
    summary: _Text
    mention_beside: tuple[Id, ...] = ()
    mention_when: tuple[_Text, ...] = ()


class Destination(Struct, frozen=True, forbid_unknown_fields=True):
    """Where an answer to a question leads.

    All of `skills` are required, and one of `any_of`: the first, unless the query mentions another.
    A skill of `if_mentioned` is added if the query mentions it. `neighbours` are mentioned beside
    the skills; without any skill they make a redirect. `ask` is the id of a follow-up question and
    stands alone.
    """

    skills: tuple[Id, ...] = ()
    any_of: tuple[Id, ...] = ()
    if_mentioned: tuple[Id, ...] = ()
    neighbours: tuple[Id, ...] = ()
    ask: Id | None = None

    @property
    def all_skills(self) -> tuple[str, ...]:
        """All skills that this answer can lead to."""
        return (*self.any_of, *self.skills, *self.if_mentioned)


class Option(Identified, frozen=True):
    """One answer to a question."""

    label: _Text
    leads_to: Destination


class Question(Identified, frozen=True):
    """A question for a missing detail. `triggers` are words and phrases, never patterns."""

    text: _Text
    options: tuple[Option, ...]
    triggers: tuple[_Text, ...] = ()
    if_unsure: Id | None = None

    def option(self, option_id: str) -> Option:
        """Get the option of that id."""
        return next(option for option in self.options if option.id == option_id)


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """The thresholds of a decision; `router calibrate` fits some of them to a log.

    `ask_threshold`: a question is asked if a deciding detail is missing with this probability.
    `confidence_threshold`: below this confidence the router asks which of the likeliest it is.
    `alpha`: the share of such questions that may lack the right option.
    `extra_skill_threshold`: the probability from which a further skill is routed to as well.
    `mention_threshold`: the probability from which a neighbour is mentioned beside a route.
    `similarity_threshold`: a query is out of scope if its cosine with every exemplar is lower. It
    is fitted on the exemplars if it is not given.
    `max_skills`: the most skills that one query is routed to.
    `confidence`: rescales the confidence of every decision except a question.
    """

    ask_threshold: Proportion = 0.5
    confidence_threshold: Proportion = 0.0
    alpha: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.05
    extra_skill_threshold: Proportion = 0.7
    mention_threshold: Proportion = 0.25
    similarity_threshold: Proportion | None = None
    max_skills: Annotated[int, Meta(ge=1, le=10)] = 3
    confidence: PlattScaling = PlattScaling()


class PackFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The content of `pack.yaml`."""

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


class Exemplars(Struct, frozen=True):
    """Example queries by id of what they ask for; replies by question and option."""

    skills: Mapping[str, tuple[str, ...]]
    neighbours: Mapping[str, tuple[str, ...]]
    questions: Mapping[str, tuple[str, ...]]
    options: Mapping[str, Mapping[str, tuple[str, ...]]]
    none: tuple[str, ...]

    @classmethod
    def of(cls, file: PackFile, read: Callable[[str], tuple[str, ...]]) -> "Exemplars":
        """Collect the exemplars of all ids; `read` gives those of a group by its name."""

        def group(name: str, values: Iterable[Identified]) -> dict[str, tuple[str, ...]]:
            return {value.id: read(f"{name}/{value.id}") for value in values}

        return cls(
            skills=group("skills", file.skills),
            neighbours=group("neighbours", file.neighbours),
            questions=group("questions", file.questions),
            options={q.id: group(f"options/{q.id}", q.options) for q in file.questions},
            none=read("none"),
        )

    def groups(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Give each group's name, like "skills/ID" or "options/QUESTION/OPTION", and its lines."""
        for kind in ("skills", "neighbours", "questions"):
            for target, lines in getattr(self, kind).items():
                yield f"{kind}/{target}", lines
        for question, options in self.options.items():
            for option, lines in options.items():
                yield f"options/{question}/{option}", lines
        yield "none", self.none


class Pack(Struct, frozen=True, dict=True):
    """A pack with its exemplars.

    `documents` holds the full text of the documents by id, for the skills with a description.
    """

    file: PackFile
    exemplars: Exemplars
    documents: Mapping[str, str] = {}

    @cached_property
    def skills(self) -> dict[str, Skill]:
        """Skills by id, in the order of the file."""
        return {skill.id: skill for skill in self.file.skills}

    @cached_property
    def neighbours(self) -> dict[str, Neighbour]:
        """Neighbours by id, in the order of the file."""
        return {neighbour.id: neighbour for neighbour in self.file.neighbours}

    @cached_property
    def questions(self) -> dict[str, Question]:
        """Questions by id, in the order of the file."""
        return {question.id: question for question in self.file.questions}

    @cached_property
    def precedence(self) -> Precedence:
        """The execution order of the skills."""
        return Precedence.of_chains(self.file.order)

    def target_exemplars(self) -> Iterator[tuple[str, str]]:
        """Give (target, exemplar) for everything that a query can ask for.

        A target is "skill:ID", "neighbour:ID", "question:ID" or "none".
        """
        for name, lines in self.exemplars.groups():
            kind, _, target = name.partition("/")
            if kind != "options":
                label = f"{kind.removesuffix('s')}:{target}" if target else kind
                yield from ((label, line) for line in lines)
