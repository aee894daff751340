"""Queries in two dimensions."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from itertools import groupby
from textwrap import wrap

from router.report.charts.chart import ACTIONS, Chart

OUTCOMES = {"right": "Right", "asked": "Asked without need", "wrong": "Silently wrong"}

_MARKS = {
    "right": ("quiet", "circle"),
    "asked": ("accent-soft", "diamond"),
    "wrong": ("accent", "x"),
    "route": ("quiet", "circle"),
    "clarify": ("accent-soft", "diamond"),
    "redirect": ("mid", "square"),
    "none": ("deep", "x"),
}


@dataclass(frozen=True)
class Point:
    """A query on the map. `outcome`: "right", "asked" or "wrong"; without a label, its action."""

    x: float
    y: float
    text: str
    outcome: str
    decided: str


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
