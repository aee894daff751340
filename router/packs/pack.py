"""The values of a pack: categories, skills, neighbours, questions, order, policy and exemplars.

They are plain and frozen. `pack_file` reads and writes them, and `faults` checks them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, structs

from router.errors import PackError
from router.packs.faults import MIN_EXEMPLARS, Fault, decoding_fault, did_you_mean, faults_of
from router.packs.labels import id_of_label
from router.packs.precedence import Precedence
from router.packs.shared_exemplar import SharedExemplar
from router.statistics.probability import PlattScaling

Id = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
"""Lower-case letters, digits and single hyphens, as in the Agent Skills format."""

_Text = Annotated[str, Meta(min_length=1, max_length=2_000)]
DEFAULT_ASK_RATE = 0.10
"""The share of queries that a pack asks about if it sets neither a rate nor a threshold."""

_FEWEST_SHARED = 20
_THRESHOLD_OF_SETS, _THRESHOLD_OF_CLAUSES, _THRESHOLD_OF_HALVES = 0.5, 0.75, 0.2

Proportion = Annotated[float, Meta(ge=0.0, le=1.0)]


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
        """
        made = (
            Option(id_of_label(label), label, Destination(skills=(id_of_label(route),)))
            for label, route in options.items()
        )
        return cls(id_of_label(text), text, tuple(made), exemplars=tuple(exemplars))

    def option(self, option_id: str) -> Option:
        """Get the option of that id.

        :param option_id: The id of one of its options.
        """
        return next(option for option in self.options if option.id == option_id)


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """The thresholds of a decision; `router calibrate` fits some of them to a log.

    :param ask_rate: The share of queries that are asked about, as far as the exemplars can tell, in
        [0, 1). If it is None, a pack without documents that sets no threshold for questions has
        0.1, and all others go by their thresholds.
    :param ask_threshold: A question of the pack is asked if a deciding detail is missing with this
        probability; 0.5 if None.
    :param confidence_threshold: Below this confidence the router asks which of the likeliest it is.
    :param alpha: The share of such questions that may lack the right option, in (0, 1).
    :param extra_skill_threshold: The probability from which a further skill is routed to as well;
        if None, 0.5 where exemplars of several skills have taught it, and 0.75 elsewhere.
    :param mention_threshold: The probability from which a neighbour is mentioned.
    :param similarity_threshold: A query is out of scope if its cosine with every exemplar is lower;
        it is fitted on the exemplars if None.
    :param max_skills: The most skills that one query is routed to, from 1 to 10.
    :param confidence: Rescales the confidence of every decision except a question.
    """

    ask_rate: Annotated[float, Meta(ge=0.0, lt=1.0)] | None = None
    ask_threshold: Proportion | None = None
    confidence_threshold: Proportion = 0.0
    alpha: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.05
    extra_skill_threshold: Proportion | None = None
    mention_threshold: Proportion = 0.25
    similarity_threshold: Proportion | None = None
    max_skills: Annotated[int, Meta(ge=1, le=10)] = 3
    confidence: PlattScaling = PlattScaling()

    @property
    def question_threshold(self) -> float:
        """`ask_threshold`, or its default."""
        return 0.5 if self.ask_threshold is None else self.ask_threshold


class Wording(Struct, frozen=True, forbid_unknown_fields=True):
    """How a question that the router composes itself is worded, in the language of the users.

    :param question: The question; its options are the titles of the likeliest routes.
    :param none: The option that none of them fits.
    """

    question: _Text = "Which of these is it about?"
    none: _Text = "None of these"


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


class Exemplars(Struct, frozen=True, omit_defaults=True):
    """Example queries by id of what they ask for, and example replies.

    :param skills: Queries for each skill.
    :param neighbours: Queries for each neighbour.
    :param questions: Queries that need each question.
    :param options: Replies that mean an option, by question and option.
    :param none: Queries that belong nowhere.
    :param several: Queries that ask for several skills.
    """

    skills: Mapping[str, tuple[str, ...]]
    neighbours: Mapping[str, tuple[str, ...]]
    questions: Mapping[str, tuple[str, ...]]
    options: Mapping[str, Mapping[str, tuple[str, ...]]]
    none: tuple[str, ...]
    several: tuple[SharedExemplar, ...] = ()

    @classmethod
    def of(
        cls,
        file: PackFile,
        read: Callable[[str], tuple[str, ...]],
        several: tuple[SharedExemplar, ...] = (),
    ) -> "Exemplars":
        """Collect the exemplars of all ids; `read` gives those of a group by its name.

        :param file: Says which ids there are.
        :param read: Gives the exemplars of a group by its name, as `groups` names it.
        :param several: Queries that ask for several skills.
        """

        def group(name: str, values: Iterable[Identified]) -> dict[str, tuple[str, ...]]:
            return {value.id: read(f"{name}/{value.id}") for value in values}

        questions = group("questions", file.questions)
        for question in file.questions:
            lines = (*questions[question.id], *question.exemplars)
            questions[question.id] = tuple(dict.fromkeys(lines))
        return cls(
            skills=group("skills", file.skills),
            neighbours=group("neighbours", file.neighbours),
            questions=questions,
            options={q.id: group(f"options/{q.id}", q.options) for q in file.questions},
            none=read("none"),
            several=several,
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

    :param file: The content of `pack.yaml`.
    :param exemplars: The exemplars.
    :param documents: The full text of the documents by id, for the skills with a description.
    """

    file: PackFile
    exemplars: Exemplars
    documents: Mapping[str, str] = {}

    @classmethod
    def of(
        cls,
        routes: Mapping[str, Sequence[str]],
        *,
        none: Sequence[str] = (),
        several: Sequence[tuple[str, Sequence[str]]] = (),
        questions: Sequence[Question] = (),
        wording: Wording | None = None,
        data: Mapping[str, Mapping[str, Any]] | None = None,
        title: str = "Routes",
    ) -> "Pack":
        """Make a pack of exemplars alone.

        :param routes: For each route its exemplars. Any label will do: the id of the skill is made
            from it ("Order status" becomes "order-status"), and the title keeps it.
        :param none: Queries that belong to no route.
        :param several: Queries that ask for several routes, each with the labels of these, in
            execution order.
        :param questions: Questions for missing details, see `Question.of`.
        :param wording: How a question that the router composes is worded; English if None.
        :param data: By label, what the decision for that route gives back.
        :param title: The name of the pack.
        :raises PackError: Two labels make one id, or a label is not text.
        """
        ids = _distinct_ids(routes, (label for _, labels in several for label in labels))
        carried = {id_of_label(label): dict(value) for label, value in (data or {}).items()}
        category = Category("routes", title, "All queries of these routes.")
        skills = [
            Skill(made, category.id, label, label, data=carried.get(made, {}))
            for made, label in ids.items()
        ]
        file = PackFile(
            format=1,
            id=id_of_label(title),
            title=title,
            summary=f"Routes of {title}.",
            categories=(category,),
            skills=tuple(skills),
            questions=tuple(structs.replace(question, exemplars=()) for question in questions),
            policy=Policy(max_skills=_most_skills(several)),
            wording=wording or Wording(),
        )
        lines = {f"skills/{made}": routes.get(label, ()) for made, label in ids.items()}
        lines |= {f"questions/{question.id}": question.exemplars for question in questions}
        lines["none"] = none
        shared = [
            SharedExemplar(line, tuple(dict.fromkeys(map(id_of_label, labels))))
            for text, labels in several
            for line in _clean_lines("several", [text])
        ]
        exemplars = Exemplars.of(
            file, lambda name: _clean_lines(name, lines.get(name, ())), tuple(shared)
        )
        return cls(file, exemplars)

    @property
    def ask_rate(self) -> float | None:
        """The share of queries to ask about; None if the thresholds of the policy decide that."""
        return self.ask_rate_under(self.file.policy)

    def ask_rate_under(self, policy: Policy) -> float | None:
        """Tell what `ask_rate` is with another policy.

        :param policy: Used instead of the pack's own.
        """
        has_threshold = policy.ask_threshold is not None or policy.confidence_threshold > 0.0
        if policy.ask_rate is not None or has_threshold or self.is_made_of_documents:
            return policy.ask_rate
        return DEFAULT_ASK_RATE

    @property
    def has_typical_judgements(self) -> bool:
        """Whether it has exemplars alone and asks by rate: fixed weights then judge its texts."""
        return self.ask_rate is not None and not self.is_made_of_documents

    @property
    def learns_label_sets(self) -> bool:
        """Whether enough exemplars of several skills teach it which skills go together.

        With fewer of them, the clauses of a text tell more.
        """
        return self.has_typical_judgements and len(self.exemplars.several) >= _FEWEST_SHARED

    def fitted_exemplars(self) -> Iterator[tuple[str, str]]:
        """Give (target, exemplar) for what a head is fitted on, see `target_exemplars`.

        Shared exemplars tell a head little that decides between single skills. They are among them
        if they teach label sets, or if a skill has too few of its own.
        """
        few = any(len(lines) < MIN_EXEMPLARS for lines in self.exemplars.skills.values())
        return self.target_exemplars(shared=few or self.learns_label_sets)

    def extra_skill_threshold(self, policy: Policy | None = None) -> float:
        """Tell from which probability on a further skill is routed to.

        :param policy: Used instead of the pack's own.
        """
        threshold = (policy or self.file.policy).extra_skill_threshold
        if threshold is None and self.is_made_of_documents:
            return _THRESHOLD_OF_HALVES
        if threshold is None:
            return _THRESHOLD_OF_SETS if self.learns_label_sets else _THRESHOLD_OF_CLAUSES
        return threshold

    @property
    def is_made_of_documents(self) -> bool:
        """Whether a skill has a description, so that exemplars are lines of documents."""
        return any(skill.description for skill in self.file.skills)

    @property
    def is_made_of_tools(self) -> bool:
        """Whether every skill is a tool of a list, whose document is one line and parameters."""
        return all("tool" in skill.data for skill in self.file.skills)

    def faults(self) -> list[Fault]:
        """List everything that is wrong with the pack, made in Python or read from files."""
        data = msgspec.to_builtins(self.file)
        try:
            msgspec.convert(data, PackFile)
        except msgspec.ValidationError as error:
            return [Fault("", 0, *decoding_fault(str(error), data, PackFile))]
        return faults_of(self.file, self.exemplars)

    @property
    def target_ids(self) -> tuple[str, ...]:
        """The ids of skills and neighbours."""
        return (*self.skills, *self.neighbours)

    def ids_of(self, labels: Iterable[str]) -> list[str]:
        """Give the ids that labels, or ids, stand for.

        :param labels: Labels or ids of skills and neighbours.
        :raises PackError: The pack has no such target.
        """
        if isinstance(labels, str):
            raise PackError(
                f"targets are a list of ids, was one text: {labels!r}; write [{labels!r}]"
            )
        made = {label: id_of_label(label) for label in labels}
        for label, target in made.items():
            if target not in self.skills and target not in self.neighbours:
                known = did_you_mean(target, self.target_ids)
                raise PackError(f"the pack has no target {label!r}; {known}")
        return list(made.values())

    def lines_of(self, target: str) -> tuple[str, ...]:
        """Give the exemplars of a target.

        :param target: Id or label of a skill or neighbour, or "none".
        :raises PackError: The pack has no such target.
        """
        if target == "none":
            return self.exemplars.none
        (made,) = self.ids_of([target])
        return {**self.exemplars.neighbours, **self.exemplars.skills}[made]

    def with_lines(self, target: str, lines: Sequence[str]) -> "Pack":
        """Give a pack in which a skill, a neighbour or "none" has these exemplars alone.

        :param target: Id or label of a skill or neighbour, or "none".
        :param lines: The exemplars.
        :raises PackError: The pack has no such target.
        """
        cleaned, exemplars = _clean_lines(target, lines), self.exemplars
        if target == "none":
            return structs.replace(self, exemplars=structs.replace(exemplars, none=cleaned))
        (made,) = self.ids_of([target])
        kind = "skills" if made in self.skills else "neighbours"
        groups = {**getattr(exemplars, kind), made: cleaned}
        return structs.replace(self, exemplars=structs.replace(exemplars, **{kind: groups}))

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

    def target_exemplars(self, *, shared: bool = True) -> Iterator[tuple[str, str]]:
        """Give (target, exemplar) for everything that a query can ask for.

        A target is "skill:ID", "neighbour:ID", "question:ID" or "none".

        :param shared: Whether an exemplar of several skills is given too, once for each of them.
        """
        for name, lines in self.exemplars.groups():
            kind, _, target = name.partition("/")
            if kind != "options":
                label = f"{kind.removesuffix('s')}:{target}" if target else kind
                yield from ((label, line) for line in lines)
        for exemplar in self.exemplars.several if shared else ():
            yield from ((f"skill:{target}", exemplar.text) for target in exemplar.targets)


def _most_skills(several: Sequence[tuple[str, Sequence[str]]]) -> int:
    """Give the most skills that a query is routed to: as many as an exemplar has, from 3 to 10."""
    return min(max([Policy().max_skills, *(len(labels) for _, labels in several)]), 10)


def _distinct_ids(labels: Iterable[str], further: Iterable[str] = ()) -> dict[str, str]:
    """Give the label of each id; no two labels may make the same one.

    :param further: Labels, or ids of those before, each any number of times.
    """
    ids: dict[str, str] = {}
    for label in labels:
        if not isinstance(label, str) or not label.strip():
            raise PackError(f"the label of a route is text that is not blank, was: {label!r}")
        made = id_of_label(label)
        if made in ids:
            raise PackError(
                f"the labels {ids[made]!r} and {label!r} make the same id {made!r}; rename one"
            )
        ids[made] = label
    for label in further:
        ids.setdefault(id_of_label(label), label)
    if not ids:
        raise PackError("at least one route is needed, with its exemplars, was: none")
    return ids


def _clean_lines(name: str, lines: Sequence[str]) -> tuple[str, ...]:
    """Strip the lines of a group, and drop blank and repeated ones."""
    if isinstance(lines, str):
        raise PackError(f"{name}: the exemplars are a list of texts, was one text: {lines[:60]!r}")
    for line in lines:
        if not isinstance(line, str):
            raise PackError(f"{name}: an exemplar is text, was: {line!r}")
    return tuple(dict.fromkeys(filter(None, (" ".join(line.split()) for line in lines))))
