"""Queries in two dimensions."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from itertools import groupby
from textwrap import wrap

from router.report.charts.chart import ACTION_TITLES, Chart

JUDGEMENT_TITLES = {"right": "Right", "asked": "Asked needlessly", "wrong": "Silently wrong"}

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
    """A query on the map.

    `judgement` is "right", "asked" or "wrong", or the action if there is no label; `decided` says
    in words what was decided.
    """

    x: float
    y: float
    text: str
    judgement: str
    decided: str


def query_map(points: Iterable[Point]) -> Chart:
    """Plot queries in two dimensions, similar ones close together, marked by their judgement."""
    order = list(_MARKS)
    ranked = sorted(points, key=lambda point: order.index(point.judgement))
    data = []
    for judgement, group in groupby(ranked, key=lambda point: point.judgement):
        members = list(group)
        color, symbol = _MARKS[judgement]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": (JUDGEMENT_TITLES | ACTION_TITLES)[judgement],
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
    """Escape what a user wrote, because Plotly reads a few HTML tags in its texts."""
    lines = [escape(line, quote=False) for line in wrap(point.text[:240], 56)]
    return "<br>".join([*lines, f"<b>{escape(point.decided, quote=False)}</b>"])
