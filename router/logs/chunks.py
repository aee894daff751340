"""A log of queries as chunks of lines: text, and where there are any, label, time and id."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeAlias

from router.errors import LogError
from router.logs.files import LogFile, Record, Rejected
from router.logs.gold import Gold

CHUNK_LINES = 4_096
CHUNK_CHARACTERS = 32_000_000  # a chunk of very long lines ends sooner
PEEKED = 100  # records whose keys tell a file's columns
MOST_SECONDS = 1e11  # a larger count since 1970 is of ms, us or ns
NUMBER = re.compile(r"-?\d{9,}(\.\d+)?")  # 20260901 is a date
NO_COLUMN = "-"  # says that a log has no such column, whatever its names suggest

TEXT_NAMES = ("text", "query", "utterance", "prompt", "message", "input", "request", "sentence")
LABEL_NAMES = ("gold", "label", "skill", "skills", "intent", "expected", "expected_skill")
TIME_NAMES = ("time", "timestamp", "ts", "datetime", "date", "created_at", "created", "asked_at")
ID_NAMES = ("id", "query_id", "uid", "uuid", "request_id", "message_id")

ReadLabel: TypeAlias = Callable[[object], Gold | None]
"""Reads a label; raises ValueError with the reason if it is none."""


@dataclass(frozen=True)
class Columns:
    """Names of a log's columns; a good guess where None, no such column where "-"."""

    text: str | None = None
    label: str | None = None
    time: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One query of a log.

    `line` counts from 1, over all parts; `id` is that number where the log has none.
    """

    line: int
    id: str
    text: str
    time: datetime | None = None
    gold: Gold | None = None


@dataclass(frozen=True)
class Chunk:
    """Some lines of a log, in order, and those between them that can't be read.

    `read` counts lines of the log that hold something; each is in `lines` or `rejected`. `share`
    in [0, 1] is how much of the log has been read by the end of the chunk.
    """

    lines: list[Line] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    read: int = 0
    share: float = 0.0


def read_log(
    files: Sequence[LogFile],
    columns: Columns,
    read_label: ReadLabel,
    *,
    strict: bool = False,
    lines: int = CHUNK_LINES,
) -> Iterator[Chunk]:
    """Read a log in chunks; the same log always gives the same chunks.

    :param files: The parts, in order; see `log_files.find_files`.
    :param strict: Stop at the first line that can't be read, instead of keeping its reason.
    :param lines: Lines in a chunk, at most.
    :raises LogError: A column is missing, a file is cut off, or `strict` and a line is broken.
    """
    chunk, size = Chunk(), 0
    for part, file in enumerate(files):
        before = sum(one.lines for one in files[:part])
        prefix = f"{file.path.name}: " if len(files) > 1 else ""
        for found in _lines(file, columns, read_label):
            if isinstance(found, Line):
                chunk.lines.append(found if not before else _moved(found, before))
                size += len(found.text)
            elif strict:
                raise LogError(
                    f"{file.path}:{found.line}: {found.reason}; cure: mend the line, or leave out"
                    " --strict, which lists such lines and goes on"
                )
            else:
                reason = prefix + found.reason
                chunk.rejected.append(Rejected(before + found.line, reason, found.raw))
            if len(chunk.lines) + len(chunk.rejected) >= lines or size >= CHUNK_CHARACTERS:
                yield _ended(chunk, (part + file.share) / len(files))
                chunk, size = Chunk(), 0
    if chunk.lines or chunk.rejected:
        yield _ended(chunk, 1.0)


def _ended(chunk: Chunk, share: float) -> Chunk:
    return Chunk(chunk.lines, chunk.rejected, len(chunk.lines) + len(chunk.rejected), share)


def _moved(line: Line, before: int) -> Line:
    own = line.id if line.id != str(line.line) else str(before + line.line)
    return Line(before + line.line, own, line.text, line.time, line.gold)


def _lines(file: LogFile, columns: Columns, read_label: ReadLabel) -> Iterator[Line | Rejected]:
    names = file.names()
    if names is None:
        records = file.records()
        names, peeked = _peeked(records)
        records = chain(peeked, records)
        if not names:  # not one record in it
            yield from (one for one in records if isinstance(one, Rejected))
            return
        reader = _Reader(_found(file.path, names, columns), "action" in names, read_label)
    else:
        reader = _Reader(_found(file.path, names, columns), "action" in names, read_label)
        records = file.records(reader.needed)
    for found in records:
        yield reader.line(found) if isinstance(found, Record) else found


def _peeked(records: Iterator[Record | Rejected]) -> tuple[list[str], list[Record | Rejected]]:
    """Read on until the names of the columns are known."""
    names: dict[str, None] = {}
    peeked = []
    for found in records:
        peeked.append(found)
        if isinstance(found, Record):
            names.update(dict.fromkeys(found.fields))
        if names and len(peeked) >= PEEKED:
            break
    return list(names), peeked


@dataclass(frozen=True)
class _Reader:
    """Makes lines of records. `full` says that the record itself may be a label's full form."""

    columns: Columns
    full: bool
    read_label: ReadLabel

    @property
    def needed(self) -> set[str]:
        """Columns that lines are made of."""
        own = (self.columns.text, self.columns.label, self.columns.time, self.columns.id)
        full = (*Gold.__struct_fields__, "confidence") if self.full else ()
        return {name for name in (*own, *full) if name is not None}

    def line(self, record: Record) -> Line | Rejected:
        fields = record.fields
        text = fields.get(self.columns.text or "")
        try:
            if not isinstance(text, str):
                raise ValueError(_not_text(self.columns.text, fields))
            time = read_time(fields.get(self.columns.time or ""))
            gold = self._gold(fields)
        except ValueError as error:
            return Rejected.of(record.line, str(error), text if isinstance(text, str) else fields)
        own = fields.get(self.columns.id) if self.columns.id else None
        name = str(record.line) if own is None or own == "" else str(own)
        return Line(record.line, name, text, time, gold)

    def _gold(self, fields: Mapping[str, Any]) -> Gold | None:
        if self.columns.label is not None:
            return self.read_label(fields.get(self.columns.label))
        # A line with a confidence is a decision that somebody logged: its action is no label.
        if self.full and fields.get("action") and "confidence" not in fields:
            return self.read_label(fields)
        return None


def _not_text(column: str | None, fields: Mapping[str, Any]) -> str:
    if column is None or column not in fields:
        return f"there is no {column!r} here, only {', '.join(map(repr, islice(fields, 8)))}"
    return f"{column!r} is text, was: {fields[column]!r:.80}"


def _found(path: Path, names: Sequence[str], asked: Columns) -> Columns:
    """Settle the columns of a file: those asked for must be there, the others are guessed."""
    text = _column(path, names, asked.text, "text", TEXT_NAMES)
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
        label=_column(path, names, asked.label, "label", () if full else LABEL_NAMES),
        time=_column(path, names, asked.time, "time", TIME_NAMES),
        id=_column(path, names, asked.id, "id", ID_NAMES),
    )


def _column(
    path: Path, names: Sequence[str], asked: str | None, what: str, guesses: Sequence[str]
) -> str | None:
    if asked == NO_COLUMN:
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
    """Read a time: ISO 8601, or a count of s, ms, us or ns since 1970; UTC if no zone is said.

    :raises ValueError: It is none of these, or not in 1970 to 2200.
    """
    if value is None or value == "" or value != value:  # NaN is how tables leave a cell empty
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
    if isinstance(value, str) and not NUMBER.fullmatch(value.strip()):
        return datetime.fromisoformat(value.strip())
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        raise ValueError
    count = float(value)
    for _ in range(3):  # more than seconds can be: ms, us, ns
        count = count / 1_000 if abs(count) > MOST_SECONDS else count
    return datetime.fromtimestamp(count, UTC)
