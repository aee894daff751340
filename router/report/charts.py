"""One function for each plot: figures in, a Plotly figure as plain data out.

Colours are names ("accent"), not values: the page fills in those of the reader's light or dark
theme, `Chart.figure` those of the light one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from router.evaluation.figures import Figure
from router.evaluation.tally import Day

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from router.evaluation.metrics import Metrics

LIGHT = {
    "paper": "#ffffff",
    "panel": "#f6f6f4",
    "ink": "#1d1d1b",
    "soft": "#62625d",
    "line": "#dcdcd7",
    "quiet": "#b4b4ad",
    "mid": "#85857e",
    "deep": "#4b4b46",
    "accent": "#bf3b0b",
    "accent-soft": "#eda27f",
    "band": "rgba(29, 29, 27, 0.10)",
}
DARK = {
    "paper": "#161615",
    "panel": "#20201e",
    "ink": "#ecece8",
    "soft": "#a3a39c",
    "line": "#3a3a37",
    "quiet": "#6b6b66",
    "mid": "#8b8b84",
    "deep": "#c6c6bf",
    "accent": "#ff8a5c",
    "accent-soft": "#9c4f2e",
    "band": "rgba(236, 236, 232, 0.13)",
}
ACTIONS = {"route": "Routed", "clarify": "Asked", "redirect": "Redirected", "none": "Refused"}
OUTCOMES = {"right": "Right", "asked": "Asked without need", "wrong": "Silently wrong"}

_TONES = {"route": "quiet", "clarify": "accent-soft", "redirect": "mid", "none": "deep"}
_MARKS = {
    "right": ("quiet", "circle"),
    "asked": ("accent-soft", "diamond"),
    "wrong": ("accent", "x"),
    "route": ("quiet", "circle"),
    "clarify": ("accent-soft", "diamond"),
    "redirect": ("mid", "square"),
    "none": ("deep", "x"),
}
MOST_BARS = 45  # of days, or of weeks; more are gathered into weeks, or months
FEWEST_LINES = 30  # of a day, on average; with fewer, days say little and weeks more


@dataclass(frozen=True)
class Chart:
    """A plot as Plotly's own plain data."""

    data: list[dict[str, Any]]
    layout: dict[str, Any]

    def figure(self) -> "go.Figure":
        """Give a figure for a notebook. Needs the package plotly."""
        import plotly.graph_objects as go

        data, layout = _painted([self.data, self.layout], LIGHT)
        return go.Figure(data, {"template": "plotly_white", "width": 640, "height": 420, **layout})


@dataclass(frozen=True)
class Point:
    """A query on the map. `outcome`: "right", "asked" or "wrong"; without a label, its action."""

    x: float
    y: float
    text: str
    outcome: str
    decided: str


def _painted(value: Any, palette: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
    """Put colours for their names, wherever a key says that a colour stands there."""
    if isinstance(value, list):
        return [_painted(one, palette) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: palette.get(one, one)
        if "color" in key and isinstance(one, str)
        else _painted(one, palette)
        for key, one in value.items()
    }


def confusion(metrics: "Metrics") -> Chart:
    """What was wanted against what was given, as counts."""
    labels = metrics.confusion.labels
    counts = {(cell.wanted, cell.given): cell.count for cell in metrics.confusion.cells}
    grid = [[counts.get((wanted, given), 0) for given in labels] for wanted in labels]
    names = [label.partition(":")[2] or label for label in labels]
    heat = {
        "type": "heatmap",
        "x": names,
        "y": names,
        "z": grid,
        "colorscale": "Oranges",
        "hovertemplate": "wanted %{y}<br>given %{x}<br>%{z} queries<extra></extra>",
    }
    axes = {"xaxis": {"title": {"text": "given"}}, "yaxis": {"title": {"text": "wanted"}}}
    axes["yaxis"]["autorange"] = "reversed"  # type: ignore[assignment]
    return Chart([heat], axes | {"height": 640, "width": 760})


def risk_coverage(metrics: "Metrics") -> Chart:
    """How much is wrong if only the surest decisions are taken."""
    points = metrics.risk_coverage
    line = _line(
        [point.coverage for point in points],
        [point.risk for point in points],
        "take the surest %{x:.0%}: %{y:.1%} of them wrong<br>"
        "(confidence from %{customdata:.2f} on)<extra></extra>",
        customdata=[point.confidence for point in points],
    )
    layout = _axes("of all queries, the surest", "of these, wrong")
    layout["xaxis"]["range"] = [0, 1]
    return Chart([line | {"name": "wrong"}], layout)


def ask_rate(metrics: "Metrics") -> Chart:
    """How much is right of what is decided, if more of the unsure queries are asked about."""
    points = [point for point in metrics.ask_rate if point.accuracy is not None]
    template = "ask about %{x:.0%}: %{y:.1%} right<br>(all below confidence %{customdata:.2f})"
    rows = {"customdata": [point.confidence for point in points]}
    asked = [point.asked for point in points]
    right = [point.accuracy for point in points if point.accuracy is not None]
    decided = _line(asked, right, template + "<extra>of what is decided</extra>", **rows)
    ideal = _line(
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
    layout = _axes("of all queries, asked about", "right")
    layout["xaxis"]["range"] = [0, 1]
    layout["yaxis"]["rangemode"] = "normal"
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
    layout = _axes("stated confidence", "came true")
    layout["yaxis"]["range"] = [0, 1.03]
    layout["xaxis"]["range"] = [0, 1.03]
    return Chart([diagonal, dots], layout)


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
    layout = _axes("", "of the queries")
    layout["xaxis"] = _time_axis(names)
    layout |= {"barmode": "stack", "bargap": 0.12}
    layout["yaxis"]["range"] = [0, 1]
    return Chart(bars, layout)


def accepted_over_time(metrics: "Metrics") -> Chart:
    """The share accepted by day or week, with its interval."""
    spans = {day: span for day, span in spans_of(metrics.days).items() if span.labelled}
    figures = [Figure.of(span.accepted, span.labelled) for span in spans.values()]
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
    line = _line(
        days,
        [figure.value or 0.0 for figure in figures],
        "%{x}: %{y:.0%} of %{customdata} accepted<extra></extra>",
        customdata=[figure.n for figure in figures],
    )
    line |= {"mode": "lines+markers", "marker": {"color": "accent", "size": 7}}
    layout = _axes("", "accepted")
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


def query_map(points: Iterable[Point]) -> Chart:
    """Queries in two dimensions, near ones near, each marked by its outcome."""
    order = list(_MARKS)
    ranked = sorted(points, key=lambda point: order.index(point.outcome))
    data = []
    for outcome, group in groupby(ranked, key=lambda point: point.outcome):
        members = list(group)
        color, symbol = _MARKS[outcome]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": (OUTCOMES | ACTIONS)[outcome],
                "x": [round(point.x, 2) for point in members],
                "y": [round(point.y, 2) for point in members],
                "text": [_hover(point) for point in members],
                "marker": {"color": color, "symbol": symbol, "size": 7, "opacity": 0.85},
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    bare = {"showgrid": False, "zeroline": False, "showticklabels": False, "showline": False}
    return Chart(data, {"xaxis": bare, "yaxis": bare, "hovermode": "closest"})


def _hover(point: Point) -> str:
    """Plotly reads a few tags in its texts: what a user wrote must stay text."""
    lines = [escape(line, quote=False) for line in wrap(point.text[:240], 56)]
    return "<br>".join([*lines, f"<b>{escape(point.decided, quote=False)}</b>"])


def _line(x: Sequence[Any], y: Sequence[float], template: str, **more: object) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(x),
        "y": list(y),
        "line": {"color": "accent", "width": 2},
        "hovertemplate": template,
        **more,
    }


def _axes(x: str, y: str) -> dict[str, Any]:
    return {
        "xaxis": {"title": {"text": x}, "tickformat": ".0%", "rangemode": "tozero"},
        "yaxis": {"title": {"text": y}, "tickformat": ".0%", "rangemode": "tozero"},
    }


def _reach(figure: Figure, *, up: bool) -> float:
    """How far an end of the interval lies from the value."""
    if figure.value is None or figure.low is None or figure.high is None:
        return 0.0
    return round(figure.high - figure.value if up else figure.value - figure.low, 4)


def _time_axis(names: Sequence[str]) -> dict[str, Any]:
    """Name the spans that there are; dates between them would be dates of nothing."""
    years = {name[:4] for name in names}
    every = -(-len(names) // 8)
    return {
        "type": "date",
        "showgrid": False,
        "tickformat": "%b %-d" if len(years) == 1 else "%b %-d<br>%Y",
        "tickvals": list(names[::every]),
    }


def span_unit(days: Mapping[str, Day]) -> str:
    """Tell what a plot over time gathers into one: "day", "week" or "month"."""
    lines = sum(day.lines for day in days.values())
    if len(days) <= 14 or (len(days) <= MOST_BARS and lines >= FEWEST_LINES * len(days)):
        return "day"
    weeks = {date.fromisoformat(name).isocalendar()[:2] for name in days}
    return "week" if len(weeks) <= MOST_BARS else "month"


def spans_of(days: Mapping[str, Day]) -> dict[str, Day]:
    """Days as they are, or gathered into weeks that begin on Monday, or into months."""
    unit = span_unit(days)
    spans: dict[str, Day] = {}
    for name, day in days.items():
        start = date.fromisoformat(name)
        if unit == "week":
            start -= timedelta(start.weekday())
        elif unit == "month":
            start = start.replace(day=1)
        span = spans.setdefault(start.isoformat(), Day())
        span.lines += day.lines
        span.labelled += day.labelled
        span.accepted += day.accepted
        span.actions = dict(Counter(span.actions) + Counter(day.actions))
        span.skills = dict(Counter(span.skills) + Counter(day.skills))
    return spans
