"""What a pack says: categories, skills, neighbours, questions, order, and settings.

These are plain frozen values. `pack_file` reads and writes them, and names every fault.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated

from msgspec import Meta, Struct

from router.packs.order import Precedence

Id = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
"""Lower-case letters, digits and single hyphens, as in the Agent Skills format."""

Line = Annotated[str, Meta(min_length=1, max_length=2_000)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class Category(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of concern, and the question that separates it from its neighbours."""

    id: Id
    title: Line
    concern: Line
    asks: str = ""


class Skill(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that a query can be routed to. `document` is a path below a skills folder.

    `description`: what a document says of itself. With it, exemplars are read as lines of
    documents, not as queries that users ask.
    """

    id: Id
    category: Id
    title: Line
    summary: Line
    document: str = ""
    description: Annotated[str, Meta(max_length=2_000)] = ""


class Neighbour(Struct, frozen=True, forbid_unknown_fields=True):
    """Another pack. It is named beside a route to one of `beside` if the query says a `word`."""

    id: Id
    title: Line
    summary: Line
    beside: tuple[Id, ...] = ()
    words: tuple[Line, ...] = ()


class Lead(Struct, frozen=True, forbid_unknown_fields=True):
    """Where an answer leads.

    `skills` are always required, the likeliest of `one_of` too; one of `if_said` is added only if
    the words ask for it. `packs` are named; with no skill they make a redirect. `ask` is the
    follow-up question, instead of all these.
    """

    skills: tuple[Id, ...] = ()
    one_of: tuple[Id, ...] = ()
    if_said: tuple[Id, ...] = ()
    packs: tuple[Id, ...] = ()
    ask: Id | None = None

    @property
    def all_skills(self) -> tuple[str, ...]:
        """Every skill that this answer can lead to."""
        return (*self.one_of, *self.skills, *self.if_said)


class Option(Struct, frozen=True, forbid_unknown_fields=True):
    """One answer to a question."""

    id: Id
    label: Line
    leads_to: Lead


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """What to ask when a detail is missing. `triggers` are words and phrases, never patterns."""

    id: Id
    text: Line
    options: tuple[Option, ...]
    triggers: tuple[Line, ...] = ()
    if_unsure: Id | None = None

    def option(self, option_id: str) -> Option:
        """Get the option of that id."""
        return next(option for option in self.options if option.id == option_id)


class Map(Struct, frozen=True, forbid_unknown_fields=True):
    """From a confidence to how often it is right (Platt 1999): log odds * `slope` + `offset`."""

    slope: Annotated[float, Meta(gt=0.0, le=20.0)] = 1.0
    offset: Annotated[float, Meta(ge=-10.0, le=10.0)] = 0.0


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """How sure is sure enough; `router calibrate` fits them to a log.

    `ask_from`: ask if the text is this likely to lack the detail that decides (a probability).
    `sure_from`: ask which of the likeliest it is if deciding unasked is less sure (a probability).
    `alpha`: share of such questions that may lack the right option (see docs/calibration.md).
    `also_from`: route to a further skill if it is this likely a concern of its own (a probability).
    `name_from`: name a neighbour beside a route from this probability on.
    `least_similarity`: nothing of ours if no exemplar is as close as this (a cosine); fitted on the
    exemplars if it is not given.
    `confidence`: applied to the confidence of every decision but a question.
    """

    ask_from: Share = 0.5
    sure_from: Share = 0.0
    alpha: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.05
    also_from: Share = 0.7
    name_from: Share = 0.25
    least_similarity: Share | None = None
    most_skills: Annotated[int, Meta(ge=1, le=10)] = 3
    confidence: Map = Map()


class Exemplars(Struct, frozen=True):
    """Queries that show what is meant, by id; of an option: replies, by question and option."""

    skills: Mapping[str, tuple[str, ...]]
    neighbours: Mapping[str, tuple[str, ...]]
    questions: Mapping[str, tuple[str, ...]]
    options: Mapping[str, Mapping[str, tuple[str, ...]]]
    none: tuple[str, ...]


class PackFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The form of `pack.yaml`."""

    format: Annotated[int, Meta(ge=1, le=1)]
    id: Id
    title: Line
    summary: Line
    categories: Annotated[tuple[Category, ...], Meta(min_length=1)]
    skills: Annotated[tuple[Skill, ...], Meta(min_length=1)]
    neighbours: tuple[Neighbour, ...] = ()
    questions: tuple[Question, ...] = ()
    order: tuple[tuple[tuple[Id, ...], ...], ...] = ()
    also_consider: dict[Id, tuple[Id, ...]] = {}
    policy: Policy = Policy()


class Pack(Struct, frozen=True, dict=True):
    """A pack that has been read and checked, with its exemplars.

    `documents`: by id, what the documents of the skills with a description say, as they stand in
    their files.
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
        """Which skill comes before which."""
        return Precedence.of_chains(self.file.order)

    def target_exemplars(self) -> Iterator[tuple[str, str]]:
        """Give (target, exemplar) for all that a query can be: skill, neighbour, question, none.

        A target's name is "skill:ID", "neighbour:ID", "question:ID" or "none".
        """
        kinds = (
            ("skill", self.exemplars.skills),
            ("neighbour", self.exemplars.neighbours),
            ("question", self.exemplars.questions),
        )
        for kind, groups in kinds:
            for target, lines in groups.items():
                yield from ((f"{kind}:{target}", line) for line in lines)
        yield from (("none", line) for line in self.exemplars.none)
