"""Arrow tables in, Arrow tables out: what a worker does with a part of a log, whatever calls it."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from msgspec import Struct

from router.calibration.calibration import Calibration
from router.encoders.encoder import Encoder
from router.engines.stores import DECISIONS, REJECTED, Store
from router.errors import EncoderError, LogError
from router.evaluation.counting import counted, least_certain, mistakes
from router.evaluation.decided import Decided
from router.evaluation.run_parts import Checkpoint
from router.evaluation.run_rows import FORMS
from router.evaluation.tally import Counter
from router.logs.formats import LogFile, Rejected
from router.logs.labels import Gold, LabelReader
from router.logs.reader import Columns, LogLine, read_log
from router.model.model import Model
from router.packs.pack import Pack
from router.router import Router

if TYPE_CHECKING:
    import pyarrow

LISTED = 100  # queries of each kind that a chunk hands on


class Measured(Struct, frozen=True):
    """What a file of a log holds, before any of it is decided."""

    uri: str
    lines: int
    found: int
    blank: int
    sha256: str


@dataclass(frozen=True)
class Part:
    """A file of a log. `before`: lines of the files before it. `name`: None if it is the only."""

    uri: str
    before: int
    name: str | None


@dataclass(frozen=True)
class Task:
    """All that a worker needs; it travels once, and holds no lock and no open file."""

    pack: Pack
    model: Model
    calibration: Calibration | None
    encoder_key: str
    make_encoder: Callable[[], Encoder]  # where it runs
    out: Store
    columns: Columns
    strict: bool
    lines: int  # of a chunk


def measure(uri: str) -> Measured:
    """Read a file through, and count.

    :raises LogError: It can't be read to its end.
    """
    with Store(uri).fetched() as path, _named(path, uri):
        file = LogFile.open(path)
        for _ in file.records():
            pass
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return Measured(uri, file.lines, file.read, file.blank, digest)


def parts_of(measured: Sequence[Measured]) -> list[Part]:
    """Number the lines on from file to file."""
    before = np.cumsum([0, *(one.lines for one in measured)]).tolist()
    names = [one.uri.rpartition("/")[2] if len(measured) > 1 else None for one in measured]
    return [
        Part(one.uri, *rest)
        for one, rest in zip(measured, zip(before[:-1], names, strict=True), strict=True)
    ]


def schema() -> "pyarrow.Schema":
    """Columns of a chunk on its way; `reason` and `raw` are of lines that can't be read."""
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            ("line", pa.int64()),
            ("id", text),
            ("text", text),
            ("time", pa.timestamp("us", "UTC")),
            ("gold", pa.binary()),
            ("reason", text),
            ("raw", text),
        ]
    )


def chunks_of(part: Part, pack: Pack, columns: Columns, strict: bool, lines: int) -> Iterator[Any]:
    """Read a file as Arrow tables of so many lines.

    :raises LogError: A column is missing, the file is cut off, or `strict` and a line is broken.
    """
    import pyarrow as pa

    form = schema()
    with Store(part.uri).fetched() as path, _named(path, part.uri):
        labels = LabelReader(pack)
        files = [LogFile.open(path)]
        for chunk in read_log(files, columns, labels, strict=strict, lines=lines):
            rows = [_row(line, part) for line in chunk.lines]
            rows += [_refused(one, part) for one in chunk.rejected]
            yield pa.Table.from_pylist(sorted(rows, key=lambda row: row["line"]), form)


def _row(line: LogLine, part: Part) -> dict[str, Any]:
    return {
        "line": part.before + line.line,
        "id": str(part.before + line.line) if line.id == str(line.line) else line.id,
        "text": line.text,
        "time": line.time,
        "gold": None if line.gold is None else msgspec.json.encode(line.gold),
    }


def _refused(one: Rejected, part: Part) -> dict[str, Any]:
    reason = f"{part.name}: {one.reason}" if part.name else one.reason
    return {"line": part.before + one.line, "reason": reason, "raw": one.raw}


class Decider:
    """A worker: loads the model once, then turns chunks into sums, and writes their decisions."""

    def __init__(self, task: Task) -> None:
        encoder = task.make_encoder()
        if encoder.key != task.encoder_key:
            raise EncoderError(
                f"the router was fitted with the encoder {task.encoder_key}, a worker has"
                f" {encoder.key}; cure: encoder=partial(OnnxEncoder, precision=...), the same for"
                " all"
            )
        self.task = task
        self.router = Router(task.pack, encoder, task.model, task.calibration)
        self.decided = Decided()

    def __call__(self, table: "pyarrow.Table") -> "pyarrow.Table":
        """Decide a chunk; written again, a chunk leaves the same files.

        :return: One row; its column `done` holds a `Checkpoint` as JSON.
        :raises LogError: A line can't be decided; the message names it.
        """
        import pyarrow as pa

        lines, rejected = _lines_of(table)
        before = self.decided.n_decided
        verdict, _ = self._decide(lines)
        rows, tally = counted(Counter(self.router.pack), lines, verdict)
        name = f"{table['line'][0].as_py():015}"
        if lines:
            self.task.out.write(f"{DECISIONS}/{name}.parquet", FORMS["parquet"].part(rows))
        if rejected:
            content = msgspec.json.Encoder().encode_lines(rejected)
            self.task.out.write(f"{REJECTED}/{name}.jsonl", content)
        done = Checkpoint(
            read=len(table),
            decided=len(lines),
            rejected=len(rejected),
            remembered=self.decided.n_decided - before,
            share=0.0,
            tally=tally,
            least_certain=least_certain(rows, LISTED),
            mistakes=mistakes(rows, LISTED),
        )
        return pa.table({"done": pa.array([msgspec.json.encode(done)], pa.binary())})

    def _decide(self, lines: Sequence[LogLine]) -> Any:  # noqa: ANN401 - a verdict and what is new
        texts, numbers = [line.text for line in lines], [line.line for line in lines]
        try:
            return self.decided.decide(self.router, texts, numbers)
        except Exception as error:
            for line in lines:  # one by one, to name the first that it is
                try:
                    self.router.route_arrow([line.text])
                except Exception as cause:
                    raise LogError(
                        f"line {line.line}: can't be decided: {cause}; the text starts with"
                        f" {line.text[:80]!r}"
                    ) from cause
            raise LogError(
                f"lines {numbers[0]} to {numbers[-1]}: can't be decided together: {error}"
            ) from error


def _lines_of(table: "pyarrow.Table") -> tuple[list[LogLine], list[Rejected]]:
    """Take a chunk apart again, labels that are alike as one value."""
    labels = {
        raw: msgspec.json.decode(raw, type=Gold)
        for raw in set(table["gold"].to_pylist())
        if raw is not None
    }
    lines, rejected = [], []
    for row in table.to_pylist():
        if row["reason"] is not None:
            rejected.append(Rejected(row["line"], row["reason"], row["raw"]))
        else:
            gold = labels.get(row["gold"])
            lines.append(LogLine(row["line"], row["id"], row["text"], row["time"], gold))
    return lines, rejected


@contextmanager
def _named(path: Path, uri: str) -> Iterator[None]:
    """Let a message name the file of the log, not the copy of it on this machine."""
    try:
        yield
    except LogError as error:
        if uri.startswith("file:"):
            raise
        raise LogError(str(error).replace(str(path), uri)) from error


def hashed(measured: Sequence[Measured]) -> str:
    """Hash the content of all files, in order, from the hashes of each."""
    digest = hashlib.sha256()
    for one in measured:
        digest.update(bytes.fromhex(one.sha256))
    return digest.hexdigest()
