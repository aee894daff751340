"""The rows of a run: each line of a log with what was decided, as JSON lines or as Parquet."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import msgspec
import numpy as np

from router.decisions.outcome import Outcome
from router.evaluation.decided import Verdict
from router.evaluation.tally import UNIT
from router.logs.labels import Gold
from router.logs.reader import LogLine

if TYPE_CHECKING:
    import pyarrow

BATCH = 8_192
LINE_COLUMNS = ("id", "line", "text", "time")
LINE_ENDS = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}


@dataclass(frozen=True)
class Rows:
    """Lines and their decisions; `accepted` is None where a line has no label."""

    lines: Sequence[LogLine]
    verdict: Verdict
    accepted: Sequence[bool | None]

    def outcome(self, row: int) -> Outcome:
        """What was decided for a row."""
        return self.verdict.outcomes[int(self.verdict.codes[row])]


class Form(Protocol):
    """A form of the decisions file."""

    name: str

    def part(self, rows: Rows) -> bytes:
        """Write some rows as a file of their own."""
        ...

    def join(self, parts: Iterable[bytes], file: BinaryIO) -> None:
        """Write all parts into one file, in order."""
        ...


class Jsonl:
    """A JSON object a line."""

    name = "decisions.jsonl"

    def part(self, rows: Rows) -> bytes:
        """Write some rows as a file of their own."""
        return b"".join(self._lines(rows))

    def join(self, parts: Iterable[bytes], file: BinaryIO) -> None:
        """Write all parts into one file, in order."""
        for part in parts:
            file.write(part)

    def _lines(self, rows: Rows) -> Iterator[bytes]:
        encode = msgspec.json.encode
        outcome_of = cache(lambda code: _ends_of(rows.verdict.outcomes[code]))
        gold_of = cache(lambda gold: b',"gold":' + encode(gold))
        numbers = zip(*(column.tolist() for column in _numbers(rows.verdict)), strict=True)
        for line, accepted, (code, confidence, margin) in zip(
            rows.lines, rows.accepted, numbers, strict=True
        ):
            start, end = outcome_of(code)
            time = b"" if line.time is None else b',"time":' + encode(line.time)
            gold = b"" if line.gold is None else gold_of(line.gold)
            if accepted is not None:
                gold += b',"accepted":true' if accepted else b',"accepted":false'
            yield b'{"id":%b,"line":%d,"text":%b%b%b,"confidence":%b,"margin":%b%b%b}\n' % (
                text_json(line.id),
                line.line,
                text_json(line.text),
                time,
                start,
                encode(confidence),
                encode(margin),
                end,
                gold,
            )


class Parquet:
    """A Parquet file, zstd inside."""

    name = "decisions.parquet"

    def part(self, rows: Rows) -> bytes:
        """Write some rows as a file of their own."""
        from pyarrow import parquet

        file = io.BytesIO()
        parquet.write_table(_table(rows), file, compression="zstd")
        return file.getvalue()

    def join(self, parts: Iterable[bytes], file: BinaryIO) -> None:
        """Write all parts into one file, in order."""
        from pyarrow import parquet

        with parquet.ParquetWriter(file, schema(), compression="zstd") as writer:
            for part in parts:
                writer.write_table(parquet.read_table(io.BytesIO(part)))


FORMS: dict[str, Form] = {"jsonl": Jsonl(), "parquet": Parquet()}


def schema() -> "pyarrow.Schema":
    """Columns of the decisions: those of the JSON form, its `gold` flat."""
    import pyarrow as pa

    text, names = pa.string(), pa.list_(pa.string())
    return pa.schema(
        [
            pa.field("id", text, nullable=False),
            pa.field("line", pa.int64(), nullable=False),
            pa.field("text", text, nullable=False),
            pa.field("time", pa.timestamp("us", "UTC")),
            pa.field("action", text, nullable=False),
            pa.field("skills", names, nullable=False),
            pa.field("packs", names, nullable=False),
            pa.field("question", text),
            pa.field("confidence", pa.float32(), nullable=False),
            pa.field("margin", pa.float32(), nullable=False),
            pa.field("reason", text, nullable=False),
            *(
                pa.field(f"gold_{name}", text if name in ("action", "question") else names)
                for name in Gold.__struct_fields__
            ),
            pa.field("accepted", pa.bool_()),
        ]
    )


def _table(rows: Rows) -> "pyarrow.Table":
    import pyarrow as pa

    lines, verdict, form = rows.lines, rows.verdict, schema()
    codes, inverse = np.unique(verdict.codes, return_inverse=True)
    outcomes = [verdict.outcomes[code] for code in codes.tolist()]
    golds = list(dict.fromkeys(line.gold for line in lines))
    place = {gold: i for i, gold in enumerate(golds)}
    golds_of = pa.array([place[line.gold] for line in lines], pa.int64())
    _, confidences, margins = _numbers(verdict)

    def column(name: str, values: Sequence[Any], places: Any = None) -> Any:  # noqa: ANN401
        found = pa.array(values, form.field(name).type)
        return found if places is None else found.take(places)

    columns = {name: column(name, [getattr(line, name) for line in lines]) for name in LINE_COLUMNS}
    for name in Outcome.__struct_fields__:
        columns[name] = column(name, [getattr(one, name) for one in outcomes], pa.array(inverse))
    for name in Gold.__struct_fields__:
        values = [None if gold is None else getattr(gold, name) for gold in golds]
        columns[f"gold_{name}"] = column(f"gold_{name}", values, golds_of)
    columns |= {
        "confidence": column("confidence", confidences),
        "margin": column("margin", margins),
        "accepted": column("accepted", rows.accepted),
    }
    return pa.table([columns[name] for name in form.names], schema=form)


def read_jsonl(path: Path) -> "pyarrow.Table":
    """Read the JSON form as a table with the columns of the Parquet form."""
    import pyarrow as pa

    form = schema()
    gold = {f"gold_{name}": name for name in Gold.__struct_fields__}
    decoder = msgspec.json.Decoder()
    batches = []
    with path.open("rb") as file:
        while lines := list(islice(file, BATCH)):
            rows = [decoder.decode(line) for line in lines]
            for row in rows:
                label = row.pop("gold", {})
                row |= {column: label.get(name) for column, name in gold.items()}
                row["time"] = datetime.fromisoformat(row["time"]) if "time" in row else None
            batches.append(pa.RecordBatch.from_pylist(rows, form))
    return pa.Table.from_batches(batches, form)


def text_json(text: str) -> bytes:
    """Write a text as JSON on one line, whatever a reader takes for the end of a line."""
    found = msgspec.json.encode(text)
    if text.isascii():
        return found
    for end, escaped in LINE_ENDS.items():
        found = found.replace(end.encode(), escaped.encode())
    return found


def _ends_of(outcome: Outcome) -> tuple[bytes, bytes]:
    """What stands before the numbers of a decision, and what after them."""
    record = msgspec.to_builtins(outcome)
    reason = {"reason": record.pop("reason")}
    return b"," + msgspec.json.encode(record)[1:-1], b"," + msgspec.json.encode(reason)[1:-1]


def _numbers(verdict: Verdict) -> tuple[Any, Any, Any]:
    return verdict.codes, verdict.confidences / UNIT, verdict.margins / UNIT
