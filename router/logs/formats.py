"""The file formats of a log: reads each line as a record, or says why it can't be read.

Parquet and compressed files are read by pyarrow. JSON lines are read one by one with msgspec, and
CSV with Python's own reader, since pyarrow's readers stop at the first broken line or lose its
number. What a file is follows from its first bytes and lines, and then from its name.
"""

import bz2
import hashlib
import io
import lzma
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, cast

from msgspec import Struct

from router.errors import LogError
from router.logs.json_values import (
    MAX_DOCUMENT_BYTES,
    decode_json,
    decoded_json,
    items_of_document,
)
from router.logs.rotation import PACKED, log_files
from router.logs.tables import Table, join_rows, table_of
from router.text import well_formed

MAX_LINE_CHARACTERS = 16_000_000  # a longer line is no query, and is rejected
_RAW_CHARACTERS = 200  # characters of a rejected line that are kept
_PEEKED_BYTES = 65_536  # bytes by which the format is recognised
_PARQUET_ROWS = 1_024  # rows of Parquet that are read at a time; each may be long
_SAMPLED_ROWS = 100  # rows of Parquet by which its columns are recognised


LogFormat: TypeAlias = Literal["jsonl", "json", "table", "parquet"]
_JSON, _TABLE = (".jsonl", ".ndjson", ".json"), (".csv", ".tsv", ".tab")
SUFFIXES = (*_JSON, *_TABLE, ".parquet", ".pq")
_ZSTD_FRAMES = [b"\x28\xb5\x2f\xfd", *(bytes((kind, 0x2A, 0x4D, 0x18)) for kind in range(80, 96))]
"""How a frame of Zstandard begins: with content, or with something to skip."""

_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ": "xz"}
_COMPRESSIONS[b"]\0\0"] = "xz"  # as the format was before, which the same reader unpacks
_COMPRESSIONS |= dict.fromkeys(_ZSTD_FRAMES, "zstd")
_NO_LOGS = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook; cure: unpack it, or save it as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file; cure: save it as CSV",
    b"7z\xbc\xaf": "a 7z archive; cure: unpack it",
    b"Rar!": "a RAR archive; cure: unpack it",
    b"\x04\x22\x4d\x18": "an LZ4 file; cure: unpack it, or pack it with zstd",
    b"\xff\x06\x00\x00sNaPpY": "a Snappy file; cure: unpack it, or pack it with zstd",
    b"ARROW1": "an Arrow (Feather) file; cure: write it as Parquet",
    b"Obj\x01": "an Avro file; cure: write it as Parquet",
    b"ORC": "an ORC file; cure: write it as Parquet",
    b"SQLite format 3": "a SQLite database; cure: write the queries as CSV",
    b"%PDF": "a PDF; cure: save the queries as text",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x1f\x9d": "a file of `compress`; cure: unpack it",
    b"LZIP\x01": "an lzip file; cure: unpack it, or pack it with xz",
    b"<!doctype html": "a web page; cure: save the queries as text",
    b"<?xml": "an XML file; cure: write the queries as CSV",
}
"""Files that are no log, by how they begin, in lower case if that is letters."""

_NO_LOG_SUFFIXES = {suffix: "a YAML file; cure: write it as JSON" for suffix in (".yaml", ".yml")}


class Rejected(Struct, frozen=True):
    """A line that can't be read. `raw` holds its first 200 characters."""

    line: int
    reason: str
    raw: str

    @classmethod
    def of(cls, line: int, reason: str, raw: object) -> "Rejected":
        """Keep the start of the line."""
        try:
            shown = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
        except RecursionError:
            shown = ""
        return cls(line, reason, utf8_text(shown[:_RAW_CHARACTERS]))


@dataclass(frozen=True)
class Record:
    """One record of a file. `line` is its line number: it counts from 1, the header included."""

    line: int
    fields: Mapping[str, Any]


@dataclass
class LogFile:
    """One file of a log, and how much of it has been read so far.

    `name`, if there is one, precedes the reason of each rejected line. `share` is the share of its
    bytes that has been read, in [0, 1].
    """

    path: Path
    format: LogFormat
    compression: str | None
    table: Table = field(default_factory=Table)  # how lines are split, if it is a table
    name: str = ""
    share: float = 0.0
    lines: int = 0  # lines read so far; of a Parquet file, rows; of a JSON document, items
    blank: int = 0  # how many of these are blank
    read: int = 0  # records and rejected lines given so far

    @classmethod
    def open(cls, path: Path, name: str = "", text_column: str | None = None) -> "LogFile":
        """Recognise compression and format by how the file starts, then by its name.

        :param text_column: The name of the column of the text, if the user gave it.
        :raises LogError: The file can't be opened, or is no log.
        """
        try:
            with path.open("rb") as file:
                compression = _by_start(_COMPRESSIONS, file.read(8))
            with cls(path, "jsonl", compression)._stream() as stream:
                start = stream.read(_PEEKED_BYTES)
        except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
            raise LogError(f"{path}: can't be read: {error}") from error
        _refuse_other_formats(path, start)
        lines = start.decode("utf-8-sig", "replace").splitlines(keepends=True)
        if len(start) == _PEEKED_BYTES and len(lines) > 1:
            del lines[-1]  # which may be cut off
        log_file = cls(path, "table", compression, name=utf8_text(name))
        suffix = _suffix_of(path)
        first = next((line.strip() for line in lines if line.strip()), "")
        if start.startswith(b"PAR1") or suffix in (".parquet", ".pq"):
            log_file.format = "parquet"
        elif suffix in _JSON or (suffix not in _TABLE and first.startswith(("{", "["))):
            log_file.format = log_file._kind_of_json(first, len(lines))
        if log_file.format == "table":
            try:
                log_file.table = table_of(lines, suffix, text_column)
            except LogError as error:
                raise LogError(f"{path}: {error}") from error
        return log_file

    def _kind_of_json(self, first: str, n_lines: int) -> LogFormat:
        """Tell a document from lines of JSON, by its first line or by all of it."""
        is_line = decoded_json(first) is not None
        if first.startswith(("{", "[")) and (not is_line or (first[0] == "[" and n_lines == 1)):
            with self._stream() as stream:
                if items_of_document(stream.read(MAX_DOCUMENT_BYTES + 1)) is not None:
                    return "json"
        return "table" if first.startswith("[") and _suffix_of(self.path) not in _JSON else "jsonl"

    @property
    def description(self) -> str:
        """What the file is taken for."""
        names = {"jsonl": "JSON lines", "json": "a JSON document", "parquet": "Parquet"}
        return names.get(self.format) or self.table.description

    def sample(self) -> list[Mapping[str, Any]] | None:
        """Give some records of a format that can be read twice; None for the others."""
        if self.format != "parquet":
            return None
        records = islice(LogFile(self.path, self.format, None).records(), _SAMPLED_ROWS)
        return [record.fields for record in records if isinstance(record, Record)]

    def records(self, only: Collection[str] | None = None) -> Iterator[Record | Rejected]:
        """Read the next records, one at a time; blank lines are counted and left out.

        :param only: The columns that are needed; others may be left out.
        :raises LogError: The rest of the file can't be read, for example because it is cut off.
        """
        readers: dict[str, Callable[[], Iterator[Record | Rejected]]] = {
            "jsonl": self._json_lines,
            "json": self._json_items,
            "table": self._table_rows,
            "parquet": lambda: self._parquet_rows(only),
        }
        try:
            for record in readers[self.format]():
                self.read += 1
                yield record
        except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
            where = f"{self.path}: after line {self.lines:,}"
            raise LogError(f"{where} it can't be read on: {error}; is it whole?") from error
        self.share = 1.0

    def _json_lines(self) -> Iterator[Record | Rejected]:
        for number, line in self._lines():
            if not line.strip():
                self.blank += 1
            else:
                yield _sound(number, line) or _json_record(number, line)

    def _json_items(self) -> Iterator[Record | Rejected]:
        with self._stream() as stream:
            items = items_of_document(stream.read(MAX_DOCUMENT_BYTES + 1))
        if items is None:
            raise ValueError(
                f"a JSON document of more than {MAX_DOCUMENT_BYTES:,} bytes, or not JSON; cure:"
                " write one object a line"
            )
        for number, item in enumerate(items, start=1):
            self.lines = number
            line = bytes(item)
            if len(line) > MAX_LINE_CHARACTERS:
                yield _too_long(number, line[:_RAW_CHARACTERS])
            else:
                yield _json_record(number, line)

    def _table_rows(self) -> Iterator[Record | Rejected]:
        table, names = self.table, self.table.names
        lines = self._lines()
        for _ in range(table.n_lines_before):
            next(lines, None)
        for number, text, row in join_rows(lines, table):
            problem = _sound(number, text)
            if problem is None and isinstance(row, str):
                problem = Rejected.of(number, row, text)
            if problem is not None:
                yield problem
            elif not text.strip() or (len(row) > 1 and not any(map(str.strip, row))):
                self.blank += 1
            else:
                yield Record(number, dict(zip(names, row, strict=True)))

    def _parquet_rows(self, only: Collection[str] | None) -> Iterator[Record | Rejected]:
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
                        yield _parquet_row(self.lines, dict(zip(names, values, strict=True)))
        except ArrowException as error:
            raise ValueError(f"not a Parquet file: {error}") from error

    def _lines(self) -> Iterator[tuple[int, str]]:
        """Give each line with its number; of a line without an end only the start is kept."""
        size = max(self.path.stat().st_size, 1)
        longest = MAX_LINE_CHARACTERS + 1
        with (
            self._stream() as stream,
            io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="") as text,
        ):
            while line := text.readline(longest):
                rest = line
                while len(rest) == longest and not rest.endswith("\n"):
                    rest = text.readline(longest)
                self.lines += 1
                if self.lines % 1_000 == 0:
                    self.share = min(self._raw.tell() / size, 1.0)
                yield self.lines, line

    def _stream(self) -> BinaryIO:
        """Open for reading, decompressed."""
        if self.compression in ("bz2", "xz"):  # whose share is taken of what was unpacked
            self._raw = cast(BinaryIO, (bz2 if self.compression == "bz2" else lzma).open(self.path))
            return self._raw
        self._raw = self.path.open("rb")
        if self.compression is None:
            return self._raw
        import pyarrow

        unpacked = pyarrow.CompressedInputStream(self._raw, self.compression)
        return cast(BinaryIO, io.BufferedReader(unpacked, 1 << 20))


def find_files(log: Path, exclude: Path, text_column: str | None = None) -> list[LogFile]:
    """Open a log, which is a file, or a folder whose files are taken in the order of their names.

    The full files of a `DecisionLog` are read before the file that it is writing to.

    In a folder, the files with the suffix of a log are read, except hidden files, files whose name
    starts with "_", and the folders of runs.

    :param exclude: A folder whose files are left out, even if it lies in the folder of the log.
    :param text_column: The name of the column of the text, if the user gave it.
    :raises LogError: There is no file, or one of them can't be opened.
    """
    if not log.exists():
        raise LogError(f"{log}: no such file or folder")
    if not log.is_dir():
        paths = log_files(log)
        return [LogFile.open(path, path.name * (len(paths) > 1), text_column) for path in paths]
    if (log / "run.json").exists():
        raise LogError(f"{log}: the folder of a run is no log; cure: name decisions.jsonl in it")
    paths = sorted(path for path in _walk(log, exclude.resolve()) if _is_log(path))
    if not paths:
        endings = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
        raise LogError(f"{log}: a log's folder holds its parts ({endings}), this one has none")
    return [LogFile.open(path, path.name * (len(paths) > 1), text_column) for path in paths]


def left_out(log: Path, exclude: Path) -> list[str]:
    """Give the names of the files in a log's folder that are not read, hidden ones apart."""
    if not log.is_dir():
        return []
    paths = _walk(log, exclude.resolve())
    return sorted(utf8_text(path.name) for path in paths if not _is_log(path))


def _walk(folder: Path, exclude: Path) -> Iterator[Path]:
    """Give the files below a folder that are not hidden, each once.

    :raises LogError: A folder can't be read.
    """

    def refuse(error: OSError) -> None:
        raise LogError(f"{error.filename}: can't be read: {error.strerror}") from error

    seen = {exclude}
    for root, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        real = Path(root).resolve()
        if real in seen or (Path(root) != folder and "run.json" in files):
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        yield from (Path(root) / name for name in files if not name.startswith((".", "_")))


def _is_log(path: Path) -> bool:
    name = path.name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return name.endswith(SUFFIXES) or re.fullmatch(r"part-\d+\S*", name) is not None


def file_hash(path: Path) -> bytes:
    """Hash the content of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def fingerprint(file_hashes: Iterable[bytes]) -> str:
    """Hash the content of a log, given the hashes of its files in order."""
    return hashlib.sha256(b"".join(file_hashes)).hexdigest()


def _refuse_other_formats(path: Path, start: bytes) -> None:
    """Name a file that is no log, by how it begins and what it is called.

    :raises LogError: It is none.
    """
    other = _by_start(_NO_LOGS, start) or _by_start(_NO_LOGS, start.lstrip().lower())
    if start[257:262] == b"ustar":
        other = "a tar archive; cure: unpack it, and name its folder"
    other = other or _NO_LOG_SUFFIXES.get(_suffix_of(path))
    if other is not None:
        raise LogError(f"{path}: no log, but {other}")
    zeros = max(start[::2].count(0), start[1::2].count(0))
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or zeros > len(start) // 4:
        raise LogError(f"{path}: a log is UTF-8, this is UTF-16; cure: save it as UTF-8")


def _by_start(kinds: Mapping[bytes, str], start: bytes) -> str | None:
    return next((kind for magic, kind in kinds.items() if start.startswith(magic)), None)


def _suffix_of(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in PACKED]
    return suffixes[-1] if suffixes else ""


def _sound(number: int, line: str) -> Rejected | None:
    """Reject a line that is too long, or not UTF-8."""
    if len(line) > MAX_LINE_CHARACTERS:
        return _too_long(number, line)
    if not line.isascii() and re.search("[\ud800-\udfff]", line):
        return Rejected.of(number, "not UTF-8", line)
    return None


def _too_long(number: int, line: object) -> Rejected:
    return Rejected.of(number, f"longer than {MAX_LINE_CHARACTERS:,} characters", line)


def _json_record(number: int, line: str | bytes) -> Record | Rejected:
    try:
        fields = decode_json(line)
    except (ValueError, RecursionError) as error:
        return Rejected.of(number, f"not JSON: {error}", line)
    if isinstance(fields, str):
        fields = {"text": fields}
    if isinstance(fields, dict):
        return Record(number, fields)
    return Rejected.of(number, "a line is an object with keys", line)


def _values(column: Any) -> list[Any]:  # noqa: ANN401 - naming the type would import pyarrow
    """Give the values of a column; a text that is not UTF-8 is given as bytes."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):  # nanoseconds have no place in a datetime
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    try:
        return cast(list[Any], column.to_pylist())
    except UnicodeDecodeError:
        return cast(list[Any], column.cast("binary").to_pylist())
    except (ValueError, OverflowError):
        return [_value(scalar) for scalar in column]


def _value(scalar: Any) -> Any:  # noqa: ANN401 - a value of Arrow, and any value
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):  # a time that Python can't hold
        return str(scalar.type)


def _parquet_row(line: int, fields: dict[str, Any]) -> Record | Rejected:
    for name, value in fields.items():
        if isinstance(value, bytes):
            try:
                fields[name] = value.decode()
            except UnicodeDecodeError:
                return Rejected.of(line, f"{name} is not UTF-8", value)
    return Record(line, fields)


def utf8_text(text: str) -> str:
    """Replace what stands for bytes that are not UTF-8."""
    return well_formed(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
