"""The labels of a log: which decision is right, and whether a decision is acceptable by it."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from msgspec import Struct

from router.decisions.outcome import ACTIONS, Action, Outcome
from router.packs.pack import Pack
from router.packs.parts import Neighbour, Skill
from router.packs.precedence import Precedence
from router.text import plain_text

_SEPARATORS = re.compile(r"[;,|>\n]")
ANY_QUESTION = "other"
"""The id in a label that wants a question to be asked, but none of the pack's questions."""

_NOTHING = ("nan", "null", "n/a", "na", "<na>", "#n/a", "nat")
_MAX_CACHED_LABELS = 10_000
"""Labels that are kept as they were read, so that equal labels are read once."""


class Gold(Struct, frozen=True, cache_hash=True):
    """The right decision, and what is acceptable besides.

    `skills` are required, in execution order. `ok_actions`, `ok_skills` and `ok_packs` are
    acceptable too. If there are acceptable skills but no required one, any of them will do: this
    is what a category as a label means.
    """

    action: Action
    skills: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    question: str | None = None
    ok_actions: tuple[Action, ...] = ()
    ok_skills: tuple[str, ...] = ()
    ok_packs: tuple[str, ...] = ()

    @property
    def allowed_skills(self) -> tuple[str, ...]:
        """All skills that an acceptable route may name."""
        return (*self.skills, *self.ok_skills)

    @property
    def target(self) -> str | None:
        """The one target: "skill:ID", "neighbour:ID", "question:ID" or "none"; None for others."""
        if self.action == "route" and len(self.skills) == 1 and not self.packs:
            return f"skill:{self.skills[0]}"
        if self.action == "redirect" and len(self.packs) == 1:
            return f"neighbour:{self.packs[0]}"
        if self.action == "clarify" and self.question is not None:
            return f"question:{self.question}"
        return "none" if self.action == "none" else None

    @property
    def asks_for_several(self) -> bool:
        """Whether it is several skills and nothing else, as an exemplar can have them."""
        return self.action == "route" and len(set(self.skills)) > 1 and not self.packs

    @property
    def may_ask(self) -> bool:
        """Whether asking a question is acceptable."""
        return self.allows("clarify")

    @property
    def must_ask(self) -> bool:
        """Whether asking a question is the only acceptable action."""
        return self.action == "clarify" and not self.ok_actions

    def allows(self, action: str) -> bool:
        """Whether a decision with this action can be acceptable."""
        return action == self.action or action in self.ok_actions


def accepts(gold: Gold, outcome: Outcome, precedence: Precedence) -> bool:
    """Whether a careful expert would accept the decision.

    A route must name all required skills, in execution order, and only acceptable skills. A
    redirect must name at least one acceptable neighbour. For a question and for "none" the action
    alone decides.
    """
    if not gold.allows(outcome.action):
        return False
    if outcome.action == "route":
        return (
            bool(outcome.skills)
            and set(outcome.skills) <= set(gold.allowed_skills)
            and (len(gold.skills) < 2 or in_order(gold.skills, outcome.skills, precedence))
        )
    if outcome.action == "redirect":
        return not {*gold.packs, *gold.ok_packs}.isdisjoint(outcome.packs)
    return True


def in_order(required: Collection[str], given: Sequence[str], precedence: Precedence) -> bool:
    """Whether `given` contains all of `required`, and contains them in execution order."""
    if not set(required) <= set(given):
        return False
    kept = [skill for skill in given if skill in required]
    return not any(
        precedence.before(later, earlier)
        for index, earlier in enumerate(kept)
        for later in kept[index + 1 :]
    )


@dataclass(frozen=True)
class LabelReader:
    """Reads the labels of a log for one pack.

    A label is the full form (a mapping with `action`), a list of ids in execution order, or a
    single id: of a skill, a category (any of its skills will do), a neighbour or a question, or
    the name of an action. The title of a skill or neighbour may stand for its id.
    """

    pack: Pack
    _cache: dict[object, Gold] = field(default_factory=dict, repr=False)

    def read(self, value: object) -> Gold | None:
        """Read a label; None if the line has none.

        :raises ValueError: The label names something that the pack does not have, or has none of
            the forms.
        """
        if _is_blank(value):
            return None
        key = _key(value)
        if key not in self._cache:
            gold = self._full(value) if isinstance(value, Mapping) else self._short(value)
            if len(self._cache) >= _MAX_CACHED_LABELS:
                self._cache.clear()
            self._cache[key] = gold
        return self._cache[key]

    def _full(self, value: Mapping[str, Any]) -> Gold:
        fields = {name: value.get(name) for name in Gold.__struct_fields__}
        question = fields["question"]
        if question is not None and not isinstance(question, str):
            raise ValueError(f"question is an id or null, was: {question!r}")
        action = self._action(fields["action"])
        gold = Gold(
            action=action,
            skills=self._ids("skills", fields["skills"], self.pack.skills),
            packs=self._ids("packs", fields["packs"], self.pack.neighbours),
            question=self._question(question) if question else None,
            ok_actions=tuple(self._action(name) for name in _ids_in(fields["ok_actions"])),
            ok_skills=self._ids("ok_skills", fields["ok_skills"], self.pack.skills),
            ok_packs=self._ids("ok_packs", fields["ok_packs"], self.pack.neighbours),
        )
        if action == "route" and not gold.allowed_skills:
            raise ValueError("the action route needs skills or ok_skills, there are none")
        if action == "redirect" and not (gold.packs or gold.ok_packs):
            raise ValueError("the action redirect needs packs or ok_packs, there are none")
        return gold

    def _short(self, value: object) -> Gold:
        names = self._names(value)
        if len(names) == 1:
            return self._single(names[0])
        skills = tuple(name for name in names if name in self.pack.skills)
        packs = tuple(name for name in names if name in self.pack.neighbours)
        for name in names:
            if name not in skills and name not in packs:
                known = (*self.pack.skills, *self.pack.neighbours)
                raise ValueError(_unknown("a list has skills and neighbours", name, known))
        return Gold("route" if skills else "redirect", skills=skills, packs=packs)

    def _names(self, value: object) -> list[str]:
        """Give the different ids that a label names; a title stands for its id."""
        if isinstance(value, str) and value.strip() in self._id_of_title:
            return [self._id_of_title[value.strip()]]
        return list(dict.fromkeys(self._id_of_title.get(name, name) for name in _ids_in(value)))

    @cached_property
    def _id_of_title(self) -> dict[str, str]:
        """The ids of skills and neighbours by title, where no id is called so and only one is."""
        targets: list[Skill | Neighbour] = [*self.pack.file.skills, *self.pack.file.neighbours]
        count = Counter(target.title for target in targets)
        taken = {*self.pack.target_ids, *self.pack.questions, *ACTIONS}
        taken |= {category.id for category in self.pack.file.categories}
        return {
            target.title: target.id
            for target in targets
            if count[target.title] == 1 and target.title not in taken
        }

    def _single(self, name: str) -> Gold:
        pack = self.pack
        categories = [category.id for category in pack.file.categories]
        if name in pack.skills:
            return Gold("route", skills=(name,))
        if name in categories:
            members = tuple(skill.id for skill in pack.file.skills if skill.category == name)
            return Gold("route", ok_skills=members)
        if name in pack.neighbours:
            return Gold("redirect", packs=(name,))
        if name in pack.questions:
            return Gold("clarify", question=name)
        if name in ("clarify", "none"):
            return Gold("clarify" if name == "clarify" else "none")
        known = (*pack.skills, *categories, *pack.neighbours, *pack.questions, "clarify", "none")
        what = "a label is a skill, category, neighbour, question, clarify or none"
        raise ValueError(_unknown(what, name, known))

    def _ids(self, field_name: str, value: object, known: Collection[str]) -> tuple[str, ...]:
        ids = tuple(self._names(value))
        for name in ids:
            if name not in known:
                raise ValueError(_unknown(f"{field_name} are ids of the pack", name, known))
        return ids

    def _action(self, name: object) -> Action:
        if name not in ACTIONS:
            raise ValueError(_unknown(f"an action is one of {', '.join(ACTIONS)}", name, ACTIONS))
        return name

    def _question(self, name: str) -> str:
        known = (*self.pack.questions, ANY_QUESTION)
        if name not in known:
            raise ValueError(_unknown("a question is an id of the pack", name, known))
        return name


def _is_blank(value: object) -> bool:
    """Whether a label is empty: it has no ids, or is what tables write for an empty cell."""
    if isinstance(value, Mapping):
        return all(_is_blank(value.get(name)) for name in Gold.__struct_fields__)
    if isinstance(value, list | tuple):
        return all(map(_is_blank, value))
    if isinstance(value, str):
        return value.strip().lower() in _NOTHING or not _ids_in(value)
    return value is None or value != value  # NaN


def _ids_in(value: object) -> list[str]:
    """Give the ids in a list, or in a text with separators."""
    if value is None:
        return []
    if isinstance(value, str):
        parts = _SEPARATORS.split(plain_text(value))
        return [part for raw in parts if (part := raw.strip().strip(" '\"[]"))]
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return [part for part in map(str.strip, value) if part]
    raise ValueError(f"a label is an id, a list of ids, or the full form, was: {value!r:.80}")


def _key(value: object) -> object:
    if isinstance(value, Mapping):
        return tuple(_key(value.get(name)) for name in Gold.__struct_fields__)
    if isinstance(value, list | tuple):
        return (list, *map(_key, value))
    return value if isinstance(value, str | None) else (type(value), repr(value))


def _unknown(what: str, name: object, known: Collection[str]) -> str:
    close = get_close_matches(str(name), known, n=1)
    return f"{what}, was: {str(name)[:80]!r}" + (f"; did you mean {close[0]!r}?" if close else "")
