"""Counts of a log's decisions, as sums: two parts of a log, or two machines, add up exactly.

Every count is a whole number (confidences in units of 1/10,000), so that the order in which parts
are added never shows in a figure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct, field

from router.decisions.outcome import Outcome
from router.evaluation.run_folder import Row
from router.logs.labels import ANY_QUESTION, Gold, accepts
from router.packs.pack import Pack

UNIT = 10_000
"""Confidences and margins are kept in units of 1/10,000."""


class Share(Struct, array_like=True):
    """`hits` of `trials`."""

    hits: int = 0
    trials: int = 0


class Found(Struct, array_like=True):
    """How a target was found.

    Decisions that name it, and those right to; queries that require it, and those of them where it
    was named or the decision is acceptable without it.
    """

    named: int = 0
    right: int = 0
    required: int = 0
    met: int = 0


class Day(Struct):
    """Counts of one day, UTC."""

    lines: int = 0
    labelled: int = 0
    accepted: int = 0
    actions: dict[str, int] = field(default_factory=dict)
    skills: dict[str, int] = field(default_factory=dict)


class Tally(Struct):
    """Sums over lines of a log, labelled ones and others.

    `shares`: of each figure that is a share. `confidence`: of labelled decisions that are no
    questions, by confidence: accepted, all. `cells`: of labelled ones, by the target wanted and the
    target given: accepted, all. The other counts are of all lines.
    """

    lines: int = 0
    labelled: int = 0
    shares: dict[str, Share] = field(default_factory=dict)
    skills: dict[str, Found] = field(default_factory=dict)
    categories: dict[str, Found] = field(default_factory=dict)
    cells: dict[str, dict[str, Share]] = field(default_factory=dict)
    confidence: dict[int, Share] = field(default_factory=dict)
    actions: dict[str, int] = field(default_factory=dict)
    skills_named: dict[str, int] = field(default_factory=dict)
    packs_named: dict[str, int] = field(default_factory=dict)
    questions: dict[str, int] = field(default_factory=dict)
    days: dict[str, Day] = field(default_factory=dict)

    @classmethod
    def sum(cls, tallies: Iterable["Tally"]) -> "Tally":
        """Add up tallies, in any order."""
        total: Any = {}
        for tally in tallies:
            total = _added(total, msgspec.to_builtins(tally))
        return msgspec.convert(total, cls, strict=False)


def _added(one: Any, other: Any) -> Any:  # noqa: ANN401 - counts, and mappings and lists of them
    if isinstance(other, dict):
        for key, value in other.items():
            one[key] = _added(one[key], value) if key in one else value
        return one
    if isinstance(other, list | tuple):
        return [_added(*pair) for pair in zip(one, other, strict=True)]
    return one + other


@dataclass(frozen=True)
class Counter:
    """Counts the decisions of one pack."""

    pack: Pack

    def accepts(self, gold: Gold, outcome: Outcome) -> bool:
        """Whether a careful expert would accept the decision."""
        return accepts(gold, outcome, self.pack.precedence)

    def add(
        self,
        tally: Tally,
        outcome: Outcome,
        gold: Gold | None,
        count: int,
        days: Mapping[str, int],
        confidences: Mapping[int, int],
    ) -> None:
        """Add decisions that are the same but for their text, day and confidence.

        :param count: How many.
        :param days: How many on each day, as "2026-09-01", where that is known.
        :param confidences: How many of each confidence, in units of 1/10,000.
        """
        accepted = None if gold is None else self.accepts(gold, outcome)
        tally.lines += count
        _count(tally.actions, outcome.action, count)
        for skill in outcome.skills:
            _count(tally.skills_named, skill, count)
        for pack in outcome.packs:
            _count(tally.packs_named, pack, count)
        if outcome.question is not None:
            _count(tally.questions, outcome.question, count)
        for day, of_day in days.items():
            _add_day(tally.days.setdefault(day, Day()), outcome, accepted, of_day)
        _add_share(tally, "asked", outcome.action == "clarify", count)
        if gold is not None and accepted is not None:
            tally.labelled += count
            self._add_labelled(tally, outcome, gold, accepted, count)
            if outcome.action != "clarify":
                for confidence, of_confidence in confidences.items():
                    share = tally.confidence.setdefault(confidence, Share())
                    share.trials += of_confidence
                    share.hits += of_confidence * accepted

    def _add_labelled(
        self, tally: Tally, outcome: Outcome, gold: Gold, accepted: bool, count: int
    ) -> None:
        for name, hit in self._hits(outcome, gold, accepted).items():
            _add_share(tally, name, hit, count)
        wanted, given = self._targets(outcome, gold, accepted)
        cell = tally.cells.setdefault(wanted, {}).setdefault(given, Share())
        cell.trials += count
        cell.hits += count * accepted
        named = set(outcome.skills if outcome.action == "route" else ())
        allowed = set(gold.allowed_skills if gold.allows("route") else ())
        required = set(gold.skills if gold.action == "route" else ())
        _add_found(tally.skills, named, allowed, required, accepted, count)
        wanted_of = self._categories(gold.skills or gold.ok_skills)
        required = (
            wanted_of if gold.action == "route" and (gold.skills or len(wanted_of) == 1) else set()
        )
        _add_found(
            tally.categories,
            self._categories(named),
            self._categories(allowed),
            required,
            accepted,
            count,
        )

    def _hits(self, outcome: Outcome, gold: Gold, accepted: bool) -> dict[str, bool]:
        """Say for each figure that speaks of such a line whether it is a hit."""
        asks = outcome.action == "clarify"
        return (
            {"accepted": accepted, "silently_wrong": not accepted and not asks}
            | _asking(outcome, gold)
            | (self._routing(outcome, gold, accepted) if gold.action == "route" else {})
            | ({"redirect_right": accepted} if gold.action == "redirect" else {})
            | ({"none_recall": accepted} if gold.action == "none" else {})
            | ({"none_precision": gold.allows("none")} if outcome.action == "none" else {})
        )

    def _routing(self, outcome: Outcome, gold: Gold, accepted: bool) -> dict[str, bool]:
        hits: dict[str, bool] = {}
        if outcome.action == "route" and outcome.skills:
            allowed = self._categories(gold.allowed_skills)
            hits["category_when_routed"] = bool(self._categories(outcome.skills) & allowed)
            if len(gold.skills) == 1:
                hits["skill_when_routed"] = outcome.skills[0] in gold.allowed_skills
        if len(gold.skills) > 1:
            hits["multi_exact_in_order"] = accepted
        if gold.packs and outcome.action == "route":
            hits["packs_named_too"] = not set(gold.packs).isdisjoint(outcome.packs)
        return hits

    def _targets(self, outcome: Outcome, gold: Gold, accepted: bool) -> tuple[str, str]:
        """Name the target that was wanted, and the one given."""
        row = Row(
            line=0,
            text="",
            action=outcome.action,
            skills=outcome.skills,
            packs=outcome.packs,
            gold=gold,
            accepted=accepted,
        )
        categories = sorted(self._categories(gold.ok_skills))
        if not accepted and gold.action == "route" and not gold.skills:
            return f"category:{categories[0]}", row.given
        return row.wanted or row.given, row.given

    def _categories(self, skills: Iterable[str]) -> set[str]:
        return {self.pack.skills[skill].category for skill in skills}


def _asking(outcome: Outcome, gold: Gold) -> dict[str, bool]:
    asks = outcome.action == "clarify"
    hits: dict[str, bool] = {}
    if asks:
        hits["ask_precision"] = gold.may_ask
        if gold.action == "clarify" and gold.question not in (None, ANY_QUESTION):
            hits["right_question"] = outcome.question == gold.question
    if gold.must_ask:
        hits |= {"ask_recall": asks, "missed": not asks}
    if not gold.may_ask:
        hits["needless"] = asks
    return hits


def _add_share(tally: Tally, name: str, hit: bool, count: int) -> None:
    share = tally.shares.setdefault(name, Share())
    share.trials += count
    share.hits += count * hit


def _add_day(day: Day, outcome: Outcome, accepted: bool | None, count: int) -> None:
    day.lines += count
    day.labelled += count * (accepted is not None)
    day.accepted += count * bool(accepted)
    _count(day.actions, outcome.action, count)
    for skill in outcome.skills:
        _count(day.skills, skill, count)


def _add_found(
    into: dict[str, Found],
    named: set[str],
    allowed: set[str],
    required: set[str],
    accepted: bool,
    count: int,
) -> None:
    for target in named | required:
        found = into.setdefault(target, Found())
        found.named += count * (target in named)
        found.right += count * (target in named & allowed)
        found.required += count * (target in required)
        found.met += count * (target in required and (accepted or target in named))


def _count(into: dict[str, int], name: str, count: int) -> None:
    into[name] = into.get(name, 0) + count
