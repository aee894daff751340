"""Reads a log of queries in chunks of lines; a line has a text, and may have label, time and id."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

from router.decisions.outcome import ACTIONS
from router.decisions.words import count_of
from router.errors import LogError
from router.logs.formats import LogFile, Record, Rejected, utf8_text
from router.logs.labels import Gold, LabelReader
from router.logs.tables import TEXT_NAMES
from router.logs.turns import CONVERSATION_NAMES, is_of_user, user_text, user_texts
from router.logs.values import is_empty_value, read_time

CHUNK_LINES = 4_096
_CHUNK_CHARACTERS = 32_000_000  # a chunk of very long lines ends sooner
_PEEKED_RECORDS = 100  # records whose keys are the columns of a file
_NO_COLUMN = "-"  # the user says so where a log has no such column
_MAX_DEPTH = 3  # how deep in a record a column may lie

_CHAT_NAMES = ("messages", "conversation", "conversations", "chat", "turns")
_LABEL_NAMES = ("gold", "label", "skill", "skills", "intent", "expected", "expected_skill")
_FULL_LABEL_NAMES = ("gold", "label", "intent", "expected", "expected_skill")
"""Columns that are the label even where a record has the keys of the full form."""

_TIME_NAMES = ("time", "timestamp", "ts", "datetime", "date", "created_at", "created", "asked_at")
_ID_NAMES = ("id", "query_id", "uid", "uuid", "request_id", "message_id")


@dataclass(frozen=True)
class Columns:
    """Names of a log's columns. None: the name is guessed; "-": the log has no such column.

    A name such as "input.query" is that of a key inside another.

    :param text: The column of the query; "-": each line is a query.
    :param label: The column of the label.
    :param time: The column of the time.
    :param id: The column of the id.
    :param conversation: The column that names the conversation, where turns are read.
    """

    text: str | None = None
    label: str | None = None
    time: str | None = None
    id: str | None = None
    conversation: str | None = None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One query of a log.

    `line` is its number in the log: it counts from 1 and goes on from file to file. `id` is that
    number where the log has no ids. `conversation`, `earlier` and `position` are set where turns
    are read: what the user said before in the same conversation, and the number of the turn in it.
    """

    line: int
    id: str
    text: str
    time: datetime | None = None
    gold: Gold | None = None
    conversation: str | None = None
    earlier: tuple[str, ...] = ()
    position: int = 1


@dataclass(frozen=True)
class LogChunk:
    """Some lines of a log, in order, and the lines between them that can't be read.

    `share`, in [0, 1], is how much of the log has been read by the end of the chunk.
    """

    lines: list[LogLine] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    share: float = 0.0

    @property
    def read(self) -> int:
        """The number of lines that are not blank; each of them is in `lines` or in `rejected`."""
        return len(self.lines) + len(self.rejected)


def read_log(
    files: Sequence[LogFile],
    columns: Columns,
    labels: LabelReader,
    *,
    strict: bool = False,
    lines: int = CHUNK_LINES,
    turns: bool = False,
    notify: Callable[[str], None] = lambda sentence: None,
) -> Iterator[LogChunk]:
    """Read a log in chunks; the same log always gives the same chunks.

    :param files: The files of the log, in order, as `formats.find_files` gives them.
    :param labels: Reads the labels.
    :param strict: Stop at the first line that can't be read, instead of keeping its reason.
    :param lines: The most lines in a chunk.
    :param turns: Also read what the user said before, and the conversation of each line.
    :param notify: Called with sentences that say how files and columns are understood.
    :raises LogError: A column is missing, a file is cut off, or `strict` is set and a line can't
        be read.
    """
    chunk, size, described = LogChunk(), 0, ""
    for index, file in enumerate(files):
        before = sum(earlier.lines for earlier in files[:index])
        reader = _FileReader(file, columns, labels, notify, described, turns)
        for line in reader.lines():
            if isinstance(line, LogLine):
                chunk.lines.append(_renumbered(line, before))
                size += len(line.text)
            elif strict:
                raise LogError(
                    f"{file.path}:{line.line}: {line.reason}; cure: mend the line, or leave out"
                    " --strict, which lists such lines and goes on"
                )
            else:
                reason = f"{file.name}: {line.reason}" if file.name else line.reason
                chunk.rejected.append(Rejected(before + line.line, reason, line.raw))
            if chunk.read >= lines or size >= _CHUNK_CHARACTERS:
                yield replace(chunk, share=(index + file.share) / len(files))
                chunk, size = LogChunk(), 0
        described = reader.description
    if chunk.read:
        yield replace(chunk, share=1.0)


def _renumbered(line: LogLine, before: int) -> LogLine:
    """Number a line on from the lines of earlier files; an id that is the number follows it."""
    if not before:
        return line
    line_id = str(before + line.line) if line.id == str(line.line) else line.id
    return replace(line, line=before + line.line, id=line_id)


@dataclass
class _FileReader:
    """Makes lines of the records of a file.

    With `full` the record itself may be the full form of a label. `bad_time` is the first time that
    can't be read.
    """

    file: LogFile
    asked: Columns
    labels: LabelReader
    notify: Callable[[str], None]
    description: str  # at first that of the file before, since a folder of like files needs one
    turns: bool = False
    columns: Columns = field(default_factory=Columns)
    full: bool = False
    n_bad_times: int = 0
    bad_time: object = None

    def lines(self) -> Iterator[LogLine | Rejected]:
        """Read the file from its beginning."""
        records, sample, peeked = self.file.records(), self.file.sample(), list[Record]()
        if sample is None:
            for record in records:
                if isinstance(record, Record):
                    peeked.append(record)
                    break
                yield record
            later = list(islice(records, _PEEKED_RECORDS))
            records = chain(peeked, later, records)
            sample = [row.fields for row in (*peeked, *later) if isinstance(row, Record)]
        if not sample:
            return
        self._settle(sample)
        if self.file.format == "parquet":
            records = self.file.records(self._needed(sample[0]))
        for record in records:
            yield self._line(record) if isinstance(record, Record) else record
        if self.n_bad_times:
            self._say(
                f"{count_of(self.n_bad_times, 'time')} can't be read, such as"
                f" {self.bad_time!r:.80}, and the lines have none; cure: name the column with"
                " --time-column, '-' if there is no time"
            )

    def _say(self, sentence: str) -> None:
        self.notify(f"{utf8_text(self.file.path.name)}: {sentence}")

    def _line(self, record: Record) -> LogLine | Rejected:
        fields = record.fields
        text = _text_of(_value(fields, self.columns.text))
        try:
            if text is None:
                raise ValueError(_not_text(self.columns.text, fields))
            gold = self._gold(fields)
        except (ValueError, RecursionError) as error:
            return Rejected.of(record.line, str(error), fields if text is None else text)
        line_id = _value(fields, self.columns.id)
        line_id = record.line if is_empty_value(line_id) else line_id
        line = LogLine(record.line, str(line_id), text, self._time(fields), gold)
        if not self.turns:
            return line
        name = _value(fields, self.columns.conversation)
        earlier = user_texts(_value(fields, self.columns.text))[:-1]
        conversation = None if is_empty_value(name) or earlier else str(name)
        return replace(line, conversation=conversation, earlier=tuple(earlier))

    def _time(self, fields: Mapping[str, Any]) -> datetime | None:
        value = _value(fields, self.columns.time)
        try:
            return read_time(value)
        except ValueError:
            self.bad_time = value if self.n_bad_times == 0 else self.bad_time
            self.n_bad_times += 1
            return None

    def _gold(self, fields: Mapping[str, Any]) -> Gold | None:
        if self.columns.label is not None:
            return self.labels.read(_value(fields, self.columns.label))
        # A line with a confidence is a logged decision, so its action is not a label.
        if self.full and fields.get("action") and "confidence" not in fields:
            return self.labels.read(fields)
        return None

    def _settle(self, sample: Sequence[Mapping[str, Any]]) -> None:
        """Find the columns: those that the user names must exist, the others are guessed."""
        path, names = self.file.path, _names_in(sample)
        flat = [name for name, values in names.items() if not _are_objects(values)]
        texts = [name for name in flat if any(_text_of(value) for value in names[name])]
        text = _find_column(path, names, self.asked.text, "text", TEXT_NAMES, texts)
        text = text or _find_column(path, names, None, "text", TEXT_NAMES, flat)
        text = text or _find_column(path, names, None, "text", _CHAT_NAMES, texts)
        if text is None and len(flat) == 1:
            text = flat[0]
        if text is None:
            shown = ", ".join(islice(names, 20))
            raise LogError(
                f"{path}: no column looks like the text; there are {shown}; cure: name it with"
                " --text-column, or give --text-column - if each line is a query"
            )
        actions = {str(value) for value in names.get("action", ()) if not is_empty_value(value)}
        self.full = bool(actions) and actions <= set(ACTIONS)
        guesses = _FULL_LABEL_NAMES if self.full else (*_LABEL_NAMES, *["action"] * bool(actions))
        time = _find_column(path, names, self.asked.time, "time", _TIME_NAMES, flat)
        label = _find_column(path, names, self.asked.label, "label", guesses, list(names))
        line_id = _find_column(path, names, self.asked.id, "id", _ID_NAMES, flat)
        names_of = CONVERSATION_NAMES if self.turns else ()
        asked = self.asked.conversation if self.turns else None
        conversation = _find_column(path, names, asked, "conversation", names_of, flat)
        self.columns = Columns(text, label, time, line_id, conversation)
        self.full = self.full and self.asked.label is None and label is None
        is_decided = bool(actions) and {"confidence", "margin"} <= names.keys()
        label = "its own keys" if self.full and not is_decided else label
        columns = {"query": text, "label": label, "time": time, "id": line_id}
        if any(isinstance(value, list) for value in names[text]):
            columns["query"] = f"{text}, the user's last message"
        if self.turns:
            columns["conversation"] = conversation
        parts = [f"{what} from {name}" if name else f"no {what}" for what, name in columns.items()]
        description = f"{self.file.description}; {', '.join(parts)}"
        if description != self.description:
            self._say(description)
            if is_decided:
                self._say(
                    "its decisions are made anew; `router report` shows them as they were made"
                )
        self.description = description

    def _needed(self, fields: Mapping[str, Any]) -> set[str]:
        """The columns that lines are made from."""
        columns = self.columns
        names = [columns.text, columns.label, columns.time, columns.id, columns.conversation]
        full = (*Gold.__struct_fields__, "confidence") if self.full else ()
        roots = {name if name in fields else name.split(".")[0] for name in names if name}
        return {*roots, *full}


def _names_in(sample: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Give the columns of some records with their values, those inside another after all others."""
    names: dict[str, list[Any]] = {}
    level: Sequence[tuple[str, Mapping[str, Any]]] = [("", fields) for fields in sample]
    for _ in range(_MAX_DEPTH):
        for prefix, fields in level:
            for name, value in fields.items():
                names.setdefault(f"{prefix}{name}", []).append(value)
        level = [
            (f"{prefix}{name}.", value)
            for prefix, fields in level
            for name, value in fields.items()
            if isinstance(value, Mapping)
        ]
    return names


def _are_objects(values: Sequence[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(isinstance(value, Mapping) for value in present)


def _value(fields: Mapping[str, Any], column: str | None) -> Any:  # noqa: ANN401 - any JSON
    """Give the value of a column, which may lie inside another; None if there is none."""
    if column is None:
        return None
    if column in fields:
        return fields[column]
    value: Any = fields
    for name in column.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text_of(value: object) -> str | None:
    """Give a text, or the last message of the user in a chat; None if it is neither."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return None
    for message in reversed(value):
        if not isinstance(message, Mapping):
            return None
        if is_of_user(message):
            return user_text(message)
    return None


def _not_text(column: str | None, fields: Mapping[str, Any]) -> str:
    if column is None or (column not in fields and "." not in column):
        return f"there is no {column!r} here, only {', '.join(map(repr, islice(fields, 8)))}"
    return f"{column!r} is text, was: {_value(fields, column)!r:.80}"


def _find_column(
    path: Path,
    names: Mapping[str, object],
    asked: str | None,
    what: str,
    guesses: Sequence[str],
    candidates: Sequence[str],
) -> str | None:
    if asked == _NO_COLUMN:
        return None
    if asked is not None:
        if asked not in names:
            raise LogError(
                f"{path}: there is no column {asked!r}; there are {', '.join(islice(names, 20))};"
                f" cure: name one of these with --{what}-column"
            )
        return asked
    whole = {name.lower(): name for name in reversed(candidates)}
    inner = {name.lower().rpartition(".")[2]: name for name in reversed(candidates) if "." in name}
    return next(
        (place[guess] for place in (whole, inner) for guess in guesses if guess in place), None
    )
