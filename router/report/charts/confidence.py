"""How reliable the confidence is, and what asking more often would bring."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from router.report.charts.chart import Chart, line_trace, share_axes

if TYPE_CHECKING:
    from router.evaluation.metrics import Metrics


def risk_coverage(metrics: "Metrics") -> Chart:
    """Plot the share of wrong decisions if only the most confident ones are taken."""
    points = metrics.risk_coverage
    line = line_trace(
        [point.coverage for point in points],
        [point.risk for point in points],
        "the most confident %{x:.0%} of the queries: %{y:.1%} wrong<br>"
        "(confidence of at least %{customdata:.2f})<extra></extra>",
        customdata=[point.confidence for point in points],
    )
    highest = max(0.05, *(1.05 * point.risk for point in points), 0.0)
    x, y = "most confident share of the queries", "wrong"
    layout = share_axes(x, y, xaxis=(0, 1), yaxis=(0, highest))
    return Chart([line | {"name": "wrong"}], layout)


def ask_rate(metrics: "Metrics") -> Chart:
    """Plot the share of right decisions if more of the unsure queries are asked about."""
    points = [point for point in metrics.ask_rate if point.accuracy is not None]
    hover = "%{x:.0%} asked about: %{y:.1%} right<br>(confidence below %{customdata:.2f})"
    confidence = [point.confidence for point in points]
    asked = [point.asked for point in points]
    right = [point.accuracy for point in points if point.accuracy is not None]

    def named_line(values: Sequence[float], name: str) -> dict[str, Any]:
        line = line_trace(asked, values, f"{hover}<extra>{name}</extra>", customdata=confidence)
        return line | {"name": name, "showlegend": True}

    decided = named_line(right, "of the decided queries")
    with_answers = [point.with_answers for point in points]
    ideal = named_line(with_answers, "of all queries, if every answer helps")
    ideal["line"] = {"color": "mid", "width": 2, "dash": "dot"}
    today = {
        "type": "scatter",
        "mode": "markers",
        "x": asked[:1],
        "y": right[:1],
        "marker": {"color": "accent", "size": 10},
        "name": "present setting",
        "hovertemplate": "present setting: %{x:.0%} asked about, %{y:.1%} right<extra></extra>",
    }
    lowest = max(0.0, min(right, default=1.0) - 0.05)
    layout = share_axes(
        "share of the queries asked about", "right", xaxis=(0, 1), yaxis=(lowest, 1.01)
    )
    return Chart([ideal, decided, today], layout)


def reliability(metrics: "Metrics") -> Chart:
    """Plot the share of acceptable decisions against the stated confidence, in ten bins."""
    bins = [group for group in metrics.reliability if group.accepted.n]
    accepted = [group.accepted.measured for group in bins]
    dots = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [group.confidence for group in bins],
        "y": [value for value, _, _ in accepted],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [round(high - value, 4) for value, _, high in accepted],
            "arrayminus": [round(value - low, 4) for value, low, _ in accepted],
            "color": "mid",
            "thickness": 1,
            "width": 3,
        },
        "marker": {"color": "accent", "size": 8},
        "line": {"color": "accent", "width": 2},
        "customdata": [group.accepted.n for group in bins],
        "hovertemplate": "confidence %{x:.0%}, right %{y:.0%}<br>"
        "%{customdata} decisions<extra></extra>",
        "name": "this run",
    }
    diagonal = line_trace([0, 1], [0, 1], "")
    diagonal |= {"line": {"color": "mid", "width": 1, "dash": "dot"}}
    diagonal |= {"hoverinfo": "skip", "name": "ideal"}
    layout = share_axes("confidence", "right", xaxis=(0, 1.03), yaxis=(0, 1.03))
    return Chart([diagonal, dots], layout)
