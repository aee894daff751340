"""A plot as plain data, and what all plots have in common.

Colours are names such as "accent": the page replaces them by those of the reader's light or dark
theme, and `Chart.figure` by those of the light theme.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

PALETTES = {
    "light": {
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
    },
    "dark": {
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
    },
}
ACTION_TITLES = {
    "route": "Routed",
    "clarify": "Asked",
    "redirect": "Redirected",
    "none": "Refused",
}


@dataclass(frozen=True)
class Chart:
    """A plot as Plotly's own plain data."""

    data: list[dict[str, Any]]
    layout: dict[str, Any]

    def figure(self) -> "go.Figure":
        """Give a figure for a notebook. Needs the package plotly."""
        import plotly.graph_objects as go

        data, layout = _painted([self.data, self.layout], PALETTES["light"])
        return go.Figure(data, {"template": "plotly_white", "width": 640, "height": 420, **layout})


def _painted(value: Any, palette: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
    """Replace the names of colours wherever a key speaks of a colour."""
    if isinstance(value, list):
        return [_painted(item, palette) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: palette.get(item, item)
        if "color" in key and isinstance(item, str)
        else _painted(item, palette)
        for key, item in value.items()
    }


def line_trace(
    x: Sequence[Any], y: Sequence[float], hover: str, **settings: object
) -> dict[str, Any]:
    """Draw a line through points; `hover` is Plotly's template of the text on hovering."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(x),
        "y": list(y),
        "line": {"color": "accent", "width": 2},
        "hovertemplate": hover,
        **settings,
    }


def share_axes(x: str, y: str, **ranges: Sequence[float]) -> dict[str, Any]:
    """Lay out two axes of shares with these titles.

    :param ranges: The range of "xaxis" or "yaxis", which else follows from the data.
    """
    return {
        name: {"title": {"text": title}, "tickformat": ".0%", "rangemode": "tozero"}
        | ({"range": list(ranges[name])} if name in ranges else {})
        for name, title in (("xaxis", x), ("yaxis", y))
    }
