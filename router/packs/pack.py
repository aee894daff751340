"""A pack: the parts that `pack.yaml` holds, the exemplars, and the documents."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
from msgspec import Struct, structs

from router.errors import PackError
from router.packs.exemplar_file import MAX_EXEMPLAR_LENGTH
from router.packs.faults import MIN_EXEMPLARS, Fault, decoding_fault, did_you_mean, faults_of
from router.packs.labelled_lines import lines_of
from router.packs.labels import id_of_label
from router.packs.parts import (
    Category,
    Identified,
    Neighbour,
    PackFile,
    Question,
    Skill,
    Wording,
)
from router.packs.policy import DEFAULT_ASK_RATE, Policy
from router.packs.precedence import Precedence
from router.packs.shared_exemplar import SharedExemplar, Twins
from router.text import well_formed

_FEWEST_SHARED = 20
"""Exemplars of several skills that teach which skills go together."""

_THRESHOLD_OF_SETS, _THRESHOLD_OF_CLAUSES, _THRESHOLD_OF_HALVES = 0.5, 0.75, 0.2
"""From which probability on a further skill is routed to, by what judges it."""


class Exemplars(Struct, frozen=True, omit_defaults=True):
    """Example queries by id of what they ask for, and example replies.

    :param skills: Queries for each skill.
    :param neighbours: Queries for each neighbour.
    :param questions: Queries that need each question.
    :param options: Replies that mean an option, by question and option.
    :param none: Queries that belong nowhere.
    :param several: Queries that ask for several skills.
    :param twins: Pairs of queries, of which one belongs to a target and the other nowhere.
    """

    skills: Mapping[str, tuple[str, ...]]
    neighbours: Mapping[str, tuple[str, ...]]
    questions: Mapping[str, tuple[str, ...]]
    options: Mapping[str, Mapping[str, tuple[str, ...]]]
    none: tuple[str, ...]
    several: tuple[SharedExemplar, ...] = ()
    twins: tuple[Twins, ...] = ()

    @classmethod
    def of(
        cls,
        file: PackFile,
        read: Callable[[str], tuple[str, ...]],
        several: tuple[SharedExemplar, ...] = (),
        twins: tuple[Twins, ...] = (),
    ) -> "Exemplars":
        """Collect the exemplars of all ids.

        :param file: Says which ids there are.
        :param read: Gives the exemplars of a group by its name, as `groups` names it.
        :param several: See `several`.
        :param twins: See `twins`.
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
            twins=twins,
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
        :raises PackError: Two labels make one id, a label is not text, or data is for no route.
        """
        ids = _distinct_ids(routes, (label for _, labels in several for label in labels))
        carried = _data_by_id(data or {}, ids)
        category = Category("routes", title, "All queries of these routes.")
        skills = [
            Skill(made, category.id, label, label, data=carried.get(made, {}))
            for made, label in ids.items()
        ]
        for question in questions:
            if not isinstance(question, Question):
                raise PackError(f"a question is made by Question.of, was: {question!r:.60}")
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
        if policy.ask_rate is not None or policy.has_thresholds or self.is_made_of_documents:
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
        if not isinstance(labels, Iterable):
            raise PackError(f"targets are a list of ids, was: {labels!r}")
        made = {label: id_of_label(str(label)) for label in labels}
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
        """The execution order of the skills; without chains, what shared exemplars agree on."""
        if self.file.order:
            return Precedence.of_chains(self.file.order)
        return Precedence.learnt(line.targets for line in self.exemplars.several)

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
        for twins in self.exemplars.twins:
            kind = "skill" if twins.target in self.skills else "neighbour"
            yield from ((f"{kind}:{twins.target}", twins.inside), ("none", twins.out))
        for exemplar in self.exemplars.several if shared else ():
            yield from ((f"skill:{target}", exemplar.text) for target in exemplar.targets)


def _most_skills(several: Sequence[tuple[str, Sequence[str]]]) -> int:
    """Give the most skills that a query is routed to: as many as an exemplar has, 3 to 10."""
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


def _data_by_id(
    data: Mapping[str, Mapping[str, Any]], ids: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Give what each route carries, by its id; it is plain data, so that a pack can be written."""
    found = {}
    for label, value in data.items():
        made = id_of_label(str(label))
        if made not in ids:
            raise PackError(f"data: there is no route {label!r}; {did_you_mean(made, list(ids))}")
        if not isinstance(value, Mapping):
            raise PackError(
                f"data[{label!r}] is a mapping from names to values, was: {value!r:.60}"
            )
        try:
            msgspec.to_builtins(value)
        except TypeError as error:
            raise PackError(
                f"data[{label!r}] is plain data, as in JSON: {error}; give a name in its place"
            ) from error
        found[made] = dict(value)
    return found


def _clean_lines(name: str, lines: Sequence[str]) -> tuple[str, ...]:
    """Strip the lines of a group, and drop blank and repeated ones."""
    for line in (lines := lines_of(lines, name)):
        if not isinstance(line, str):
            raise PackError(f"{name}: an exemplar is text, was: {line!r}")
        if len(line) > MAX_EXEMPLAR_LENGTH:
            most = f"at most {MAX_EXEMPLAR_LENGTH:,} characters, was: {len(line):,}"
            raise PackError(f"{name}: an exemplar has {most}; keep the sentence that says it")
    clean = (" ".join(well_formed(line).split()) for line in lines)
    return tuple(dict.fromkeys(filter(None, clean)))
