"""Evaluate a log with Ray Data, from and to any store that Arrow reaches (local, S3, GCS, HDFS).

Two passes, both by Ray's workers: every file is measured, so that lines have the numbers they would
have on one machine; then chunks of lines go, as Arrow tables, to workers that have loaded the model
once. Each chunk comes back as its sums alone; its decisions stay where the worker wrote them.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from router.encoders.default import default_encoder
from router.encoders.encoder import Encoder
from router.engines.chunks import (
    Decider,
    Measured,
    Part,
    Task,
    chunks_of,
    hashed,
    measure,
    parts_of,
)
from router.engines.stores import JOINED, Store
from router.errors import LogError, RouterError
from router.evaluation.counting import merged
from router.evaluation.evaluate import LISTED, STDIN, Evaluation, Progress
from router.evaluation.figures import Figures
from router.evaluation.metrics import FORMAT, Lines, Metrics, Versions
from router.evaluation.run_parts import Checkpoint, Query, pretty
from router.evaluation.run_rows import FORMS
from router.evaluation.tally import Tally
from router.logs.formats import Rejected
from router.logs.reader import CHUNK_LINES, Columns
from router.packs.pack import Pack

if TYPE_CHECKING:
    import pyarrow

    from router.router import Router

BLOCK = 1 << 17
"""Bytes of a block that Ray hands on: about a thousand lines, so that all workers share."""

READING, DECIDING = 0.1, 0.9
"""Shares of a CPU, so that reading never takes one from deciding, nor waits for all of it."""


def evaluate(
    router: "Router",
    log: str | Path,
    out: str | Path,
    *,
    address: str | None = None,
    workers: int | None = None,
    columns: Columns = Columns(),  # noqa: B008 - a frozen value
    strict: bool = False,
    progress: Callable[[Progress], None] | None = None,
    chunk_lines: int = CHUNK_LINES,
    encoder: Callable[[], Encoder] = default_encoder,
) -> Evaluation:
    """Decide every line of a log on a Ray cluster; the figures are those of `evaluation.evaluate`.

    Written are `decisions.parquet`, a folder of parts, `rejected.jsonl`, and `metrics.json` last.
    Nothing of a stopped run is taken up: each begins by clearing the folder. Left out is the list
    of repeated texts, which no worker alone can know; `texts` counts what the workers decided, a
    text that two of them met twice.

    :param log: A file or folder of parts, as a path or a URI ("s3://bucket/log").
    :param out: A folder that all workers reach, as a path or a URI.
    :param address: Of the cluster; one is started on this machine if None and none is running.
    :param workers: That hold a model each; one for each CPU of the cluster if None.
    :param encoder: Makes the router's encoder anew on each worker.
    :raises LogError: The log can't be read, has no line that can, or a line can't be decided; the
        message names it.
    :raises RouterError: Ray is not installed.
    """
    if str(log) == STDIN:
        raise LogError(
            "standard input comes to one machine and can't be spread; cure: name a file or folder,"
            " or leave the engine local"
        )
    store, source = Store.of(out), Store.of(log)
    with _cluster(address):
        measured = _measured(source)
        store.clear()
        task = Task(
            pack=router.pack,
            model=router.model,
            calibration=router.calibration,
            encoder_key=router.encoder.key,
            make_encoder=encoder,
            out=store,
            columns=columns,
            strict=strict,
            lines=chunk_lines,
        )
        total = _Total(measured, progress or (lambda _: None))
        for row in _decided(task, parts_of(measured), workers):
            total.add(msgspec.json.decode(row["done"], type=Checkpoint))
    versions = Versions.of(router)
    metrics = total.metrics(versions, router.pack)
    settings = {
        "format": FORMAT,
        "log": str(log),
        "log_sha256": hashed(measured),
        "versions": msgspec.to_builtins(versions),
        "columns": msgspec.to_builtins(columns),
        "form": "parquet",
        "chunk_lines": chunk_lines,
        "engine": "ray",
    }
    store.join_rejected()
    store.write("run.json", pretty(settings))
    store.write("metrics.json", metrics.to_json())
    return Spread(store.here or Path(out), metrics, total.tally, FORMS["parquet"], store)


@dataclass(frozen=True)
class Spread(Evaluation):
    """What a run came to, wherever its files are. Without `is_here`, `folder` is but a name."""

    store: Store

    @property
    def is_here(self) -> bool:
        """Whether the files are this machine's own."""
        return self.store.here is not None

    @property
    def place(self) -> str:
        """Where the files are, as a person writes it."""
        return str(self.folder) if self.is_here else self.store.root

    def table(self) -> "pyarrow.Table":
        """All decisions as an arrow table, in the order of the log."""
        return self.store.table(self.form.name)

    def rejected(self) -> Iterator[Rejected]:
        """Give the lines that can't be read, in order."""
        decoder = msgspec.json.Decoder(Rejected)
        yield from map(decoder.decode, self.store.lines(JOINED))


@dataclass
class _Total:
    """Sums of the chunks that came back, in whatever order."""

    measured: Sequence[Measured]
    progress: Callable[[Progress], None]
    read: int = 0
    rejected: int = 0
    texts: int = 0
    tally: Tally = field(default_factory=Tally)
    least_certain: tuple[Query, ...] = ()
    mistakes: tuple[Query, ...] = ()

    @property
    def found(self) -> int:
        """Lines that hold something."""
        return sum(one.found for one in self.measured)

    def add(self, done: Checkpoint) -> None:
        """Add a chunk."""
        self.read += done.read
        self.rejected += done.rejected
        self.texts += done.remembered
        self.tally = Tally.sum([self.tally, done.tally])
        uncertain = [list(self.least_certain), done.least_certain]
        self.least_certain = merged(uncertain, LISTED, 1)
        self.mistakes = merged([list(self.mistakes), done.mistakes], LISTED, -1)
        self.progress(Progress(self.read, self.texts, self.read / max(self.found, 1)))

    def metrics(self, versions: Versions, pack: Pack) -> Metrics:
        """Work out the figures, and make sure that no line is lost.

        :raises LogError: One is, or there is none that can be read.
        """
        tally = self.tally
        if not self.found == self.read == tally.lines + self.rejected:
            raise LogError(
                f"{self.found:,} lines were found, {tally.lines:,} decided and {self.rejected:,}"
                " rejected: the log has changed under the run; cure: run it again"
            )
        if not tally.lines:
            raise LogError(f"a log needs a line that can be read; of {self.found:,} there is none")
        blank = sum(one.blank for one in self.measured)
        return Metrics.of(
            versions,
            Lines(self.read, tally.lines, self.rejected, blank, tally.labelled, self.texts),
            Figures(tally, pack),
            repeated=(),
            least_certain=self.least_certain,
            mistakes=self.mistakes,
        )


def _measured(source: Store) -> list[Measured]:
    """Let workers count the lines of each file."""
    from ray.data import from_items

    files = source.files()
    rows = from_items([{"uri": uri} for uri in files], override_num_blocks=len(files))
    found = {row["uri"]: row for row in rows.map(_measure_row).take_all()}
    return [msgspec.convert(found[uri], Measured) for uri in files]


def _measure_row(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(measure(row["uri"]))
    return found


def _decided(task: Task, parts: Sequence[Part], workers: int | None) -> Iterator[dict[str, Any]]:
    """Give a row for each chunk, as they are done."""
    import ray

    pool = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    rows = [asdict(part) for part in parts]
    chunks = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        _Reader(task.pack, task.columns, task.strict, task.lines),
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=READING,
    )
    done = chunks.map_batches(
        Decider,
        fn_constructor_args=(task,),
        batch_size=task.lines,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=pool),
        num_cpus=DECIDING,
    )
    yield from done.iter_rows()


@dataclass(frozen=True)
class _Reader:
    """Reads one file after the other."""

    pack: Pack
    columns: Columns
    strict: bool
    lines: int

    def __call__(self, batch: Any) -> Iterator[Any]:  # noqa: ANN401 - arrow tables
        for row in batch.to_pylist():
            yield from chunks_of(Part(**row), self.pack, self.columns, self.strict, self.lines)


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Join the cluster; one that was started here ends with the block."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise RouterError(
            f"the engine ray needs Ray Data, which can't be imported: {error};"
            " cure: pip install 'router[ray]'"
        ) from error
    started = not ray.is_initialized()
    if started:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody else is told of this run
        try:
            ray.init(
                address=address,
                include_dashboard=None if address else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (ConnectionError, ValueError) as error:
            raise RouterError(
                f"Ray can't be joined at {address or 'this machine'}: {error}"
            ) from error
    context, logger = ray.data.DataContext.get_current(), logging.getLogger("ray.data")
    before = context.target_max_block_size, context.enable_progress_bars, logger.level
    context.target_max_block_size, context.enable_progress_bars = BLOCK, False
    logger.setLevel(logging.ERROR)  # progress is told by `progress`
    try:
        yield
    except ray.exceptions.RayError as error:
        cause = _own(error)
        if cause is None:
            raise LogError(f"Ray could not finish the run: {error}") from error
        raise type(cause)(str(cause)) from error
    finally:
        context.target_max_block_size, context.enable_progress_bars, level = before
        logger.setLevel(level)
        if started:
            ray.shutdown()


def _own(error: BaseException | None) -> RouterError | None:
    """Find the error of ours that Ray has wrapped."""
    while error is not None:
        if isinstance(error, RouterError):
            return error
        error = getattr(error, "cause", None) or error.__cause__
    return None
