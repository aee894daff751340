"""Evaluates a router on a log, chunk by chunk: reads it, decides it, counts it and writes it."""

import io
import shutil
import tempfile
import weakref
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from router._deprecated import warn_renamed
from router.errors import LogError
from router.evaluation.checkpoint import Checkpoint, UnfinishedRun
from router.evaluation.counts import DecisionCounts
from router.evaluation.decision_memo import DecisionMemo
from router.evaluation.decisions_file import FORMATS, RunFolder
from router.evaluation.metrics import RUN_FORMAT, Metrics, Versions, pretty_json
from router.evaluation.rows import Query, decided_lines
from router.evaluation.totals import MAX_LISTED, RunTotals, decide_chunk
from router.files import explain_write_errors
from router.logs.formats import LogFile, Rejected, file_hash, find_files, fingerprint, keep_stdin
from router.logs.labels import LabelReader
from router.logs.reader import CHUNK_LINES, Columns, LogChunk, LogLine, read_log
from router.router import Router
from router.statistics.figure import Figure

if TYPE_CHECKING:
    import pyarrow

STDIN = "-"
_STDIN_COPY = "stdin.log"


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    :param lines: The lines read.
    :param texts: The different texts decided.
    :param share: The share of the log that has been read, in [0, 1].
    """

    lines: int
    texts: int
    share: float


@dataclass(frozen=True)
class Evaluation:
    """The result of a run. The decisions stay on disk.

    :param folder: The folder of the run; a URI if the files are on no file system of this machine.
    :param metrics: The content of `metrics.json`.
    :param counts: The counts from which the figures were computed.
    :param format: The format of the decisions: "jsonl" or "parquet".
    """

    folder: Path | str
    metrics: Metrics
    counts: DecisionCounts
    format: str

    @property
    def figures(self) -> dict[str, Figure]:
        """Every figure by its name, with its interval."""
        return self.metrics.intervals

    @property
    def is_here(self) -> bool:
        """Whether the files are on a file system of this machine."""
        return isinstance(self.folder, Path)

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files in the folder."""
        return (FORMATS[self.format].file_name, "rejected.jsonl", "metrics.json", "run.json")

    def table(self) -> "pyarrow.Table":
        """Read all decisions as an arrow table, in the order of the log."""
        if isinstance(self.folder, Path):
            return RunFolder(self.folder).table()
        from pyarrow import parquet

        return parquet.read_table(f"{self.folder}/{self.files[0]}")

    def rejected(self) -> Iterator[Rejected]:
        """Give the lines that can't be read, in order."""
        yield from map(msgspec.json.Decoder(Rejected).decode, self._lines("rejected.jsonl"))

    def to_pandas(self) -> Any:  # noqa: ANN401 - naming the type would need pandas
        """Read all decisions as a pandas data frame, in the order of the log."""
        return self.table().to_pandas()

    @property
    def form(self) -> str:
        """Use `format` instead; this name is deprecated."""
        warn_renamed("Evaluation.form", "Evaluation.format")
        return self.format

    def _lines(self, name: str) -> Iterator[bytes]:
        if isinstance(self.folder, Path):
            with (self.folder / name).open("rb") as file:
                yield from file
            return
        from pyarrow.fs import FileSystem

        system, path = FileSystem.from_uri(f"{self.folder}/{name}")
        with system.open_input_file(path) as stream:
            yield from io.BufferedReader(stream)


def evaluate(
    router: Router,
    log: str | Path,
    out: str | Path | None = None,
    *,
    columns: Columns = Columns(),  # noqa: B008 - a frozen value
    format: str = "jsonl",
    strict: bool = False,
    restart: bool = False,
    cache: bool = True,
    progress: Callable[[Progress], None] | None = None,
    chunk_lines: int = CHUNK_LINES,
    form: str | None = None,
) -> Evaluation:
    """Decide every line of a log, and write decisions, rejected lines and figures to a folder.

    If the run is stopped at any time, the same call goes on where it was, and ends in the same
    bytes.

    :param router: Decides the queries.
    :param log: A file, a folder of files, or "-" for standard input.
    :param out: The folder; if None, a temporary one that is removed with the result.
    :param columns: Names of the columns; they are guessed by default.
    :param format: The format of the decisions: "jsonl" or "parquet".
    :param strict: Stop at the first line that can't be read.
    :param restart: Drop what a stopped run has done.
    :param cache: Keep the vectors of the texts in the cache folder, up to 2 GiB, so that after an
        edit of the pack the log is decided again without being embedded again.
    :param progress: Called after each chunk.
    :param chunk_lines: Lines that are read, decided and kept at a time.
    :param form: The former name of `format`; deprecated.
    :raises LogError: The log can't be read, or it has no line that can be read.
    :raises WriteError: The disk is full, or `out` can't be written to.
    """
    if form is not None:
        warn_renamed("evaluate(form=...)", "evaluate(format=...)")
        format = form
    if format not in FORMATS:
        raise LogError(f"the format is one of {', '.join(FORMATS)}, was: {format!r}")
    folder = Path(tempfile.mkdtemp(prefix="router-")) if out is None else Path(out)
    try:
        unfinished = UnfinishedRun(folder, FORMATS[format])
        if restart:
            unfinished.drop()
        files = _find_files(log, unfinished)
        versions = Versions.of(router)
        log_hash = fingerprint(file_hash(file.path) for file in files)
        settings = run_settings(versions, log, log_hash, columns, format, chunk_lines)
        unfinished.start(settings)
        run = _Run(router.with_vector_cache() if cache else router, unfinished, progress)
        run.resume()
        run.go_on(
            read_log(files, columns, LabelReader(router.pack), strict=strict, lines=chunk_lines)
        )
        metrics = run.finish(versions, files, settings)
        evaluation = Evaluation(folder, metrics, run.totals.counts, format)
    except BaseException:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if out is None:
        weakref.finalize(evaluation, shutil.rmtree, folder, ignore_errors=True)
    return evaluation


def run_settings(
    versions: Versions,
    log: str | Path,
    log_hash: str,
    columns: Columns,
    format: str,
    chunk_lines: int,
) -> dict[str, Any]:
    """Describe what is run on what, as `run.json` holds it."""
    return {
        "format": RUN_FORMAT,
        "log": str(log),
        "log_sha256": log_hash,
        "versions": msgspec.to_builtins(versions),
        "columns": msgspec.to_builtins(columns),
        "form": format,
        "chunk_lines": chunk_lines,
    }


@dataclass
class _Run:
    """A run while it goes on; what is done of it is on disk."""

    router: Router
    unfinished: UnfinishedRun
    progress: Callable[[Progress], None] | None
    memo: DecisionMemo = field(default_factory=DecisionMemo)
    totals: RunTotals = field(default_factory=RunTotals)
    slots: list[int] = field(default_factory=list)  # texts remembered by the end of each chunk

    def resume(self) -> None:
        """Take up what a stopped run has decided."""
        for checkpoint in self.unfinished.checkpoints():
            self.memo.remember(checkpoint.new)
            self._add(checkpoint)

    def go_on(self, chunks: Iterable[LogChunk]) -> None:
        """Decide the chunks that are left."""
        try:
            for chunk in islice(chunks, len(self.slots), None):
                self._decide(chunk)
        except LogError:  # once the log is mended, it is another log
            self.unfinished.drop()
            raise

    def finish(
        self, versions: Versions, files: Sequence[LogFile], settings: dict[str, Any]
    ) -> Metrics:
        """Compute the figures, and join the chunks."""
        unfinished, pack = self.unfinished, self.router.pack
        lines, blank = sum(file.read for file in files), sum(file.blank for file in files)
        try:
            metrics = self.totals.metrics(
                versions, pack, lines=lines, blank=blank, repeated=self._repeated()
            )
        except LogError:
            unfinished.drop()
            raise
        contents = {"metrics.json": metrics.to_json(), "run.json": pretty_json(settings)}
        with explain_write_errors(unfinished.out, _kept(lines)):
            unfinished.assemble(len(self.slots), contents)
            for decisions_format in FORMATS.values():
                if decisions_format is not unfinished.format:  # left by an earlier run
                    (unfinished.out / decisions_format.file_name).unlink(missing_ok=True)
            unfinished.drop()
        return metrics

    def _decide(self, chunk: LogChunk) -> None:
        decided, new, totals = decide_chunk(self.router, self.memo, chunk.lines, chunk.rejected)
        checkpoint = Checkpoint(chunk.share, totals, chunk.rejected, new)
        content = self.unfinished.format.encode(decided)
        with explain_write_errors(self.unfinished.out, _kept(self.totals.read)):
            self.unfinished.add(len(self.slots), content, checkpoint)
        self._add(checkpoint)

    def _add(self, checkpoint: Checkpoint) -> None:
        self.totals.add(checkpoint.totals)
        self.slots.append(len(self.memo))
        if self.progress is not None:
            self.progress(Progress(self.totals.read, self.totals.texts, checkpoint.share))

    def _repeated(self) -> list[Query]:
        """List the texts that came most often, each as it came first."""
        counts = dict(self.memo.most_repeated(MAX_LISTED))
        lines: dict[int, LogLine] = {}
        for number, slots in groupby(sorted(counts), partial(bisect_right, self.slots)):
            new = self.unfinished.checkpoint(number).new
            first_slot = self.slots[number - 1] if number else 0
            for slot in slots:
                index = slot - first_slot
                lines[slot] = LogLine(new.lines[index], "", new.texts[index])
        decided = decided_lines(
            [lines[slot] for slot in counts],
            self.memo.batch(list(counts)),
            self.router.pack.precedence,
        )
        return [Query.of(*pair) for pair in zip(decided, counts.values(), strict=True)]


def _kept(lines: int) -> str:
    """Say what a run that can't write has kept."""
    return (
        f"{lines:,} lines are done and kept, the same command goes on from there, and earlier"
        " results are unchanged"
    )


def _find_files(log: str | Path, unfinished: UnfinishedRun) -> list[LogFile]:
    """Find the files of a log; standard input is first copied to one."""
    if str(log) != STDIN:
        return find_files(Path(log), exclude=unfinished.out)
    path = unfinished.work / _STDIN_COPY
    with explain_write_errors(unfinished.out, _kept(0)):
        keep_stdin(path)
    return find_files(path, exclude=unfinished.out)
