"""The decisions of a run on disk, as JSON lines or as Parquet, and the folder that holds them.

The columns are the fields of `DecidedLine` in `rows`: a new one is added there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, TypeVar, get_args, get_origin

import msgspec

from router._deprecated import renamed_method
from router.errors import LogError
from router.evaluation.metrics import Metrics, Versions
from router.evaluation.rows import DecidedLine
from router.evaluation.turn_figures import TURNS_FILE, TurnFigures
from router.logs.formats import LogFile, Record
from router.logs.labels import Gold
from router.logs.rotation import log_files
from router.router import Router

if TYPE_CHECKING:
    import pyarrow

_T = TypeVar("_T")

_BATCH_LINES = 8_192
_AGAIN = "run `router evaluate` again"
_GOLD_PREFIX = "gold_"
_LINE_ENDS = {"\x85": rb"\u0085", "\u2028": rb"\u2028", "\u2029": rb"\u2029"}
"""Characters that some readers take for the end of a line, and how JSON writes them otherwise."""


class _JsonLines:
    """A format of the decisions with a JSON object a line."""

    file_name = "decisions.jsonl"

    def write(self, parts: Iterable[Sequence[DecidedLine]], file: BinaryIO) -> None:
        encoder = msgspec.json.Encoder()
        for lines in parts:
            content = encoder.encode_lines(lines)
            if not content.isascii():
                for end, escaped in _LINE_ENDS.items():
                    content = content.replace(end.encode(), escaped)
            file.write(content)

    def read(self, path: Path) -> Iterator[DecidedLine]:
        decoder = msgspec.json.Decoder(DecidedLine)
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    try:
                        yield decoder.decode(line)
                    except (msgspec.DecodeError, UnicodeDecodeError) as error:
                        raise LogError(
                            f"{path}:{number}: not a decision: {error}; run the evaluation again"
                        ) from error


class _Parquet:
    """A format of the decisions as a Parquet file, or as a folder of such files."""

    file_name = "decisions.parquet"

    def write(self, parts: Iterable[Sequence[DecidedLine]], file: BinaryIO) -> None:
        from pyarrow import parquet

        with parquet.ParquetWriter(file, _decisions_schema(), compression="zstd") as writer:
            for lines in filter(None, parts):
                writer.write_table(_decisions_table(lines))

    def read(self, path: Path) -> Iterator[DecidedLine]:
        import pyarrow as pa
        from pyarrow import parquet

        if path.is_dir():
            yield from chain.from_iterable(map(self.read, sorted(path.iterdir())))
            return
        try:
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=_BATCH_LINES):
                    yield from map(_line_of_record, batch.to_pylist())
        except (pa.ArrowException, msgspec.ValidationError) as error:
            raise LogError(f"{path}: not a table of decisions: {error}; evaluate again") from error


DecisionsFormat: TypeAlias = _JsonLines | _Parquet
FORMATS: dict[str, DecisionsFormat] = {"jsonl": _JsonLines(), "parquet": _Parquet()}


@dataclass(frozen=True)
class RunFolder:
    """The folder that an evaluation leaves behind: decisions, figures and settings of a run.

    :param path: The folder.
    """

    path: Path

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """Find the decisions of a run, or of a service that keeps a `DecisionLog`.

        :param path: The folder, as `router evaluate --out` names it; or the file of the log.
        :raises LogError: The folder has no decisions.
        """
        run = cls(Path(path))
        if run.is_decision_log:
            return run
        if not any(run._decisions_file(name).exists() for name in FORMATS):
            names = (decisions_format.file_name for decisions_format in FORMATS.values())
            raise LogError(
                f"{run.path}: a run folder holds {' or '.join(names)}, this one neither;"
                " `router evaluate LOG --out FOLDER` writes one, and the file of a DecisionLog"
                " will do"
            )
        return run

    @property
    def is_decision_log(self) -> bool:
        """Whether this is the file of a `DecisionLog`, which has decisions and no figures."""
        return self.path.is_file()

    @property
    def name(self) -> str:
        """The name of the folder itself."""
        return self.path.resolve().name

    @cached_property
    def metrics(self) -> Metrics:
        """The figures of the run.

        :raises LogError: There are none, or another version wrote them.
        """
        metrics = self._read("metrics.json", Metrics)
        if metrics is None:
            raise LogError(f"{self.path}: the folder of a run has metrics.json; {_AGAIN}")
        return metrics

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What was run on what, as `run.json` holds it; empty if there is no such file."""
        return self._read("run.json", dict[str, Any]) or {}

    @cached_property
    def turns(self) -> TurnFigures | None:
        """What the run tells of turns of conversations; None if it decided single queries."""
        return self._read(TURNS_FILE, TurnFigures)

    def _read(self, name: str, kind: type[_T]) -> _T | None:
        """Read a JSON file of the folder; None if there is none.

        :raises LogError: The file can't be read, or another version wrote it.
        """
        path = self.path / name
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except (FileNotFoundError, NotADirectoryError):  # a DecisionLog is a file
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise LogError(f"{path}: this version can't read it: {error}; {_AGAIN}") from error

    def decisions(self) -> Iterator[DecidedLine]:
        """Read the decisions, in the order of the log; memory holds one batch.

        :raises LogError: A line is not what an evaluation writes; the message names it.
        """
        if self.is_decision_log:
            return _logged_decisions(self.path)
        name = "parquet" if self._decisions_file("parquet").exists() else "jsonl"
        return FORMATS[name].read(self._decisions_file(name))

    def check_pack(self, router: Router) -> None:
        """Make sure that a router has the pack of the run.

        :param router: The router that is to explain the run.
        :raises LogError: It has another pack, or the run has no figures of this version. A
            `DecisionLog` has no figures, and is made sure to name no skill that the pack lacks.
        """
        if self.is_decision_log:
            _check_targets(self.path, router)
            return
        expected, actual = self.metrics.versions, Versions.of(router)
        if expected.pack_hash != actual.pack_hash:
            raise LogError(
                f"{self.path}: the run was made with the pack {expected.pack} as of"
                f" {expected.pack_hash}, this is {actual.pack} as of {actual.pack_hash};"
                " cure: give that pack with --pack, or evaluate the log again"
            )

    rows = renamed_method("RunFolder", "rows", "decisions")

    def table(self) -> "pyarrow.Table":
        """Read the decisions as an arrow table, in the order of the log."""
        import pyarrow as pa

        path = self._decisions_file("parquet")
        if path.exists():
            from pyarrow import parquet

            return parquet.read_table(path)
        lines, batches = self.decisions(), []
        while batch := list(islice(lines, _BATCH_LINES)):
            batches.append(_decisions_table(batch))
        return pa.concat_tables([_decisions_schema().empty_table(), *batches])

    def _decisions_file(self, name: str) -> Path:
        return self.path / FORMATS[name].file_name


def _logged_decisions(path: Path) -> Iterator[DecidedLine]:
    """Read the files of a `DecisionLog`; a line that a crash has cut off is left out."""
    number = 0
    for file in log_files(path):
        for record in LogFile.open(file).records() if file.stat().st_size else ():
            number += 1
            if not isinstance(record, Record):
                continue
            given = {"line": number, "id": str(record.fields.get("id", number))}
            fields = {**record.fields, **given, "gold": None, "accepted": None}
            try:
                yield msgspec.convert(fields, DecidedLine)
            except msgspec.ValidationError as error:
                raise LogError(
                    f"{file}: decision {number} is none: {error}; cure: name a run's folder,"
                    " or the file of a DecisionLog"
                ) from error


def _check_targets(path: Path, router: Router) -> None:
    known = {*router.pack.target_ids}
    for line in _logged_decisions(path):
        for target in (*line.skills, *line.packs):
            if target not in known:
                raise LogError(
                    f"{path}: line {line.line} was decided for {target!r}, which the pack"
                    f" {router.pack.file.id} lacks; cure: give the pack of the service with --pack"
                )


def _decisions_table(lines: Sequence[DecidedLine]) -> "pyarrow.Table":
    """Lay decided lines out in columns; a label has columns of its own."""
    import pyarrow as pa

    schema = _decisions_schema()
    golds = [line.gold for line in lines]
    columns = []
    for name in schema.names:  # column by column: pyarrow needs seven times as long for records
        part = name.removeprefix(_GOLD_PREFIX)
        if part != name:
            values = [getattr(gold, part, None) for gold in golds]
        else:
            values = [getattr(line, name) for line in lines]
        columns.append(pa.array(values, schema.field(name).type))
    return pa.table(columns, schema=schema)


def _decisions_schema() -> "pyarrow.Schema":
    import pyarrow as pa

    columns = []
    for field in msgspec.structs.fields(DecidedLine):
        if field.name == "gold":
            for part in msgspec.structs.fields(Gold):
                columns.append(pa.field(_GOLD_PREFIX + part.name, _arrow_type(part.type)))
        else:
            may_be_null = NoneType in get_args(field.type)
            columns.append(pa.field(field.name, _arrow_type(field.type), may_be_null))
    return pa.schema(columns)


def _arrow_type(annotation: Any) -> "pyarrow.DataType":  # noqa: ANN401 - any type annotation
    import pyarrow as pa

    options = get_args(annotation)
    plain = options[0] if NoneType in options else annotation
    kinds = {int: pa.int64(), float: pa.float32(), bool: pa.bool_()}
    kinds |= {datetime: pa.timestamp("us", "UTC"), tuple: pa.list_(pa.string())}
    return kinds.get(get_origin(plain) or plain, pa.string())


def _line_of_record(record: Mapping[str, Any]) -> DecidedLine:
    """Gather the columns of a label again."""
    fields = {key: value for key, value in record.items() if not key.startswith(_GOLD_PREFIX)}
    if record["gold_action"] is not None:
        names = Gold.__struct_fields__
        fields["gold"] = {name: record[_GOLD_PREFIX + name] for name in names}
    return msgspec.convert(fields, DecidedLine)
