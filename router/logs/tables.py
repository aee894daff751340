"""Tables of text: finds separator and header, and splits lines into rows despite stray quotes."""

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from router.errors import LogError

TEXT_NAMES = ("text", "query", "utterance", "prompt", "message", "input", "request", "sentence")
NO_DELIMITER = ""
_DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
_MAX_PREAMBLE = 20  # lines of a table in which its header is looked for
_MAX_ROW_LINES, _MAX_ROW_CHARACTERS = 200, 500_000  # that a quoted cell can run over
_SUSPICIOUS_LINES = 10
"""A cell with more lines than these, each of which is a row by itself, has a stray quote."""

csv.field_size_limit(1 << 30)


@dataclass(frozen=True)
class Table:
    """How the lines of a table are split.

    :param names: The names of the columns.
    :param delimiter: What separates cells; "": each line is a query.
    :param n_lines_before: The number of lines up to the header, and with it.
    """

    names: tuple[str, ...] = ("text",)
    delimiter: str = NO_DELIMITER
    n_lines_before: int = 0

    @property
    def description(self) -> str:
        """What the lines are taken for."""
        if self.delimiter == NO_DELIMITER:
            return "a list with a query on each line"
        header = f"the header is line {self.n_lines_before}" if self.n_lines_before else "no header"
        if len(self.names) == 1:
            return f"a table of one column ({header})"
        return f"a table separated by {_DELIMITERS.get(self.delimiter, self.delimiter)} ({header})"


def table_of(lines: Sequence[str], suffix: str, text_column: str | None) -> Table:
    """Recognise a table by its first lines, or a list of queries.

    :param lines: The first lines, with their ends.
    :param suffix: The end of the file's name, such as ".csv"; a table if it names one.
    :param text_column: The name of the column of the text; "-": each line is a query.
    :raises LogError: The header names a column twice.
    """
    if text_column == "-":
        return Table()
    delimiters, start = list(_DELIMITERS), 0
    if stated := re.fullmatch(r"\s*sep=(.)\s*", lines[0]) if lines else None:
        delimiters, start = [stated[1]], 1
    if suffix in (".tsv", ".tab"):
        delimiters.sort(key=lambda delimiter: delimiter != "\t")
    is_table = suffix in (".csv", ".tsv", ".tab") or start == 1
    wanted = TEXT_NAMES if text_column is None else (text_column.lower(),)
    for index in range(start, min(len(lines), _MAX_PREAMBLE if is_table else 1)):
        header = _header(lines[index], delimiters, wanted)
        if header is not None and _is_wider(header, lines[start:index]):
            return Table(_checked(header[1]), header[0], index + 1)
    return _table_without_text(lines, start, delimiters, is_table)


def _table_without_text(
    lines: Sequence[str], start: int, delimiters: Sequence[str], is_table: bool
) -> Table:
    """Recognise a table whose header names no text, or a list of queries."""
    rows = [line for line in lines[start:] if line.strip()]
    delimiter = _consistent(rows, delimiters, is_table)
    if delimiter is not None:
        return Table(_checked(_cells(rows[0], delimiter)), delimiter, lines.index(rows[0]) + 1)
    if not is_table:
        return Table()
    if rows and re.fullmatch(r"\w[\w.-]*", rows[0].strip().strip('"')):
        return Table(_checked(_cells(rows[0], delimiters[0])), delimiters[0], 1)
    return Table(delimiter=delimiters[0], n_lines_before=start)


def join_rows(
    lines: Iterator[tuple[int, str]], table: Table
) -> Iterator[tuple[int, str, Sequence[str] | str]]:
    """Split lines into rows, where a quoted cell may run over several lines.

    A line whose quotes can't be matched is given alone, and reading goes on with the next line.

    :param lines: Each line with its number.
    :return: The number of the first line, the text, and the cells, or else what is wrong.
    """
    waiting: deque[tuple[int, str]] = deque()
    while waiting or (waiting := deque(islice(lines, 1))):
        n_lines, row = _next_row(waiting, lines, table)
        taken = [waiting.popleft() for _ in range(n_lines)]
        yield taken[0][0], "".join(text for _, text in taken), row


def _next_row(
    waiting: deque[tuple[int, str]], lines: Iterator[tuple[int, str]], table: Table
) -> tuple[int, Sequence[str] | str]:
    """Find the row that starts the waiting lines; others are fetched as a quoted cell needs them.

    :return: The number of lines of the row, and its cells or what is wrong.
    """
    first = waiting[0][1]
    if table.delimiter == NO_DELIMITER or not first.strip():
        return 1, [first.strip("\r\n")]
    texts: list[str] = []

    def feed() -> Iterator[str]:
        while len(texts) < _MAX_ROW_LINES and sum(map(len, texts)) < _MAX_ROW_CHARACTERS:
            if len(texts) == len(waiting):
                waiting.extend(islice(lines, 1))
            if len(texts) == len(waiting):
                return
            texts.append(waiting[len(texts)][1])
            yield texts[-1]

    try:
        row = next(csv.reader(feed(), delimiter=table.delimiter, strict=True), [])
    except csv.Error as error:
        return 1, f"not CSV: {error}"
    fitted = _fitted(row, first, table)
    if len(texts) > 1 and (isinstance(fitted, str) or _is_stray(texts, table)):
        return 1, "not CSV: a quote is not closed"
    return len(texts), fitted


def _is_stray(texts: Sequence[str], table: Table) -> bool:
    """Whether the lines of a cell are rows by themselves, so that a stray quote joined them."""
    if len(texts) <= _SUSPICIOUS_LINES or len(table.names) == 1:
        return False
    return all(len(_cells(text, table.delimiter)) == len(table.names) for text in texts[1:])


def _fitted(row: list[str], line: str, table: Table) -> Sequence[str] | str:
    """Give a row as many cells as the table has columns, or say how many there are."""
    n = len(table.names)
    if n == 1 and len(row) > 1 and not line.lstrip().startswith('"'):
        return [line.strip("\r\n")]  # a list of queries, whose commas separate nothing
    if len(row) > n and not any(map(str.strip, row[n:])):
        return row[:n]
    if len(row) != n:
        return f"a line has {n} fields as the header does, this one {len(row)}"
    return row


def _cells(line: str, delimiter: str) -> list[str]:
    """Split a line by itself."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _header(
    line: str, delimiters: Sequence[str], wanted: Sequence[str]
) -> tuple[str, list[str]] | None:
    """Give delimiter and names of a header, which names the text; None if the line is none."""
    candidates = [(delimiter, _cells(line, delimiter)) for delimiter in delimiters]
    candidates = [
        (delimiter, cells)
        for delimiter, cells in candidates
        if any(cell.strip().lower() in wanted for cell in cells)
    ]
    return max(candidates, key=lambda candidate: len(candidate[1]), default=None)


def _is_wider(header: tuple[str, list[str]], preamble: Sequence[str]) -> bool:
    """Whether a header has more cells than each line before it, which are no rows then."""
    delimiter, names = header
    return all(
        sum(cell.strip() != "" for cell in _cells(line, delimiter)) < len(names)
        for line in preamble
    )


def _consistent(rows: Sequence[str], delimiters: Sequence[str], is_table: bool) -> str | None:
    """Give the delimiter that splits the first rows into equally many cells, at least two."""
    best, most = None, 1
    for delimiter in delimiters:
        widths = [len(_cells(row, delimiter)) for row in rows[:_MAX_PREAMBLE]]
        alike = sum(width == widths[0] for width in widths[1:]) if widths else 0
        enough = alike >= 0.5 * len(widths[1:]) if is_table else alike == len(widths) - 1 >= 1
        if not is_table and delimiter == ",":  # an ordinary sentence has commas too
            enough = enough and len(widths) > 2
        if widths and widths[0] > most and enough:
            best, most = delimiter, widths[0]
    return best


def _checked(cells: Sequence[str]) -> tuple[str, ...]:
    """Name the columns; one without a name is named by its place."""
    names = [cell.strip() or f"column {number}" for number, cell in enumerate(cells, start=1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LogError(f"a header names each column once; twice: {', '.join(twice)}")
    return tuple(names)
