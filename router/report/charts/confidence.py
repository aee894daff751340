"""How far confidence can be trusted, and what asking more would bring."""

from typing import TYPE_CHECKING

from router.report.charts.chart import Chart, axes, line_of
from router.statistics.figure import Figure

if TYPE_CHECKING:
    from router.evaluation.metrics import Metrics


def risk_coverage(metrics: "Metrics") -> Chart:
    """How much is wrong if only the surest decisions are taken."""
    points = metrics.risk_coverage
    line = line_of(
        [point.coverage for point in points],
        [point.risk for point in points],
        "take the surest %{x:.0%}: %{y:.1%} of them wrong<br>"
        "(confidence from %{customdata:.2f} on)<extra></extra>",
        customdata=[point.confidence for point in points],
    )
    layout = axes("of all queries, the surest", "of these, wrong")
    layout["xaxis"]["range"] = [0, 1]
    layout["yaxis"]["range"] = [0, max(0.05, 1.05 * max((one.risk for one in points), default=0))]
    return Chart([line | {"name": "wrong"}], layout)


def ask_rate(metrics: "Metrics") -> Chart:
    """How much is right of what is decided, if more of the unsure queries are asked about."""
    points = [point for point in metrics.ask_rate if point.accuracy is not None]
    template = "ask about %{x:.0%}: %{y:.1%} right<br>(all below confidence %{customdata:.2f})"
    rows = {"customdata": [point.confidence for point in points]}
    asked = [point.asked for point in points]
    right = [point.accuracy for point in points if point.accuracy is not None]
    decided = line_of(asked, right, template + "<extra>of what is decided</extra>", **rows)
    ideal = line_of(
        asked,
        [point.with_answers for point in points],
        template + "<extra>of all, if every answer helps</extra>",
        **rows,
    )
    decided |= {"name": "of what is decided", "showlegend": True}
    ideal |= {"name": "of all, if every answer helps", "showlegend": True}
    ideal["line"] = {"color": "mid", "width": 2, "dash": "dot"}
    today = {
        "type": "scatter",
        "mode": "markers",
        "x": asked[:1],
        "y": right[:1],
        "marker": {"color": "accent", "size": 10},
        "name": "today",
        "hovertemplate": "today: %{x:.0%} asked, %{y:.1%} right<extra></extra>",
    }
    layout = axes("of all queries, asked about", "right")
    layout["xaxis"]["range"] = [0, 1]
    lowest = min(right, default=1.0)
    layout["yaxis"]["range"] = [max(0.0, lowest - 0.05), 1.01]
    return Chart([ideal, decided, today], layout)


def reliability(metrics: "Metrics") -> Chart:
    """Stated confidence against how often it came true, in ten bins."""
    bins = [one for one in metrics.reliability if one.accepted.value is not None]
    heights = [one.accepted.value or 0.0 for one in bins]
    dots = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [one.confidence for one in bins],
        "y": heights,
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [_reach(one.accepted, up=True) for one in bins],
            "arrayminus": [_reach(one.accepted, up=False) for one in bins],
            "color": "mid",
            "thickness": 1,
            "width": 3,
        },
        "marker": {"color": "accent", "size": 8},
        "line": {"color": "accent", "width": 2},
        "customdata": [one.accepted.n for one in bins],
        "hovertemplate": "stated %{x:.0%}, came true %{y:.0%}<br>"
        "%{customdata} decisions<extra></extra>",
        "name": "this run",
    }
    diagonal = {
        "type": "scatter",
        "mode": "lines",
        "x": [0, 1],
        "y": [0, 1],
        "line": {"color": "mid", "width": 1, "dash": "dot"},
        "hoverinfo": "skip",
        "name": "ideal",
    }
    layout = axes("stated confidence", "came true")
    layout["yaxis"]["range"] = [0, 1.03]
    layout["xaxis"]["range"] = [0, 1.03]
    return Chart([diagonal, dots], layout)


def _reach(figure: Figure, *, up: bool) -> float:
    """How far an end of the interval lies from the value."""
    if figure.value is None or figure.low is None or figure.high is None:
        return 0.0
    return round(figure.high - figure.value if up else figure.value - figure.low, 4)
