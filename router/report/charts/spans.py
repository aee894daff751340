"""Days gathered into weeks or months, where days say little."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta

from router.evaluation.counts import Day

MOST_BARS = 45  # of days, or of weeks; more are gathered into weeks, or months
FEWEST_LINES = 30  # of a day, on average; with fewer, days say little and weeks more


def span_unit(days: Mapping[str, Day], most: int = MOST_BARS) -> str:
    """Tell what a plot over time gathers into one: "day", "week" or "month".

    :param most: Days, or weeks, that there is room for.
    """
    lines = sum(day.lines for day in days.values())
    if len(days) <= 14 or (len(days) <= most and lines >= FEWEST_LINES * len(days)):
        return "day"
    weeks = {date.fromisoformat(name).isocalendar()[:2] for name in days}
    return "week" if len(weeks) <= most else "month"


def spans_of(days: Mapping[str, Day], most: int = MOST_BARS) -> dict[str, Day]:
    """Days as they are, or gathered into weeks that begin on Monday, or into months."""
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
