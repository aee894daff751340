"""Spans of time: days as they are, or weeks or months where days say little."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from router.evaluation.counts import Day

MAX_SPANS = 45
"""Days, or weeks, that a plot has room for."""

_MAX_FEW_DAYS = 14
_MIN_LINES_A_DAY = 30
"""The mean number of queries a day from which on more than a few days are shown one by one."""


def span_unit(days: Mapping[str, Day], most: int = MAX_SPANS) -> str:
    """Choose the unit of a plot over time: "day", "week" or "month".

    :param most: The most days, or weeks, that there is room for.
    """
    lines = sum(day.lines for day in days.values())
    enough = len(days) <= most and lines >= _MIN_LINES_A_DAY * len(days)
    if len(days) <= _MAX_FEW_DAYS or enough:
        return "day"
    weeks = {date.fromisoformat(name).isocalendar()[:2] for name in days}
    return "week" if len(weeks) <= most else "month"


def spans_of(days: Mapping[str, Day], most: int = MAX_SPANS) -> dict[str, Day]:
    """Sum the counts of each span, named by its first day; weeks begin on Monday."""
    unit = span_unit(days, most)
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


def time_axis(names: Sequence[str]) -> dict[str, Any]:
    """Lay out an axis with a tick at every span, or at every second, third, ... one."""
    one_year = len({name[:4] for name in names}) == 1
    every = max(1, -(-len(names) // 8))
    return {
        "type": "date",
        "showgrid": False,
        "tickformat": "%b %-d" if one_year else "%b %-d<br>%Y",
        "tickvals": list(names[::every]),
    }
