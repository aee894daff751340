"""Counting a chunk: equal pairs of decision and label are judged once."""

from collections import Counter as Count
from collections.abc import Callable, Sequence

import numpy as np

from router.evaluation.decided import Verdict
from router.evaluation.run_parts import Query
from router.evaluation.run_rows import Rows
from router.evaluation.tally import UNIT, Counter, Tally
from router.logs.reader import LogLine

SHOWN = 300  # characters of a text in a list of queries


def counted(counter: Counter, lines: Sequence[LogLine], verdict: Verdict) -> tuple[Rows, Tally]:
    """Judge a chunk's decisions by its labels, and count them."""
    tally = Tally()
    accepted: list[bool | None] = [None] * len(lines)
    golds = list(dict.fromkeys(line.gold for line in lines))
    place = {gold: i for i, gold in enumerate(golds)}
    labels = np.array([place[line.gold] for line in lines], dtype=np.int64)
    pairs = verdict.codes * len(golds) + labels
    order = pairs.argsort(kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(pairs[order])) + 1) if len(lines) else ():
        outcome, gold = verdict.outcomes[verdict.codes[rows[0]]], golds[labels[rows[0]]]
        times = (lines[row].time for row in rows)
        days = Count(time.date().isoformat() for time in times if time is not None)
        confidences = Count(verdict.confidences[rows].tolist())
        counter.add(tally, outcome, gold, len(rows), days, confidences)
        if gold is not None and counter.accepts(gold, outcome):
            for row in rows:
                accepted[row] = True
        elif gold is not None:
            for row in rows:
                accepted[row] = False
    return Rows(lines, verdict, accepted), tally


def least_certain(rows: Rows, size: int) -> list[Query]:
    """List the decisions of lowest confidence, questions left out."""
    decided = [row for row in range(len(rows.lines)) if rows.outcome(row).action != "clarify"]
    return _first(rows, decided, size, lambda row: rows.verdict.confidences[row])


def mistakes(rows: Rows, size: int) -> list[Query]:
    """List the wrong decisions that are no question, the most confident first."""
    wrong = [
        row
        for row, accepted in enumerate(rows.accepted)
        if accepted is False and rows.outcome(row).action != "clarify"
    ]
    return _first(rows, wrong, size, lambda row: -rows.verdict.confidences[row])


def merged(lists: Sequence[list[Query]], size: int, sign: int) -> tuple[Query, ...]:
    """Merge lists of different chunks; `sign` is 1 for rising confidence, -1 for falling."""
    ranked = sorted(
        (query for one in lists for query in one),
        key=lambda query: (sign * query.confidence, query.line),
    )
    first: dict[str, Query] = {}
    for query in ranked:
        first.setdefault(query.text, query)
    return tuple(first.values())[:size]


def _first(rows: Rows, places: Sequence[int], size: int, rank: Callable[[int], int]) -> list[Query]:
    """List the first queries by rank, each text once."""
    first: dict[str, int] = {}
    for row in sorted(places, key=lambda row: (rank(row), row)):
        first.setdefault(rows.lines[row].text, row)
        if len(first) == size:
            break
    return [query_of(rows, row) for row in first.values()]


def query_of(rows: Rows, row: int) -> Query:
    """Show one row."""
    line, outcome = rows.lines[row], rows.outcome(row)
    return Query(
        line=line.line,
        text=line.text[:SHOWN],
        action=outcome.action,
        skills=outcome.skills,
        packs=outcome.packs,
        question=outcome.question,
        confidence=int(rows.verdict.confidences[row]) / UNIT,
        gold=line.gold,
    )
