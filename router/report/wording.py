"""The report in words: the verdict, the five figures, and what to do first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from router.evaluation.counts import Day
from router.evaluation.definitions import FIGURES
from router.evaluation.gaps import Gaps
from router.evaluation.pack_health import PackHealth
from router.statistics.figure import Figure

if TYPE_CHECKING:
    from router.evaluation.metrics import Metrics

GRADES = (
    (0.90, "This pack routes the log well."),
    (0.75, "This pack routes most of the log well."),
    (0.50, "This pack routes the log unevenly."),
    (0.00, "This pack is not ready for the log."),
)
"""Share accepted from which on a sentence holds."""


MEANINGS = {figure.name: (figure.title, figure.meaning) for figure in FIGURES}
"""Of each figure of `metrics.json`: its title, and what it means."""


FEWEST_JUDGED = 30
"""Labelled queries that a verdict needs; with fewer the interval is a third of the scale."""


@dataclass(frozen=True)
class Headline:
    """One of the five figures. `detail` says of what it is a share, and its interval."""

    title: str
    value: str
    detail: str
    meaning: str
    bad: bool = False


@dataclass(frozen=True)
class Step:
    """One thing to do; `anchor` is the part of the page that shows why, `cell` that of a matrix."""

    text: str
    anchor: str
    why: str
    cell: tuple[str, str] | None = None


def percent(value: float | None) -> str:
    """Write a share for a person: no decimals from 10% on, one below."""
    if value is None:
        return "–"
    return f"{value:.0%}" if value >= 0.0995 or value == 0.0 else f"{value:.1%}"


def interval(figure: Figure) -> str:
    """Write what a figure rests on."""
    if figure.value is None:
        return "no such query"
    low, high = percent(figure.low), percent(figure.high)
    if low == high and figure.low != figure.high:
        low, high = f"{figure.low:.1%}", f"{figure.high:.1%}"
    return f"{low} to {high}, n\u00a0=\u00a0{figure.n:,}"


def compact(count: int) -> str:
    """Write a count for a small cell: exact below ten thousand."""
    if count < 10_000:
        return f"{count:,}"
    return f"{count / 1e3:.0f}k" if count < 999_500 else f"{count / 1e6:.1f}M"


def name_of(target: str) -> str:
    """Write a target for a person: "skill:ID" by its id alone."""
    kind, _, one = target.partition(":")
    if kind == "category":
        return f"any of {one}"
    return one or {"ask": "a question", "none": "none of these"}.get(kind, kind)


def verdict(metrics: "Metrics") -> tuple[str, str]:
    """Give the verdict in a sentence, and a second that says what it rests on."""
    lines = metrics.lines
    if not lines.labelled:
        return _verdict_without_labels(metrics)
    accepted, wrong = (metrics.intervals[name] for name in ("accepted", "silently_wrong"))
    grade = f"{lines.labelled:,} labelled {_plural('query', lines.labelled)} say little yet."
    if lines.labelled == 1:
        grade = "One labelled query says little yet."
    if lines.labelled >= FEWEST_JUDGED:
        grade = next(text for least, text in GRADES if (accepted.value or 0.0) >= least)
    told = (
        f"Of {lines.labelled:,} labelled {_plural('query', lines.labelled)},"
        f" {percent(accepted.value)} went where an expert"
        f" would accept it; {percent(wrong.value)} went wrong without a question."
    )
    return grade, f"{told} {_trend(metrics.days)}".strip()


def _verdict_without_labels(metrics: "Metrics") -> tuple[str, str]:
    n, actions = metrics.lines.decided, metrics.shares.actions
    routed, refused = (percent(actions.get(one, 0) / n) for one in ("route", "none"))
    asked = percent(actions.get("clarify", 0) / n)
    return (
        f"This pack has a route for {routed} of the log.",
        f"Of {n:,} queries, {asked} need a question first and {refused} fit nothing here. The log"
        " has no labels, so that nothing says how many of these decisions are right.",
    )


def _trend(days: dict[str, Day]) -> str:
    """Say so if the second half of the time is better or worse than the first beyond chance."""
    labelled = [day for _, day in sorted(days.items()) if day.labelled]
    if len(labelled) < 4:
        return ""
    sides = labelled[: len(labelled) // 2], labelled[len(labelled) // 2 :]
    first, second = (
        Figure.of_share(sum(d.accepted for d in side), sum(d.labelled for d in side)).rounded()
        for side in sides
    )
    ends = first.low, first.high, second.low, second.high, first.value, second.value
    if any(end is None for end in ends):
        return ""
    if (second.high or 0.0) < (first.value or 0.0) and (second.value or 0.0) < (first.low or 0.0):
        way = "fell"
    elif (second.low or 0.0) > (first.value or 0.0) and (second.value or 0.0) > (first.high or 0.0):
        way = "rose"
    else:
        return ""
    return (
        f"What was accepted {way} from {percent(first.value)} in the first half of the time"
        f" to {percent(second.value)} in the second."
    )


def headlines(metrics: "Metrics") -> list[Headline]:
    """Choose the five figures of the first screen."""
    if not metrics.lines.labelled:
        return _shares(metrics)
    chosen = (
        ("accepted", "Accepted", "decisions an expert would accept", False),
        ("silently_wrong", "Silently wrong", "wrong, and nobody was asked", True),
        ("asked", "Asked", "answered by a question", False),
        (
            "skill_when_routed",
            "Right skill",
            "of the queries for one skill that were routed",
            False,
        ),
        ("calibration_error", "Confidence gap", "stated confidence against what came true", False),
    )
    found = []
    for name, title, meaning, bad in chosen:
        figure = metrics.intervals[name]
        wrong = bad and bool(figure.value)
        found.append(Headline(title, percent(figure.value), interval(figure), meaning, wrong))
    return found


def _shares(metrics: "Metrics") -> list[Headline]:
    n, actions = metrics.lines.decided, metrics.shares.actions
    told = (
        ("route", "Routed", "sent to one skill or several"),
        ("clarify", "Asked", "answered by a question"),
        ("redirect", "Redirected", "sent to another pack"),
        ("none", "Refused", "nothing here fits"),
    )
    found = []
    for action, title, meaning in told:
        figure = Figure.of_share(actions.get(action, 0), n).rounded()
        found.append(Headline(title, percent(figure.value), interval(figure), meaning))
    texts = Figure.of_share(metrics.lines.texts, n).rounded()
    rest = f"{metrics.lines.texts:,} of {n:,}"
    return [*found, Headline("Different texts", percent(texts.value), rest, "the rest are repeats")]


def first_steps(metrics: "Metrics", gaps: Gaps, health: PackHealth) -> list[Step]:
    """Name what would help most, from what is known: three things at most."""
    steps: list[Step] = []
    wrong = [cell for cell in metrics.confusion.cells if cell.count > cell.accepted]
    if wrong:
        worst = max(wrong, key=lambda cell: cell.count - cell.accepted)
        n = worst.count - worst.accepted
        steps.append(
            Step(
                f"Look at {_asked_for(worst.wanted)} that {_got(worst.given)}",
                "queries",
                f"{n:,} {_plural('query', n)}, the most frequent mistake",
                (worst.wanted, worst.given),
            )
        )
    if gaps.gaps:
        gap = gaps.gaps[0]
        about = f" ({', '.join(gap.words[:3])})" if gap.words else ""
        target = gap.takes_exemplars
        what = f"Close the largest gap{about}: add exemplars to {name_of(target or '')}"
        if target is None or target == "none":
            what = f"Decide on the largest gap{about}: write a skill for it, or refuse it for good"
        n = gap.n_lines
        steps.append(Step(what, "gaps", f"{n:,} {_plural('query', n)} that find no good answer"))
    unseparated = [pair for pair in health.pairs if pair.question is None]
    if unseparated:
        pair = unseparated[0]
        steps.append(
            Step(
                f"Tell {pair.first} and {pair.second} apart",
                "health",
                f"{len(pair.strays)} exemplars stray between them, and no question separates them",
            )
        )
    return steps


def _asked_for(target: str) -> str:
    return {
        "ask": "the queries lacking a detail",
        "none": "the unrelated queries",
    }.get(target, f"the queries for {name_of(target)}")


def _got(target: str) -> str:
    return {"ask": "were asked about", "none": "were refused"}.get(
        target, f"went to {name_of(target)}"
    )


def _plural(word: str, n: int) -> str:
    if n == 1:
        return word
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def joined(names: Sequence[str]) -> str:
    """Write ids in the order given."""
    return ", then ".join(names)
