"""Read single values of a log: what counts as empty, and times."""

import re
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime

_MIN_SECONDS, _MAX_SECONDS = 1e8, 1e11  # a larger number since 1970 counts ms, us or ns


_NUMBER = re.compile(r"-?\d{9,}(\.\d+)?")  # 20260901 is a date


def is_empty_value(value: object) -> bool:
    """Whether a cell is empty; tables hold NaN in an empty cell."""
    return value is None or value == "" or value != value


def read_time(value: object) -> datetime | None:
    """Read a time: ISO 8601, or a count of s, ms, us or ns since 1970; UTC if it names no zone.

    :raises ValueError: It is none of these, or it is not between 1970 and 2200.
    """
    if is_empty_value(value) or (isinstance(value, str) and not value.strip()):
        return None
    try:
        time = _as_time(value)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError, OSError, TypeError) as error:
        raise ValueError(
            f"a time is ISO 8601 or a count of seconds since 1970, was: {value!r:.80}"
        ) from error
    if not 1970 <= time.year <= 2200:
        raise ValueError(f"a time is from 1970 to 2200, was: {value!s:.80}")
    return time


def _as_time(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, int) and 19_700_101 <= value <= 22_001_231:  # a date without its dashes
        value = str(value)
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        text = re.sub(r"\s*(UTC|GMT)$", "Z", value.strip())
        return parsedate_to_datetime(value) if "," in text else datetime.fromisoformat(text)
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        raise ValueError
    count = float(value)
    for _ in range(3):  # more than seconds can be, so these are ms, us or ns
        count = count / 1_000 if abs(count) > _MAX_SECONDS else count
    if abs(count) < _MIN_SECONDS:  # a duration, or a number of something else
        raise ValueError
    return datetime.fromtimestamp(count, UTC)
