"""Outcomes, and the share accepted, by day, week or month."""

from typing import TYPE_CHECKING

from router.report.charts.chart import ACTION_TITLES, Chart, line_trace, share_axes
from router.report.charts.spans import spans_of, time_axis
from router.statistics.figure import Figure

if TYPE_CHECKING:
    from router.evaluation.metrics import Metrics

_TONES = {"route": "quiet", "clarify": "accent-soft", "redirect": "mid", "none": "deep"}


def shares_over_time(metrics: "Metrics") -> Chart:
    """Plot the share of each outcome by day, week or month."""
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
        for action, title in ACTION_TITLES.items()
        if action in metrics.shares.actions
    ]
    layout = share_axes("", "of the queries", yaxis=(0, 1)) | {"xaxis": time_axis(names)}
    return Chart(bars, layout | {"barmode": "stack", "bargap": 0.12})


def accepted_over_time(metrics: "Metrics") -> Chart:
    """Plot the share accepted by day, week or month, with its interval."""
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
    line = line_trace(
        days,
        [figure.value or 0.0 for figure in figures],
        "%{x}: %{y:.0%} of %{customdata} accepted<extra></extra>",
        customdata=[figure.n for figure in figures],
    )
    line |= {"mode": "lines+markers", "marker": {"color": "accent", "size": 7}}
    layout = share_axes("", "accepted", yaxis=(0, 1.02)) | {"xaxis": time_axis(days)}
    return Chart([band, line | {"name": "accepted"}], layout)
