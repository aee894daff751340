"""The file formats of a log: reads each line as a record, or says why it can't be read.

Parquet and compressed files are read by pyarrow. JSON lines are read one by one with msgspec, and
CSV with Python's own reader, since pyarrow's readers stop at the first broken line or lose its
number.
"""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, cast

import msgspec
from msgspec import Struct

from router.errors import LogError
from router.text import well_formed

_MAX_LINE_BYTES = 16_000_000  # a longer line is no query, and is rejected
_RAW_CHARACTERS = 200  # characters of a rejected line that are kept
_PEEKED_BYTES = 65_536  # bytes by which the format is recognised
_PARQUET_ROWS = 1_024  # rows of Parquet that are read at a time; each may be long
_BOM = b"\xef\xbb\xbf"

LogFormat: TypeAlias = Literal["jsonl", "csv", "tsv", "parquet"]
_SUFFIXES: dict[str, LogFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


class Rejected(Struct, frozen=True):
    """A line that can't be read. `raw` holds its first 200 characters."""

    line: int
    reason: str
    raw: str

    @classmethod
    def of(cls, line: int, reason: str, raw: object) -> "Rejected":
        """Keep the start of the line."""
        shown = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
        return cls(line, reason, well_formed(shown[:_RAW_CHARACTERS]))


@dataclass(frozen=True)
class Record:
    """One record of a file. `line` is its line number: it counts from 1, the header included."""

    line: int
    fields: Mapping[str, Any]


@dataclass
class LogFile:
    """One file of a log, and how much of it has been read so far.

    `name`, if there is one, precedes the reason of each rejected line. `lines_before` is the number
    of lines in earlier files that are not read here. `share` is the share of its bytes that has
    been read, in [0, 1].
    """

    path: Path
    format: LogFormat
    compression: str | None
    name: str = ""
    lines_before: int = 0
    share: float = 0.0
    lines: int = 0  # lines read so far; of a Parquet file, rows
    blank: int = 0  # how many of these are blank
    read: int = 0  # records and rejected lines given so far

    @classmethod
    def open(cls, path: Path, name: str = "", lines_before: int = 0) -> "LogFile":
        """Recognise compression and format by how the file starts, then by its name.

        :raises LogError: The file can't be opened, or is in another encoding.
        """
        try:
            with path.open("rb") as file:
                start = file.read(4)
            compression = next(
                (name for magic, name in _COMPRESSIONS.items() if start.startswith(magic)), None
            )
            with cls(path, "jsonl", compression)._stream() as stream:
                start = stream.read(_PEEKED_BYTES)
        except (OSError, EOFError, ValueError) as error:
            raise LogError(f"{path}: can't be read: {error}") from error
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise LogError(f"{path}: a log is UTF-8, this is UTF-16; cure: save it as UTF-8")
        return cls(path, _format_of(path, start), compression, name, lines_before)

    def names(self) -> list[str] | None:
        """Names of the columns, if the format states them ahead of the lines."""
        if self.format != "parquet":
            return None
        from pyarrow import parquet

        try:
            return list(parquet.read_schema(self.path).names)
        except (OSError, ValueError) as error:
            raise LogError(f"{self.path}: not a Parquet file: {error}; is it whole?") from error

    def records(self, only: Collection[str] | None = None) -> Iterator[Record | Rejected]:
        """Read the next records, one at a time; blank lines are counted and left out.

        :param only: The columns that are needed; others may be left out.
        :raises LogError: The rest of the file can't be read, for example because it is cut off.
        """
        readers: dict[str, Callable[[], Iterator[Record | Rejected]]] = {
            "jsonl": self._json_lines,
            "parquet": lambda: self._rows(only),
        }
        try:
            for record in readers.get(self.format, self._separated)():
                self.read += 1
                yield record
        except (OSError, EOFError, ValueError) as error:
            where = f"{self.path}: after line {self.lines:,}"
            raise LogError(f"{where} it can't be read on: {error}; is it whole?") from error
        self.share = 1.0

    def _json_lines(self) -> Iterator[Record | Rejected]:
        decoder = msgspec.json.Decoder()
        with self._stream() as stream:
            for raw in self._lines(stream):
                if len(raw) > _MAX_LINE_BYTES:
                    yield Rejected.of(self.lines, f"longer than {_MAX_LINE_BYTES:,} bytes", raw)
                    continue
                try:
                    fields = decoder.decode(raw)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                    yield Rejected.of(self.lines, f"not JSON: {error}", raw)
                    continue
                if isinstance(fields, dict):
                    yield Record(self.lines, fields)
                else:
                    yield Rejected.of(self.lines, "a line is an object with keys", raw)

    def _separated(self) -> Iterator[Record | Rejected]:
        csv.field_size_limit(_MAX_LINE_BYTES)
        separator = "\t" if self.format == "tsv" else ","
        with (
            self._stream() as stream,
            io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="") as text,
        ):
            reader = csv.reader(self._with_progress(text, stream), delimiter=separator, strict=True)
            header = _header(self.path, reader)
            self.lines = reader.line_num
            while True:
                line = reader.line_num + 1
                try:
                    row = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    self.lines = reader.line_num
                    reason = f"lines {line} to {reader.line_num}: {error}"
                    yield Rejected.of(line, f"not {self.format.upper()}: {reason}", "")
                    continue
                self.lines = reader.line_num
                if row:
                    yield _fields(line, header, row)
                else:
                    self.blank += 1

    def _rows(self, only: Collection[str] | None) -> Iterator[Record | Rejected]:
        from pyarrow import ArrowException, parquet

        try:
            with parquet.ParquetFile(self.path) as file:
                total = max(file.metadata.num_rows, 1)
                names = [name for name in file.schema_arrow.names if only is None or name in only]
                for batch in file.iter_batches(batch_size=_PARQUET_ROWS, columns=names):
                    names = batch.schema.names
                    for values in zip(*map(_values, batch.columns), strict=True):
                        self.lines += 1
                        self.share = self.lines / total
                        yield _row(self.lines, dict(zip(names, values, strict=True)))
        except ArrowException as error:
            raise ValueError(error) from error

    def _lines(self, stream: BinaryIO) -> Iterator[bytes]:
        """Give each line that is not blank; of a line without an end only the start is kept."""
        size = max(self.path.stat().st_size, 1)
        while raw := stream.readline(_MAX_LINE_BYTES + 1):
            rest = raw
            while not rest.endswith(b"\n") and len(rest) > _MAX_LINE_BYTES:
                rest = stream.readline(_MAX_LINE_BYTES + 1)
            self.lines += 1
            if self.lines % 1_000 == 0:
                self.share = min(self._read_bytes(stream) / size, 1.0)
            raw = raw.removeprefix(_BOM) if self.lines == 1 else raw
            if raw.isspace() or not raw:
                self.blank += 1
            else:
                yield raw

    def _with_progress(self, text: io.TextIOWrapper, stream: BinaryIO) -> Iterator[str]:
        size = max(self.path.stat().st_size, 1)
        for number, line in enumerate(text):
            if number % 1_000 == 0:
                self.share = min(self._read_bytes(stream) / size, 1.0)
            yield line

    def _stream(self) -> BinaryIO:
        """Open for reading, decompressed."""
        self._raw = self.path.open("rb")
        if self.compression is None:
            return self._raw
        import pyarrow

        unpacked = pyarrow.CompressedInputStream(self._raw, self.compression)
        return cast(BinaryIO, io.BufferedReader(unpacked, 1 << 20))

    def _read_bytes(self, stream: BinaryIO) -> int:
        return self._raw.tell()


def find_files(log: Path, exclude: Path) -> list[LogFile]:
    """Open a log, which is a file, or a folder whose files are taken in the order of their names.

    Hidden files, and files whose name starts with "_", are left out.

    :param exclude: A folder whose files are left out, even if it lies in the folder of the log.
    :raises LogError: There is no file, or one of them can't be opened.
    """
    if not log.exists():
        raise LogError(f"{log}: no such file or folder")
    if not log.is_dir():
        return [LogFile.open(log)]
    paths = sorted(
        path
        for path in log.rglob("*")
        if path.is_file()
        and not any(name.startswith((".", "_")) for name in path.relative_to(log).parts)
        and exclude.resolve() not in path.resolve().parents
    )
    if not paths:
        raise LogError(f"{log}: a log's folder holds its parts, this one is empty")
    return [LogFile.open(path, path.name if len(paths) > 1 else "") for path in paths]


def file_hash(path: Path) -> bytes:
    """Hash the content of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def fingerprint(file_hashes: Iterable[bytes]) -> str:
    """Hash the content of a log, given the hashes of its files in order."""
    return hashlib.sha256(b"".join(file_hashes)).hexdigest()


def _format_of(path: Path, start: bytes) -> LogFormat:
    if start.startswith(b"PAR1"):
        return "parquet"
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix not in (".gz", ".zst")]
    if suffixes and suffixes[-1] in _SUFFIXES:
        return _SUFFIXES[suffixes[-1]]
    if start.removeprefix(_BOM).lstrip().startswith(b"{"):
        return "jsonl"
    return "tsv" if b"\t" in start.splitlines()[0:1][0] else "csv" if start else "jsonl"


def _header(path: Path, reader: Iterator[list[str]]) -> list[str]:
    try:
        header = next((row for row in reader if row), [])
    except csv.Error as error:
        raise LogError(f"{path}: the header can't be read: {error}") from error
    names = [name.strip() for name in header]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LogError(f"{path}: a header names each column once; twice: {', '.join(twice)}")
    return names


def _fields(line: int, header: list[str], row: list[str]) -> Record | Rejected:
    if len(row) != len(header):
        reason = f"a line has {len(header)} fields as the header does, this one {len(row)}"
        return Rejected.of(line, reason, ",".join(row))
    if any(not cell.isascii() and re.search("[\ud800-\udfff]", cell) for cell in row):
        raw = ",".join(row).encode("utf-8", "surrogateescape")
        return Rejected.of(line, "not UTF-8", raw)
    return Record(line, dict(zip(header, row, strict=True)))


def _values(column: Any) -> list[Any]:  # noqa: ANN401 - naming the type would import pyarrow
    """Give the values of a column; a text that is not UTF-8 is given as bytes."""
    try:
        return cast(list[Any], column.to_pylist())
    except UnicodeDecodeError:
        return cast(list[Any], column.cast("binary").to_pylist())


def _row(line: int, fields: dict[str, Any]) -> Record | Rejected:
    for name, value in fields.items():
        if isinstance(value, bytes):
            try:
                fields[name] = value.decode()
            except UnicodeDecodeError:
                return Rejected.of(line, f"{name} is not UTF-8", value)
    return Record(line, fields)
