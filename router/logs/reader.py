"""Reads a log of queries in chunks of lines; a line has a text, and may have label, time and id."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

from router.errors import LogError
from router.logs.formats import LogFile, Record, Rejected
from router.logs.labels import Gold, LabelReader

CHUNK_LINES = 4_096
_CHUNK_CHARACTERS = 32_000_000  # a chunk of very long lines ends sooner
_PEEKED_RECORDS = 100  # the columns of a file are the keys of so many records
_MAX_SECONDS = 1e11  # a larger number since 1970 counts ms, us or ns
_NUMBER = re.compile(r"-?\d{9,}(\.\d+)?")  # 20260901 is a date
_NO_COLUMN = "-"  # the user says so where a log has no such column

_TEXT_NAMES = ("text", "query", "utterance", "prompt", "message", "input", "request", "sentence")
_LABEL_NAMES = ("gold", "label", "skill", "skills", "intent", "expected", "expected_skill")
_TIME_NAMES = ("time", "timestamp", "ts", "datetime", "date", "created_at", "created", "asked_at")
_ID_NAMES = ("id", "query_id", "uid", "uuid", "request_id", "message_id")


@dataclass(frozen=True)
class Columns:
    """Names of a log's columns. None: the name is guessed; "-": the log has no such column.

    :param text: The column of the query.
    :param label: The column of the label.
    :param time: The column of the time.
    :param id: The column of the id.
    """

    text: str | None = None
    label: str | None = None
    time: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One query of a log.

    `line` is its number in the log: it counts from 1 and goes on from file to file. `id` is that
    number where the log has no ids.
    """

    line: int
    id: str
    text: str
    time: datetime | None = None
    gold: Gold | None = None


@dataclass(frozen=True)
class LogChunk:
    """Some lines of a log, in order, and the lines between them that can't be read.

    `read` counts the lines that are not blank; each of them is in `lines` or in `rejected`.
    `share`, in [0, 1], is how much of the log has been read by the end of the chunk.
    """

    lines: list[LogLine] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    read: int = 0
    share: float = 0.0


def read_log(
    files: Sequence[LogFile],
    columns: Columns,
    labels: LabelReader,
    *,
    strict: bool = False,
    lines: int = CHUNK_LINES,
) -> Iterator[LogChunk]:
    """Read a log in chunks; the same log always gives the same chunks.

    :param files: The files of the log, in order, as `formats.find_files` gives them.
    :param labels: Reads the labels.
    :param strict: Stop at the first line that can't be read, instead of keeping its reason.
    :param lines: The most lines in a chunk.
    :raises LogError: A column is missing, a file is cut off, or `strict` is set and a line can't
        be read.
    """
    chunk, size = LogChunk(), 0
    for index, file in enumerate(files):
        before = file.lines_before + sum(earlier.lines for earlier in files[:index])
        for line in _lines(file, columns, labels):
            if isinstance(line, LogLine):
                chunk.lines.append(renumbered(line, before))
                size += len(line.text)
            elif strict:
                raise LogError(
                    f"{file.path}:{line.line}: {line.reason}; cure: mend the line, or leave out"
                    " --strict, which lists such lines and goes on"
                )
            else:
                reason = f"{file.name}: {line.reason}" if file.name else line.reason
                chunk.rejected.append(Rejected(before + line.line, reason, line.raw))
            if len(chunk.lines) + len(chunk.rejected) >= lines or size >= _CHUNK_CHARACTERS:
                yield _finished(chunk, (index + file.share) / len(files))
                chunk, size = LogChunk(), 0
    if chunk.lines or chunk.rejected:
        yield _finished(chunk, 1.0)


def _finished(chunk: LogChunk, share: float) -> LogChunk:
    return LogChunk(chunk.lines, chunk.rejected, len(chunk.lines) + len(chunk.rejected), share)


def renumbered(line: LogLine, before: int) -> LogLine:
    """Number a line on from the lines of earlier files; an id that is the number follows it."""
    if not before:
        return line
    line_id = str(before + line.line) if line.id == str(line.line) else line.id
    return LogLine(before + line.line, line_id, line.text, line.time, line.gold)


def _lines(file: LogFile, columns: Columns, labels: LabelReader) -> Iterator[LogLine | Rejected]:
    names = file.names()
    peeked: list[Record | Rejected] = []
    records = file.records()
    if names is None:
        names, peeked = _peek(records)
        if not names:  # the file has no record that can be read
            yield from (record for record in peeked if isinstance(record, Rejected))
            return
    reader = _LineReader(_settle_columns(file.path, names, columns), "action" in names, labels)
    if not peeked:  # the format states its columns ahead, so that the others need not be read
        records = file.records(reader.needed)
    for record in chain(peeked, records):
        yield reader.line(record) if isinstance(record, Record) else record


def _peek(records: Iterator[Record | Rejected]) -> tuple[list[str], list[Record | Rejected]]:
    """Read on until the names of the columns are known."""
    names: dict[str, None] = {}
    peeked = []
    for record in records:
        peeked.append(record)
        if isinstance(record, Record):
            names.update(dict.fromkeys(record.fields))
        if names and len(peeked) >= _PEEKED_RECORDS:
            break
    return list(names), peeked


@dataclass(frozen=True)
class _LineReader:
    """Makes lines of records. With `full` the record itself may be the full form of a label."""

    columns: Columns
    full: bool
    labels: LabelReader

    @property
    def needed(self) -> set[str]:
        """The columns that lines are made from."""
        columns = self.columns
        plain = (columns.text, columns.label, columns.time, columns.id)
        full = (*Gold.__struct_fields__, "confidence") if self.full else ()
        return {name for name in (*plain, *full) if name is not None}

    def line(self, record: Record) -> LogLine | Rejected:
        fields = record.fields
        text = fields.get(self.columns.text or "")
        try:
            if not isinstance(text, str):
                raise ValueError(_not_text(self.columns.text, fields))
            time = read_time(fields.get(self.columns.time or ""))
            gold = self._gold(fields)
        except ValueError as error:
            return Rejected.of(record.line, str(error), text if isinstance(text, str) else fields)
        line_id = fields.get(self.columns.id) if self.columns.id else None
        line_id = record.line if line_id is None or line_id == "" else line_id
        return LogLine(record.line, str(line_id), text, time, gold)

    def _gold(self, fields: Mapping[str, Any]) -> Gold | None:
        if self.columns.label is not None:
            return self.labels.read(fields.get(self.columns.label))
        # A line with a confidence is a logged decision, so its action is not a label.
        if self.full and fields.get("action") and "confidence" not in fields:
            return self.labels.read(fields)
        return None


def _not_text(column: str | None, fields: Mapping[str, Any]) -> str:
    if column is None or column not in fields:
        return f"there is no {column!r} here, only {', '.join(map(repr, islice(fields, 8)))}"
    return f"{column!r} is text, was: {fields[column]!r:.80}"


def _settle_columns(path: Path, names: Sequence[str], asked: Columns) -> Columns:
    """Find the columns of a file: those that the user names must exist, the others are guessed."""
    text = _find_column(path, names, asked.text, "text", _TEXT_NAMES)
    if text is None and len(names) == 1:
        text = names[0]
    if text is None:
        raise LogError(
            f"{path}: no column looks like the text; there are {', '.join(names)};"
            " cure: name it with --text-column"
        )
    full = "action" in names and "gold" not in names
    return Columns(
        text=text,
        label=_find_column(path, names, asked.label, "label", () if full else _LABEL_NAMES),
        time=_find_column(path, names, asked.time, "time", _TIME_NAMES),
        id=_find_column(path, names, asked.id, "id", _ID_NAMES),
    )


def _find_column(
    path: Path, names: Sequence[str], asked: str | None, what: str, guesses: Sequence[str]
) -> str | None:
    if asked == _NO_COLUMN:
        return None
    if asked is not None:
        if asked not in names:
            raise LogError(
                f"{path}: there is no column {asked!r}; there are {', '.join(names)};"
                f" cure: name one of these with --{what}-column"
            )
        return asked
    lower = {name.lower(): name for name in reversed(names)}
    return next((lower[guess] for guess in guesses if guess in lower), None)


def read_time(value: object) -> datetime | None:
    """Read a time: ISO 8601, or a count of s, ms, us or ns since 1970; UTC if it names no zone.

    :raises ValueError: It is none of these, or it is not between 1970 and 2200.
    """
    if value is None or value == "" or value != value:  # tables hold NaN in an empty cell
        return None
    try:
        time = _as_time(value)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
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
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        return datetime.fromisoformat(value.strip())
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        raise ValueError
    count = float(value)
    for _ in range(3):  # more than seconds can be, so these are ms, us or ns
        count = count / 1_000 if abs(count) > _MAX_SECONDS else count
    return datetime.fromtimestamp(count, UTC)
