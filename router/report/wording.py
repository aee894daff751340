"""The report in words: the verdict, the five figures, and what to do first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from router.decisions.words import count_of, target_in_words
from router.evaluation.counts import Day
from router.evaluation.gaps import Gaps
from router.evaluation.pack_health import PackHealth
from router.report.charts.chart import ACTION_TITLES
from router.statistics.figure import Figure

if TYPE_CHECKING:
    from router.evaluation.metrics import Metrics

_GRADES = (
    (0.90, "This pack routes the log well."),
    (0.75, "This pack routes most of the log well."),
    (0.50, "This pack routes the log unevenly."),
    (0.00, "This pack is not ready for the log."),
)
"""The verdict for each share accepted, from that share upwards."""

_MIN_LABELLED = 30
"""Labelled queries that a verdict needs: with fewer, the interval spans a third of the scale."""

_HEADLINES = (
    ("accepted", "Accepted", "decisions that an expert would accept"),
    ("silently_wrong", "Silently wrong", "wrong decisions without a question"),
    ("asked", "Asked", "answered by a question"),
    ("skill_when_routed", "Right skill", "of the queries for one skill that were routed"),
    ("calibration_error", "Confidence gap", "between confidence and share right"),
)
_ACTION_MEANINGS = {
    "route": "sent to one skill or several",
    "clarify": "answered by a question",
    "redirect": "sent to another pack",
    "none": "no skill fits",
}


@dataclass(frozen=True)
class Headline:
    """One of the five figures. `detail` is its interval and the number of queries behind it."""

    title: str
    value: str
    detail: str
    meaning: str
    bad: bool = False


@dataclass(frozen=True)
class NextStep:
    """One thing to do, and why.

    `anchor` is the part of the page that shows it, `cell` that of the confusion matrix.
    """

    text: str
    anchor: str
    why: str
    cell: tuple[str, str] | None = None


def percent(value: float | None) -> str:
    """Write a share for a person: without decimals from 10 % on, with one below."""
    if value is None:
        return "–"
    return f"{value:.0%}" if value >= 0.0995 or value == 0.0 else f"{value:.1%}"


def interval(figure: Figure) -> str:
    """Write the interval of a figure, and the number of queries that it rests on."""
    if not figure.n:
        return "no such query"
    low, high = percent(figure.low), percent(figure.high)
    if low == high and figure.low != figure.high:
        low, high = f"{figure.low:.1%}", f"{figure.high:.1%}"
    return f"{low} to {high}, n\u00a0=\u00a0{figure.n:,}"


def compact(count: int) -> str:
    """Write a count for a small cell: exactly below ten thousand."""
    if count < 10_000:
        return f"{count:,}"
    return f"{count / 1e3:.0f}k" if count < 999_500 else f"{count / 1e6:.1f}M"


def verdict(metrics: "Metrics") -> tuple[str, str]:
    """Give the verdict in one sentence, and what it rests on in others."""
    labelled = metrics.lines.labelled
    if not labelled:
        return _verdict_without_labels(metrics)
    accepted, wrong = (metrics.intervals[name].value for name in ("accepted", "silently_wrong"))
    queries = count_of(labelled, "labelled query")
    grade = next(text for least, text in _GRADES if (accepted or 0.0) >= least)
    if labelled < _MIN_LABELLED:
        grade = f"{queries} {'is' if labelled == 1 else 'are'} too few for a verdict."
    basis = (
        f"Of {queries}, {percent(accepted)} went where an expert would accept it, and"
        f" {percent(wrong)} went wrong without a question."
    )
    return grade, f"{basis} {_trend(metrics.days)}".strip()


def _verdict_without_labels(metrics: "Metrics") -> tuple[str, str]:
    n, actions = metrics.lines.decided, metrics.shares.actions
    routed, asked, refused = (
        percent(actions.get(action, 0) / n) for action in ("route", "clarify", "none")
    )
    return (
        f"This pack has a route for {routed} of the log.",
        f"Of {count_of(n, 'query')}, {asked} need a question first and"
        f" {refused} fit no skill. The log has no labels, so nothing says how many of these"
        " decisions are right.",
    )


def _trend(days: Mapping[str, Day]) -> str:
    """Say whether the second half of the time is better or worse than the first, beyond chance."""
    labelled = [day for _, day in sorted(days.items()) if day.labelled]
    if len(labelled) < 4:
        return ""
    halves = labelled[: len(labelled) // 2], labelled[len(labelled) // 2 :]
    (before, before_low, before_high), (after, after_low, after_high) = (
        Figure.of_share(
            sum(day.accepted for day in half), sum(day.labelled for day in half)
        ).measured
        for half in halves
    )
    fell = after_high < before and after < before_low
    rose = after_low > before and after > before_high
    if not (fell or rose):
        return ""
    return (
        f"The share accepted {'fell' if fell else 'rose'} from {percent(before)} in the first half"
        f" of the time to {percent(after)} in the second half."
    )


def headlines(metrics: "Metrics") -> list[Headline]:
    """Choose the five figures of the first screen."""
    if not metrics.lines.labelled:
        return _headlines_without_labels(metrics)
    return [
        _headline(title, metrics.intervals[name], meaning, bad=name == "silently_wrong")
        for name, title, meaning in _HEADLINES
    ]


def _headlines_without_labels(metrics: "Metrics") -> list[Headline]:
    n, actions = metrics.lines.decided, metrics.shares.actions
    shares = [
        _headline(title, Figure.of_share(actions.get(action, 0), n), _ACTION_MEANINGS[action])
        for action, title in ACTION_TITLES.items()
    ]
    texts = metrics.lines.texts
    different = Headline(
        "Different texts", percent(texts / n), f"{texts:,} of {n:,}", "the others are repetitions"
    )
    return [*shares, different]


def _headline(title: str, figure: Figure, meaning: str, bad: bool = False) -> Headline:
    bad = bad and bool(figure.value)
    return Headline(title, percent(figure.value), interval(figure), meaning, bad)


def first_steps(metrics: "Metrics", gaps: Gaps, health: PackHealth) -> list[NextStep]:
    """Name at most three things that would help most."""
    steps: list[NextStep] = []
    wrong = [cell for cell in metrics.confusion.cells if cell.count > cell.accepted]
    if wrong:
        worst = max(wrong, key=lambda cell: cell.count - cell.accepted)
        why = f"{count_of(worst.count - worst.accepted, 'query')}, the most frequent mistake"
        text = f"Look at {_queries_for(worst.wanted)} that {_were_decided(worst.given)}"
        steps.append(NextStep(text, "queries", why, (worst.wanted, worst.given)))
    if gaps.gaps:
        gap = gaps.gaps[0]
        words = f" ({', '.join(gap.words[:3])})" if gap.words else ""
        target = gap.takes_exemplars
        if target is None or target == "none":
            text = f"Decide about the largest gap{words}: write a skill for it, or refuse it"
        else:
            text = f"Close the largest gap{words}: add exemplars to {target_in_words(target)}"
        why = f"{count_of(gap.n_lines, 'query')} without a good decision"
        steps.append(NextStep(text, "gaps", why))
    pair = next((pair for pair in health.pairs if pair.question is None), None)
    if pair is not None:
        strays = count_of(len(pair.strays), "exemplar")
        why = f"{strays} closer to the other skill, and no question separates the two"
        steps.append(NextStep(f"Tell {pair.first} and {pair.second} apart", "health", why))
    return steps


def _queries_for(target: str) -> str:
    special = {"ask": "the queries lacking a detail", "none": "the unrelated queries"}
    return special.get(target, f"the queries for {target_in_words(target)}")


def _were_decided(target: str) -> str:
    special = {"ask": "were answered by a question", "none": "were refused"}
    return special.get(target, f"went to {target_in_words(target)}")
