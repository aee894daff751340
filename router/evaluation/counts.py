"""Counts the decisions on a log as sums: parts of a log, or of several machines, add up exactly.

Every count is a whole number, and confidences are counted in units of 1/10,000, so that no figure
depends on the order in which parts are added.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct, field

from router.evaluation.definitions import FIGURES
from router.evaluation.rows import UNIT, DecidedLine, categories_of, confusion_cell
from router.logs.labels import Gold
from router.packs.pack import Pack


class HitCount(Struct, array_like=True):
    """How many of some trials are hits."""

    hits: int = 0
    trials: int = 0

    def add(self, is_hit: bool, count: int) -> None:
        """Add `count` trials that are all hits, or all not."""
        self.hits += count * is_hit
        self.trials += count


class TargetCount(Struct, array_like=True):
    """How often a skill or category was named and required.

    `named` counts the decisions that name it; `right` counts only the decisions that may name it.
    `required` counts the queries that require it; `met` counts only the queries where it was named
    or the decision is acceptable without it.
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


class DecisionCounts(Struct):
    """Sums over the lines of a log. The counts of parts of a log add up exactly.

    :param lines: The lines.
    :param truncated: The lines that were too long, so that their middle was left out.
    :param labelled: The lines with a label.
    :param shares: For each figure that is a share, its hits and trials among the labelled lines.
    :param skills: How often each skill was named and required, of labelled lines.
    :param categories: How often each category was named and required, of labelled lines.
    :param cells: By the targets wanted and given, the labelled lines, and those acceptable as hits.
    :param confidence: By the confidence of a decision that is no question, in units of 1/10,000,
        the labelled lines, and those acceptable as hits.
    :param actions: The lines of each action.
    :param skills_named: The lines that name each skill.
    :param packs_named: The lines that name each neighbour.
    :param questions: The lines that ask each question.
    :param days: The counts of each day, UTC.
    """

    lines: int = 0
    truncated: int = 0
    labelled: int = 0
    shares: dict[str, HitCount] = field(default_factory=dict)
    skills: dict[str, TargetCount] = field(default_factory=dict)
    categories: dict[str, TargetCount] = field(default_factory=dict)
    cells: dict[str, dict[str, HitCount]] = field(default_factory=dict)
    confidence: dict[int, HitCount] = field(default_factory=dict)
    actions: dict[str, int] = field(default_factory=dict)
    skills_named: dict[str, int] = field(default_factory=dict)
    packs_named: dict[str, int] = field(default_factory=dict)
    questions: dict[str, int] = field(default_factory=dict)
    days: dict[str, Day] = field(default_factory=dict)

    @classmethod
    def of(cls, lines: Iterable[DecidedLine], pack: Pack) -> "DecisionCounts":
        """Count decided lines; those alike in decision, options and label are looked at once.

        :param lines: Decided lines.
        :param pack: The pack by which they were decided.
        """
        counts = cls()
        alike: defaultdict[tuple[object, ...], list[DecidedLine]] = defaultdict(list)
        for line in lines:
            alike[*line.decision, line.offered, line.gold].append(line)
        for group in alike.values():
            counts._count_group(group, pack)
        return counts

    @classmethod
    def sum(cls, parts: Iterable["DecisionCounts"]) -> "DecisionCounts":
        """Add up the counts of several parts, in any order.

        :param parts: The counts of the parts.
        """
        total = cls()
        for part in parts:
            total.add(part)
        return total

    def add(self, part: "DecisionCounts") -> None:
        """Add the counts of another part of the log.

        :param part: The counts to add; they stay as they are.
        """
        _added(self, part)

    def _count_group(self, group: Sequence[DecidedLine], pack: Pack) -> None:
        """Count lines with equal decisions and equal labels."""
        line, count = group[0], len(group)
        self.lines += count
        self.truncated += sum(row.truncated for row in group)
        _increase(self.actions, (line.action,), count)
        _increase(self.skills_named, line.skills, count)
        _increase(self.packs_named, line.packs, count)
        _increase(self.questions, (line.question,) if line.question is not None else (), count)
        days = Counter(row.time.date().isoformat() for row in group if row.time is not None)
        for date, of_day in days.items():
            day = self.days.setdefault(date, Day())
            day.lines += of_day
            day.labelled += of_day * (line.gold is not None)
            day.accepted += of_day * (line.accepted is True)
            _increase(day.actions, (line.action,), of_day)
            _increase(day.skills, line.skills, of_day)
        if line.gold is not None:
            self._count_labelled(group, line.gold, pack)

    def _count_labelled(self, group: Sequence[DecidedLine], gold: Gold, pack: Pack) -> None:
        line, count = group[0], len(group)
        accepted = line.accepted is True
        self.labelled += count
        for figure in FIGURES:
            is_hit = None if figure.hit is None else figure.hit(line, gold, pack)
            if is_hit is not None:
                self.shares.setdefault(figure.name, HitCount()).add(is_hit, count)
        wanted, given = confusion_cell(line, pack)
        self.cells.setdefault(wanted, {}).setdefault(given, HitCount()).add(accepted, count)
        if not line.asks:
            for confidence, of_confidence in Counter(row.confidence for row in group).items():
                unit = round(confidence * UNIT)
                self.confidence.setdefault(unit, HitCount()).add(accepted, of_confidence)
        named = set(line.skills)
        allowed = set(gold.allowed_skills if gold.allows("route") else ())
        required = set(gold.skills if gold.action == "route" else ())
        _count_targets(self.skills, named, allowed, required, accepted, count)
        wanted_categories = categories_of(required or gold.ok_skills, pack)
        if gold.action != "route" or not (required or len(wanted_categories) == 1):
            wanted_categories = set()
        named, allowed = (categories_of(skills, pack) for skills in (named, allowed))
        _count_targets(self.categories, named, allowed, wanted_categories, accepted, count)


def _count_targets(
    into: dict[str, TargetCount],
    named: set[str],
    allowed: set[str],
    required: set[str],
    accepted: bool,
    count: int,
) -> None:
    for name in named | required:
        target = into.setdefault(name, TargetCount())
        target.named += count * (name in named)
        target.right += count * (name in named & allowed)
        target.required += count * (name in required)
        target.met += count * (name in required and (accepted or name in named))


def _increase(counts: dict[str, int], names: Iterable[str], count: int) -> None:
    for name in names:
        counts[name] = counts.get(name, 0) + count


def _added(total: Any, part: Any) -> Any:  # noqa: ANN401 - counts, and mappings and structs of them
    """Add the counts of `part` to those of `total`, and give the sum; `part` is left as it is."""
    if isinstance(part, dict):
        for key, value in part.items():
            total[key] = _added(total[key] if key in total else type(value)(), value)
    elif isinstance(part, Struct):
        for name in part.__struct_fields__:
            setattr(total, name, _added(getattr(total, name), getattr(part, name)))
    else:
        total += part
    return total
