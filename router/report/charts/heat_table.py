"""Tables of shaded counts: the confusion matrix, and the skills over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from router.decisions.words import target_in_words
from router.report.charts.chart import Chart
from router.report.charts.spans import MAX_SPANS, span_unit, spans_of, time_axis

if TYPE_CHECKING:
    from router.evaluation.metrics import Metrics

_MIN_DARKEST = 6
"""Mistakes that a cell needs at least to get the darkest shade."""


@dataclass(frozen=True)
class HeatCell:
    """A count, and how dark it is drawn, in [0, 1]."""

    count: int
    shade: float


@dataclass(frozen=True)
class HeatTable:
    """Counts of queries by row and column, and of all queries by column.

    `unit` is what a column stands for if it is a span of time: "day", "week" or "month".
    """

    rows: Mapping[str, Sequence[HeatCell]]
    columns: Mapping[str, int]
    unit: str = ""


def confusion_table(metrics: "Metrics") -> HeatTable:
    """Count which target was wanted, by row, and which was decided, by column."""
    labels = metrics.confusion.labels
    counts = {(cell.wanted, cell.given): cell.count for cell in metrics.confusion.cells}
    right = [count for (wanted, given), count in counts.items() if wanted == given]
    wrong = [count for (wanted, given), count in counts.items() if wanted != given]
    darkest = {True: max(right, default=1), False: max(*wrong, _MIN_DARKEST, _MIN_DARKEST)}

    def cell(wanted: str, given: str) -> HeatCell:
        count = counts.get((wanted, given), 0)
        return HeatCell(count, round((count / darkest[wanted == given]) ** 0.6, 3))

    columns = {given: sum(counts.get((row, given), 0) for row in labels) for given in labels}
    return HeatTable({row: [cell(row, given) for given in labels] for row in labels}, columns)


def skills_table(metrics: "Metrics", most: int = MAX_SPANS) -> HeatTable:
    """Count the queries that went to each skill, by day, week or month.

    :param most: The most columns that there is room for.
    """
    spans = spans_of(metrics.days, most)
    shares = {
        skill: [span.skills.get(skill, 0) / span.lines for span in spans.values()]
        for skill in metrics.shares.skills
    }
    darkest = max((max(row, default=0.0) for row in shares.values()), default=0.0) or 1.0
    rows = {
        skill: [
            HeatCell(span.skills.get(skill, 0), round(share / darkest, 3))
            for span, share in zip(spans.values(), row, strict=True)
        ]
        for skill, row in shares.items()
    }
    columns = {name: span.lines for name, span in spans.items()}
    return HeatTable(rows, columns, span_unit(metrics.days, most))


def confusion(metrics: "Metrics") -> Chart:
    """Plot which target was wanted and which was decided, as counts."""
    table = confusion_table(metrics)
    counts = [[cell.count for cell in row] for row in table.rows.values()]
    names = [target_in_words(target) for target in table.rows]
    hover = "wanted %{y}<br>decided %{x}<br>%{z} queries"
    return _heat_map(names, names, counts, hover, {"title": {"text": "decided"}}, "wanted")


def skills_over_time(metrics: "Metrics") -> Chart:
    """Plot the share of the queries that went to each skill, by day, week or month."""
    table = skills_table(metrics)
    spans, totals = list(table.columns), list(table.columns.values())
    shares = [
        [cell.count / n for cell, n in zip(row, totals, strict=True)] for row in table.rows.values()
    ]
    hover = "%{y}, %{x}: %{z:.0%} of the queries"
    return _heat_map(spans, list(table.rows), shares, hover, time_axis(spans), "")


def _heat_map(
    columns: Sequence[str],
    rows: Sequence[str],
    values: Sequence[Sequence[float]],
    hover: str,
    xaxis: Mapping[str, Any],
    row_title: str,
) -> Chart:
    heat = {
        "type": "heatmap",
        "x": columns,
        "y": rows,
        "z": values,
        "colorscale": "Oranges",
        "hovertemplate": f"{hover}<extra></extra>",
    }
    yaxis = {"title": {"text": row_title}, "autorange": "reversed", "automargin": True}
    return Chart([heat], {"xaxis": xaxis, "yaxis": yaxis, "width": 760, "height": 640})
