"""Outcomes, acceptance and skills by day, week or month."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from router.report.charts.chart import ACTIONS, Chart, axes, line_of
from router.report.charts.spans import spans_of
from router.statistics.figure import Figure

if TYPE_CHECKING:
    from router.evaluation.metrics import Metrics

_TONES = {"route": "quiet", "clarify": "accent-soft", "redirect": "mid", "none": "deep"}


def shares_over_time(metrics: "Metrics") -> Chart:
    """Outcomes by day, or by week where there are many days; with labels, the share accepted."""
    spans = spans_of(metrics.days)
    names = list(spans)
    bars = [
        {
            "type": "bar",
            "name": title,
            "x": names,
            "y": [span.actions.get(action, 0) / span.lines for span in spans.values()],
            "customdata": [span.actions.get(action, 0) for span in spans.values()],
            "marker": {"color": _TONES[action], "line": {"color": "paper", "width": 0.5}},
            "hovertemplate": f"%{{x}}: {title.lower()} %{{customdata}} (%{{y:.0%}})<extra></extra>",
        }
        for action, title in ACTIONS.items()
        if action in metrics.shares.actions
    ]
    layout = axes("", "of the queries")
    layout["xaxis"] = _time_axis(names)
    layout |= {"barmode": "stack", "bargap": 0.12}
    layout["yaxis"]["range"] = [0, 1]
    return Chart(bars, layout)


def accepted_over_time(metrics: "Metrics") -> Chart:
    """The share accepted by day or week, with its interval."""
    spans = {day: span for day, span in spans_of(metrics.days).items() if span.labelled}
    figures = [Figure.of_share(span.accepted, span.labelled).rounded() for span in spans.values()]
    days = list(spans)
    ends = [figure.high for figure in figures] + [figure.low for figure in reversed(figures)]
    band = {
        "type": "scatter",
        "x": days + days[::-1],
        "y": ends,
        "mode": "lines",
        "fill": "toself",
        "fillcolor": "band",
        "line": {"width": 0},
        "hoverinfo": "skip",
        "name": "95% interval",
    }
    line = line_of(
        days,
        [figure.value or 0.0 for figure in figures],
        "%{x}: %{y:.0%} of %{customdata} accepted<extra></extra>",
        customdata=[figure.n for figure in figures],
    )
    line |= {"mode": "lines+markers", "marker": {"color": "accent", "size": 7}}
    layout = axes("", "accepted")
    layout["xaxis"] = _time_axis(days)
    layout["yaxis"]["range"] = [0, 1.02]
    return Chart([band, line | {"name": "accepted"}], layout)


def skills_over_time(metrics: "Metrics") -> Chart:
    """Share of the queries that each skill is given, by day, week or month."""
    spans, names = spans_of(metrics.days), list(metrics.shares.skills)
    heat = {
        "type": "heatmap",
        "x": list(spans),
        "y": names,
        "z": [[span.skills.get(name, 0) / span.lines for span in spans.values()] for name in names],
        "colorscale": "Oranges",
        "hovertemplate": "%{y}, %{x}: %{z:.0%} of the queries<extra></extra>",
    }
    yaxis = {"autorange": "reversed", "automargin": True}
    return Chart([heat], {"xaxis": _time_axis(list(spans)), "yaxis": yaxis, "width": 760})


def _time_axis(names: Sequence[str]) -> dict[str, Any]:
    """Name the spans that there are; dates between them would be dates of nothing."""
    years = {name[:4] for name in names}
    every = max(1, -(-len(names) // 8))
    return {
        "type": "date",
        "showgrid": False,
        "tickformat": "%b %-d" if len(years) == 1 else "%b %-d<br>%Y",
        "tickvals": list(names[::every]),
    }
