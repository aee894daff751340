"""Evaluates a router on a log, chunk by chunk: reads it, decides it, counts it and writes it."""

import shutil
import tempfile
import weakref
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import msgspec

from router._deprecated import warn_renamed
from router.decisions.outcome import OutcomeBatch
from router.decisions.words import count_of
from router.errors import LogError, RouterError
from router.evaluation.checkpoint import Part, UnfinishedRun
from router.evaluation.counts import DecisionCounts
from router.evaluation.decision_memo import DecisionMemo, NewTexts
from router.evaluation.decisions_file import FORMATS, RunFolder
from router.evaluation.metrics import (
    RUN_FORMAT,
    LineTotals,
    Metrics,
    Versions,
    pretty_json,
    queries_of,
)
from router.evaluation.ranking import RANKED_LINES_FILE, RANKING_FILE
from router.evaluation.rows import MAX_LISTED, Query, decided_lines, outcome_batch
from router.evaluation.turn_figures import (
    TURNS_FILE,
    DecidedBatch,
    SaidTurn,
    TurnFigures,
    TurnNote,
    decide_said_turns,
)
from router.files import explain_write_errors
from router.logs.formats import (
    LogFile,
    Rejected,
    file_hash,
    find_files,
    fingerprint,
    left_out,
    utf8_text,
)
from router.logs.labels import LabelReader
from router.logs.locations import copy_to_store, local_log, local_path
from router.logs.reader import CHUNK_LINES, Columns, LogChunk, LogLine, read_log
from router.logs.turns import WhichTurns, said_in, turn_chunks
from router.router import Router
from router.statistics.figure import Figure

if TYPE_CHECKING:
    import pyarrow

DecideBatches: TypeAlias = Callable[[Iterable[list[str]]], Iterator[OutcomeBatch]]
"""Decides batches of texts, and gives their decisions in order."""

DecideTurns: TypeAlias = Callable[[Iterable[list[SaidTurn]]], Iterator[DecidedBatch]]
"""Decides batches of turns, and gives their decisions and needs in order."""


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

    :param folder: The folder of the run. If `out` is a URI, a copy on this machine that is removed
        with the result.
    :param metrics: The content of `metrics.json`.
    :param counts: The counts from which the figures were computed.
    :param format: The format of the decisions: "jsonl" or "parquet".
    """

    folder: Path
    metrics: Metrics
    counts: DecisionCounts
    format: str

    @property
    def figures(self) -> dict[str, Figure]:
        """Every figure by its name, with its interval."""
        return self.metrics.intervals

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files in the folder."""
        names = (FORMATS[self.format].file_name, "rejected.jsonl", "metrics.json", "run.json")
        further = (TURNS_FILE, RANKING_FILE, RANKED_LINES_FILE)
        return (*names, *(name for name in further if (self.folder / name).exists()))

    @property
    def turns(self) -> TurnFigures | None:
        """What the run tells of turns of conversations; None if it decided single queries."""
        return RunFolder(self.folder).turns

    def table(self) -> "pyarrow.Table":
        """Read all decisions as an arrow table, in the order of the log."""
        return RunFolder(self.folder).table()

    def rejected(self) -> Iterator[Rejected]:
        """Give the lines that can't be read, in order."""
        with (self.folder / "rejected.jsonl").open("rb") as file:
            yield from map(msgspec.json.Decoder(Rejected).decode, file)

    def to_pandas(self) -> Any:  # noqa: ANN401 - naming the type would need pandas
        """Read all decisions as a pandas data frame, in the order of the log."""
        return self.table().to_pandas()

    @property
    def form(self) -> str:
        """Use `format` instead; this name is deprecated."""
        warn_renamed("Evaluation.form", "Evaluation.format")
        return self.format


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
    decide: DecideBatches | None = None,
    decide_turns: DecideTurns | None = None,
    turns: WhichTurns | None = None,
    notify: Callable[[str], None] = lambda sentence: None,
    form: str | None = None,
) -> Evaluation:
    """Decide every line of a log, and write decisions, rejected lines and figures to a folder.

    If the run is stopped at any time, the same call goes on where it was, and ends in the same
    bytes. Only a run whose folder is a URI starts over.

    :param router: Decides the queries.
    :param log: A file, a folder of files, a URI of one of these ("s3://bucket/log"), or "-" for
        standard input.
    :param out: The folder, as a path or a URI; if None, a temporary one that is removed with the
        result.
    :param columns: Names of the columns; they are guessed by default.
    :param format: The format of the decisions: "jsonl" or "parquet".
    :param strict: Stop at the first line that can't be read.
    :param restart: Drop what a stopped run has done.
    :param cache: Keep the vectors of the texts in the cache folder, up to 2 GiB, so that after an
        edit of the pack the log is decided again without being embedded again.
    :param progress: Called after each chunk.
    :param chunk_lines: Lines that are read, decided and kept at a time.
    :param decide: Decides batches of texts in place of `router`, for example on other machines.
    :param decide_turns: Likewise decides batches of turns of conversations.
    :param turns: Decide turns of conversations, each with what was said before it: the "last" turn
        of each conversation, or "all". A conversation is a line with its messages, or the lines
        that name it, by time. If None, each line is a query of its own.
    :param notify: Called with sentences that say how files and columns are understood.
    :param form: The former name of `format`; deprecated.
    :raises LogError: The log can't be read, it has no line that can be read, or another process is
        writing to the folder.
    :raises RouterError: A line can't be decided; the message names it.
    :raises WriteError: The disk is full, or `out` can't be written to.
    """
    if form is not None:
        warn_renamed("evaluate(form=...)", "evaluate(format=...)")
        format = form
    _check_settings(format, turns)
    folder = local_path(out)
    is_temporary = folder is None
    folder = folder or Path(tempfile.mkdtemp(prefix="router-"))
    unfinished = UnfinishedRun(folder)
    try:
        with unfinished.locked():
            if restart:
                unfinished.drop()
            files = _find_files(log, unfinished, columns, notify)
            versions = Versions.of(router)
            settings: dict[str, Any] = {
                "format": RUN_FORMAT,
                "log": utf8_text(str(log)),
                "log_sha256": fingerprint(file_hash(file.path) for file in files),
                "versions": msgspec.to_builtins(versions),
                "columns": msgspec.to_builtins(columns),
                "form": format,
                "chunk_lines": chunk_lines,
                **({} if turns is None else {"turns": turns}),
            }
            unfinished.start(settings)
            run = _Run(router, unfinished, progress, turns and TurnFigures(turns))
            run.resume()
            read = partial(
                read_log,
                columns=columns,
                labels=LabelReader(router.pack),
                strict=strict,
                lines=chunk_lines,
                turns=turns is not None,
            )
            decider = router.with_vector_cache() if cache else router
            chunks = read(files, notify=notify)
            if turns is None:
                run.go_on(chunks, decide or partial(map, decider.outcomes))
            else:
                said = said_in(read([copy(file) for file in files]))
                decide_said = partial(map, partial(decide_said_turns, decider))
                run.go_on(turn_chunks(chunks, turns, said), decide_turns or decide_said)
            metrics = run.finish(versions, files, settings)
        evaluation = Evaluation(folder, metrics, run.totals.counts, format)
        if out is not None and is_temporary:
            copy_to_store(folder, str(out))
    except BaseException:
        if is_temporary:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if is_temporary:
        weakref.finalize(evaluation, shutil.rmtree, folder, ignore_errors=True)
    return evaluation


def _check_settings(format: str, turns: str | None) -> None:
    if format not in FORMATS:
        raise LogError(f"the format is one of {', '.join(FORMATS)}, was: {format!r}")
    if turns is not None and turns not in get_args(WhichTurns):
        raise LogError(f"turns is last, all or None, was: {turns!r}")


def _find_files(
    log: str | Path, unfinished: UnfinishedRun, columns: Columns, notify: Callable[[str], None]
) -> list[LogFile]:
    """Find the files of a log, and name the files of a folder that are not read."""
    with explain_write_errors(unfinished.out, _kept(0)):
        path = local_log(log, unfinished.work)
    files = find_files(path, unfinished.out, columns.text)
    if skipped := left_out(path, unfinished.out):
        names = ", ".join(skipped[:5])
        notify(
            f"{log}: {count_of(len(skipped), 'file')} not read, because they are no logs: {names}"
        )
    return files


@dataclass
class _Run:
    """A run while it goes on; what is done of it is on disk."""

    router: Router
    unfinished: UnfinishedRun
    progress: Callable[[Progress], None] | None
    turns: TurnFigures | None = None
    memo: DecisionMemo = field(default_factory=DecisionMemo)
    totals: LineTotals = field(default_factory=LineTotals)
    n_rejected: int = 0
    first_rejected: Rejected | None = None
    last_lines: list[int] = field(default_factory=list)  # the last line of each part

    @property
    def n_read(self) -> int:
        """The lines read, which are decided or rejected."""
        return self.totals.counts.lines + self.n_rejected

    def resume(self) -> None:
        """Take up what a stopped run has decided."""
        for part in self.unfinished.parts():
            n_texts = len(part.decided)
            if self.turns is None:
                new = self.memo.look_up(part.decided)
                self.memo.fill(new, outcome_batch(new.lines))
                n_texts = len(new.lines)
            self._add(part, n_texts)

    def go_on(self, chunks: Iterable[LogChunk], decide: Callable[[Any], Iterator[Any]]) -> None:
        """Decide the chunks that are left.

        No decision on a turn is remembered: the same words mean another thing after something else.

        :param decide: A `DecideTurns` where turns are decided, else a `DecideBatches`.
        """
        pending: deque[tuple[LogChunk, NewTexts[LogLine]]] = deque()

        def batches() -> Iterator[list[Any]]:
            for chunk in islice(chunks, len(self.last_lines), None):
                is_new = NewTexts.all_of if self.turns is not None else self.memo.look_up
                pending.append((chunk, is_new(chunk.lines)))
                yield self._batch(pending[-1][1].lines)

        try:
            for decided in decide(batches()):
                self._write(*pending.popleft(), decided)
        except LogError:  # once the log is mended, it is another log
            self.unfinished.drop()
            raise
        except RouterError:
            raise
        except Exception as error:
            if not pending:  # the caller's `progress` has raised it
                raise
            raise self._undecidable(pending[0][1].lines, decide, error) from error

    def _batch(self, lines: Sequence[LogLine]) -> list[Any]:
        """Give what is decided of some lines: texts, or turns with what was said before them."""
        if self.turns is None:
            return [line.text for line in lines]
        return [(line.text, line.earlier) for line in lines]

    def _undecidable(
        self, lines: Sequence[LogLine], decide: Callable[[Any], Iterator[Any]], error: Exception
    ) -> RouterError:
        """Name the first line that can't be decided, by deciding them one by one."""
        for line in lines:
            try:
                next(iter(decide([self._batch([line])])))
            except Exception as cause:
                return RouterError(
                    f"line {line.line}: can't be decided: {cause}; the text starts with"
                    f" {line.text[:80]!r}"
                )
        return RouterError(
            f"lines {lines[0].line} to {lines[-1].line}: can't be decided together: {error}"
        )

    def finish(
        self, versions: Versions, files: Sequence[LogFile], settings: dict[str, Any]
    ) -> Metrics:
        """Compute the figures, and join the parts."""
        n_lines, n_blank = sum(file.read for file in files), sum(file.blank for file in files)
        try:
            self._check_lines(n_lines)
        except LogError:
            self.unfinished.drop()
            raise
        metrics = self.totals.metrics(
            self.router.pack, versions, n_lines, self.n_rejected, n_blank, self._repeated()
        )
        contents = {"metrics.json": pretty_json(metrics), "run.json": pretty_json(settings)}
        if self.turns is not None:
            contents[TURNS_FILE] = pretty_json(self.turns)
        out, chosen = self.unfinished.out, FORMATS[settings["form"]]
        with explain_write_errors(out, _kept(n_lines)):
            self.unfinished.assemble(chosen, contents)
            stale = {decisions.file_name for decisions in FORMATS.values()} | {TURNS_FILE}
            for name in (stale | {RANKING_FILE, RANKED_LINES_FILE}) - {chosen.file_name, *contents}:
                (out / name).unlink(missing_ok=True)
            self.unfinished.drop()
        return metrics

    def _check_lines(self, n_lines: int) -> None:
        """Make sure that no line is lost, and that there is one."""
        # A line can be several turns, or only what was said before another.
        if n_lines != self.n_read and self.turns is None:
            raise LogError(
                f"the log has {n_lines:,} lines, of which {self.totals.counts.lines:,} were decided"
                f" and {self.n_rejected:,} rejected: it has changed during the run; cure: run it"
                " again"
            )
        if not self.totals.counts.lines:
            first = self.first_rejected
            reason = "" if first is None else f"; the first: {first.reason}"
            raise LogError(
                f"a log needs a line that can be read; of {n_lines:,} there is none{reason}"
            )

    def _write(self, chunk: LogChunk, new: NewTexts[LogLine], decided: Any) -> None:  # noqa: ANN401
        """Write a chunk, whose new texts were decided, as a part."""
        notes: list[TurnNote] = []
        if self.turns is None:
            batch: OutcomeBatch = self.memo.fill(new, decided)
        else:
            batch, weights = decided
            pairs = zip(chunk.lines, weights, strict=True)
            notes = [TurnNote(line.position, round(weight, 4)) for line, weight in pairs]
        lines = decided_lines(chunk.lines, batch, self.router.pack.precedence)
        part = Part(chunk.share, lines, chunk.rejected, notes)
        with explain_write_errors(self.unfinished.out, _kept(self.n_read)):
            self.unfinished.add(len(self.last_lines), part)
        self._add(part, len(new.lines))

    def _add(self, part: Part, n_texts: int) -> None:
        self.totals.add(part.decided, self.router.pack, n_texts)
        self.n_rejected += len(part.rejected)
        if self.turns is not None:
            self.turns.add(part.decided, part.turns)
        self.first_rejected = self.first_rejected or next(iter(part.rejected), None)
        numbers = [line.line for line in part.decided] + [line.line for line in part.rejected]
        self.last_lines.append(max(numbers, default=max(self.last_lines, default=0)))
        if self.progress is not None:
            self.progress(Progress(self.n_read, self.totals.n_texts, part.share))

    def _repeated(self) -> list[Query]:
        """List the texts that came most often, each as it came first, without its label."""
        counts = self.memo.most_repeated(MAX_LISTED)
        numbers = {bisect_left(self.last_lines, line) for line in counts}
        parts = filter(None, map(self.unfinished.part, numbers))
        plain = msgspec.structs.replace
        return queries_of(
            (plain(line, gold=None) for part in parts for line in part.decided), counts
        )


def _kept(lines: int) -> str:
    """Say what a run that can't write has kept."""
    return (
        f"{lines:,} lines are done and kept, the same command goes on from there, and earlier"
        " results are unchanged"
    )
