"""How the report gathers days and writes shares."""

import msgspec
import pytest
from lines import decided

from router.errors import LogError
from router.evaluation.counts import Day
from router.evaluation.decisions_file import RunFolder
from router.report.charts.spans import span_unit, spans_of
from router.report.wording import compact, interval, percent
from router.statistics.figure import Figure


def test_days_are_gathered_by_monday_and_by_month():
    days = {
        f"2026-{month:02d}-{day:02d}": Day(lines=2, labelled=1, accepted=1, skills={"a": 1})
        for month in range(1, 13)
        for day in (5, 6, 19, 20)
    }
    assert span_unit(days) == "week"
    weeks = spans_of(days)
    assert list(weeks)[0] == "2026-01-05"  # a Monday, and the Tuesday with it
    assert (weeks["2026-01-05"].lines, weeks["2026-01-05"].skills) == (4, {"a": 2})
    years = {
        name.replace("2026", str(year)): day
        for year in (2024, 2025, 2026)
        for name, day in days.items()
    }
    assert span_unit(years) == "month"
    assert spans_of(years)["2025-03-01"].labelled == 4


def test_few_days_are_columns_and_many_are_gathered():
    days = {f"2026-09-{day:02d}": Day(lines=99) for day in range(1, 31)}
    assert (span_unit(days), len(spans_of(days))) == ("day", 30)
    assert (span_unit(days, 14), len(spans_of(days, 14))) == ("week", 5)


def test_counts_and_intervals_are_written_for_the_room_they_have():
    told = [compact(n) for n in (7, 9_999, 10_875, 999_499, 1_250_000)]
    assert told == ["7", "9,999", "11k", "999k", "1.2M"]
    assert interval(Figure.of_share(848, 1_000)) == "82% to 87%, n\u00a0=\u00a01,000"
    assert interval(Figure.of_share(82_000, 100_000)) == "81.8% to 82.2%, n\u00a0=\u00a0100,000"


def test_a_broken_decision_is_named(tmp_path):
    line = msgspec.json.encode(decided(1, "a", "none"))
    (tmp_path / "decisions.jsonl").write_bytes(line + b'\n{"li')
    rows = RunFolder.open(tmp_path).decisions()
    assert next(rows).text == "a"
    with pytest.raises(LogError, match=r"decisions.jsonl:2: not a decision"):
        next(rows)


def test_shares_read_like_a_person_writes_them():
    told = [percent(share) for share in (0.854, 0.0996, 0.034, 0.0, 1.0, None)]
    assert told == ["85%", "10%", "3.4%", "0%", "100%", "–"]
