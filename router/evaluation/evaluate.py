"""Run a router over a log: read a chunk, decide it, count it, keep it; then the figures of all."""

import shutil
import tempfile
import weakref
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from router.errors import LogError
from router.evaluation.counting import counted, least_certain, merged, mistakes
from router.evaluation.decided import Decided
from router.evaluation.figures import Figure, Figures
from router.evaluation.metrics import FORMAT, Lines, Metrics, Versions
from router.evaluation.run_parts import Checkpoint, Parts, Query, pretty
from router.evaluation.run_rows import FORMS, Form, read_jsonl
from router.evaluation.tally import UNIT, Counter, Tally
from router.files import explain_write_errors
from router.logs.formats import LogFile, Rejected, find_files, fingerprint, keep_stdin
from router.logs.labels import LabelReader
from router.logs.reader import CHUNK_LINES, Columns, LogChunk, read_log

if TYPE_CHECKING:
    import pyarrow

    from router.router import Router

LISTED = 100  # queries of each kind that metrics.json shows
STDIN = "-"
SPOOLED = "stdin.log"


@dataclass(frozen=True)
class Progress:
    """How far a run is: lines done, different texts decided, the share in [0, 1] of it all."""

    lines: int
    texts: int
    share: float


@dataclass(frozen=True)
class Evaluation:
    """What a run came to. The decisions stay on disk, in `folder`."""

    folder: Path
    metrics: Metrics
    tally: Tally
    form: Form

    @property
    def figures(self) -> dict[str, Figure]:
        """Every figure by its name, with its interval."""
        return self.metrics.intervals

    @property
    def is_here(self) -> bool:
        """Whether the files are this machine's own."""
        return True

    @property
    def place(self) -> str:
        """Where the files are, as a person writes it."""
        return str(self.folder)

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files in the folder."""
        return (self.form.name, "rejected.jsonl", "metrics.json", "run.json")

    def table(self) -> "pyarrow.Table":
        """All decisions as an arrow table, in the order of the log."""
        from pyarrow import parquet

        path = self.folder / self.form.name
        return parquet.read_table(path) if self.form is FORMS["parquet"] else read_jsonl(path)

    def rejected(self) -> Iterator[Rejected]:
        """Give the lines that can't be read, in order."""
        decoder = msgspec.json.Decoder(Rejected)
        with (self.folder / "rejected.jsonl").open("rb") as file:
            yield from map(decoder.decode, file)

    def to_pandas(self) -> Any:  # noqa: ANN401 - naming the type would need pandas
        """All decisions as a pandas data frame, in the order of the log."""
        return self.table().to_pandas()


def evaluate(
    router: "Router",
    log: str | Path,
    out: str | Path | None = None,
    *,
    columns: Columns = Columns(),  # noqa: B008 - a frozen value
    form: str = "jsonl",
    strict: bool = False,
    restart: bool = False,
    cache: bool = True,
    progress: Callable[[Progress], None] | None = None,
    chunk_lines: int = CHUNK_LINES,
) -> Evaluation:
    """Decide every line of a log, and write decisions, rejected lines and figures to a folder.

    Stopped at any time, the same call goes on where it was, and ends in the same bytes.

    :param log: A file, a folder of parts, or "-" for standard input.
    :param out: The folder; a temporary one, gone with the result, if None.
    :param form: Of the decisions: "jsonl" or "parquet".
    :param strict: Stop at the first line that can't be read.
    :param restart: Drop what a stopped run has done.
    :param cache: Keep the vectors of the texts in the cache folder, up to 2 GiB, so that after an
        edit of the pack the log is scored anew, but not embedded.
    :param progress: Told after each chunk.
    :raises LogError: The log can't be read, or has no line that can.
    :raises WriteError: The disk is full, or `out` can't be written to.
    """
    if form not in FORMS:
        raise LogError(f"the format is one of {', '.join(FORMS)}, was: {form!r}")
    folder = Path(tempfile.mkdtemp(prefix="router-")) if out is None else Path(out)
    parts = Parts(folder, FORMS[form])
    try:
        if restart:
            parts.drop()
        files = _files(log, parts)
        versions = Versions.of(router)
        settings = {
            "format": FORMAT,
            "log": str(log),
            "log_sha256": fingerprint(files),
            "versions": msgspec.to_builtins(versions),
            "columns": msgspec.to_builtins(columns),
            "form": form,
            "chunk_lines": chunk_lines,
        }
        parts.start(settings)
        remembering = router.with_vector_cache() if cache else router
        run = _Run(remembering, versions, parts, progress or (lambda _: None))
        run.take_up()
        labels = LabelReader(router.pack)
        chunks = read_log(files, columns, labels, strict=strict, lines=chunk_lines)
        run.go_on(_of_sound_log(chunks, parts))
        evaluation = run.finish(files, settings)
    except BaseException:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if out is None:
        weakref.finalize(evaluation, shutil.rmtree, folder, ignore_errors=True)
    return evaluation


@dataclass
class _Run:
    """A run as it goes on; what is done of it is on disk."""

    router: "Router"
    versions: Versions
    parts: Parts
    progress: Callable[[Progress], None]
    read: int = 0
    remembered: list[int] = field(default_factory=list)  # by the end of each chunk
    decided: Decided = field(default_factory=Decided)

    def take_up(self) -> None:
        """Remember what a stopped run has decided."""
        for number, done in enumerate(self.parts.checkpoints()):
            fresh = self.parts.fresh(number)
            self.decided.remember(fresh)
            self.decided.count(fresh)
            self._add(done)

    def go_on(self, chunks: Iterable[LogChunk]) -> None:
        """Decide the chunks that are left."""
        counter = Counter(self.router.pack)
        for chunk in islice(chunks, len(self.remembered), None):
            texts, places = (
                [getattr(line, name) for line in chunk.lines] for name in ("text", "line")
            )
            verdict, fresh = self.decided.decide(self.router, texts, places)
            rows, tally = counted(counter, chunk.lines, verdict)
            done = Checkpoint(
                read=chunk.read,
                decided=len(chunk.lines),
                rejected=len(chunk.rejected),
                remembered=len(self.decided),
                share=chunk.share,
                tally=tally,
                least_certain=least_certain(rows, LISTED),
                mistakes=mistakes(rows, LISTED),
            )
            content = self.parts.form.part(rows)
            with explain_write_errors(self.parts.out, _kept(self.read)):
                self.parts.add(len(self.remembered), content, chunk.rejected, fresh, done)
            self._add(done)

    def finish(self, files: Sequence[LogFile], settings: dict[str, Any]) -> Evaluation:
        """Work out the figures, and join the parts."""
        tally = Tally.sum(done.tally for done in self.parts.checkpoints())
        lines = self._lines(files, tally)
        lists = [(done.least_certain, done.mistakes) for done in self.parts.checkpoints()]
        metrics = Metrics.of(
            self.versions,
            lines,
            Figures(tally, self.router.pack),
            repeated=self._repeated(),
            least_certain=merged([uncertain for uncertain, _ in lists], LISTED, 1),
            mistakes=merged([wrong for _, wrong in lists], LISTED, -1),
        )
        others = {"metrics.json": metrics.to_json(), "run.json": pretty(settings)}
        parts, form = self.parts, self.parts.form
        with explain_write_errors(parts.out, _kept(lines.read)):
            parts.assemble(len(self.remembered), others)
            for other in FORMS.values():
                if other is not form:  # of an earlier run
                    (parts.out / other.name).unlink(missing_ok=True)
            parts.drop()
        return Evaluation(parts.out, metrics, tally, form)

    def _add(self, done: Checkpoint) -> None:
        self.read += done.read
        self.remembered.append(done.remembered)
        self.progress(Progress(self.read, self.decided.n_decided, done.share))

    def _lines(self, files: Sequence[LogFile], tally: Tally) -> Lines:
        """Count the lines, and make sure that none is lost."""
        rejected = sum(done.rejected for done in self.parts.checkpoints())
        found = sum(file.read for file in files)
        if not found == self.read == tally.lines + rejected:
            self.parts.drop()
            raise LogError(
                f"{found:,} lines were found, {tally.lines:,} decided and {rejected:,} rejected:"
                " the log has changed under the run; cure: run it again"
            )
        if not tally.lines:
            first = next((f"; the first: {one.reason}" for one in self._rejected()), "")
            self.parts.drop()
            raise LogError(
                f"a log needs a line that can be read; of {found:,} there is none{first}"
            )
        blank = sum(file.blank for file in files)
        texts = self.decided.n_decided
        return Lines(self.read, tally.lines, rejected, blank, tally.labelled, texts)

    def _rejected(self) -> Iterator[Rejected]:
        for number in range(len(self.remembered)):
            yield from self.parts.rejected(number)

    def _repeated(self) -> tuple[Query, ...]:
        """Show the texts that came most often."""
        queries = []
        for slot, count in self.decided.most_repeated(LISTED):
            number = bisect_right(self.remembered, slot)
            before = self.remembered[number - 1] if number else 0
            outcome, confidence, _ = self.decided.numbers(slot)
            fresh = self.parts.fresh(number)
            queries.append(
                Query(
                    line=fresh.lines[slot - before],
                    text=fresh.texts[slot - before],
                    action=outcome.action,
                    skills=outcome.skills,
                    packs=outcome.packs,
                    question=outcome.question,
                    confidence=confidence / UNIT,
                    count=count,
                )
            )
        return tuple(queries)


def _kept(lines: int) -> str:
    """Say what a run that can't write has kept."""
    return (
        f"{lines:,} lines are done and kept, the same command goes on from there, and earlier"
        " results are unchanged"
    )


def _of_sound_log(chunks: Iterable[LogChunk], parts: Parts) -> Iterator[LogChunk]:
    """Drop the parts of a log that can't be read on: once mended, it is another log."""
    try:
        yield from chunks
    except LogError:
        parts.drop()
        raise


def _files(log: str | Path, parts: Parts) -> list[LogFile]:
    """Find a log's files; what comes by standard input is kept as one first."""
    if str(log) != STDIN:
        return find_files(Path(log), exclude=parts.out)
    kept = parts.work / SPOOLED
    with explain_write_errors(parts.out, _kept(0)):
        keep_stdin(kept)
    return find_files(kept, exclude=parts.out)
