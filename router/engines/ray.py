"""Evaluates a log on a Ray cluster, from and to any store that Arrow can reach (S3, GCS, HDFS).

This process reads the log and sends its chunks to workers that have loaded the model once. Only the
totals of a chunk come back; its decisions stay where the worker wrote them.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from router.encoders.default import default_encoder
from router.encoders.encoder import Encoder
from router.engines.stores import Store
from router.errors import EncoderError, LogError, RouterError
from router.evaluation.decision_memo import DecisionMemo
from router.evaluation.decisions_file import FORMATS
from router.evaluation.metrics import Versions, pretty_json
from router.evaluation.run import STDIN, Evaluation, Progress, run_settings
from router.evaluation.totals import RunTotals, decide_chunk
from router.logs.formats import LogFile, file_hash, fingerprint
from router.logs.labels import LabelReader
from router.logs.reader import CHUNK_LINES, Columns, LogChunk, read_log
from router.router import Router

_MAX_RETRIES = 3
"""How often a worker that dies is replaced, and its chunk is decided again."""


def evaluate_on_ray(
    router: Router,
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
    """Decide every line of a log on a Ray cluster; the figures are those of `evaluate`.

    The files are `decisions.parquet`, which is a folder of parts, `rejected.jsonl`, `run.json`, and
    at last `metrics.json`. A stopped run starts over: each run begins by clearing the folder. The
    list of repeated texts stays empty, since no worker knows what the others decide; `texts` counts
    a text once for each worker that decided it.

    :param log: A file or folder, as a path or a URI ("s3://bucket/log").
    :param out: A folder that all workers can write to, as a path or a URI.
    :param address: The address of the cluster; if None, a cluster is started on this machine,
        unless one is running.
    :param workers: The number of workers, which hold a model each; None: one for each CPU.
    :param encoder: Makes the router's encoder on each worker.
    :raises LogError: The log can't be read, it has no line that can be read, or a line can't be
        decided; the message names it.
    :raises RouterError: Ray is not installed, or the cluster can't be joined.
    """
    if str(log) == STDIN:
        raise LogError(
            "standard input comes to one machine and can't be spread; cure: name a file or folder,"
            " or leave the engine local"
        )
    store = Store.of(out)
    source = _LogSource(Store.of(log).files())
    totals, share = RunTotals(), 0.0
    unloaded = replace(router, encoder=None)  # type: ignore[arg-type]
    with _cluster(address):
        store.clear()
        labels = LabelReader(router.pack)
        chunks = source.chunks(columns, labels, strict, chunk_lines, store)
        arguments = (unloaded, router.encoder.key, encoder, store)
        for chunk_share, part in _decide(arguments, chunks, workers):
            totals.add(part)
            share = max(share, chunk_share)
            if progress is not None:
                progress(Progress(totals.read, totals.texts, share))
    versions = Versions.of(router)
    metrics = totals.metrics(versions, router.pack, lines=source.lines, blank=source.blank)
    log_hash = fingerprint(source.hashes)
    settings = run_settings(versions, log, log_hash, columns, "parquet", chunk_lines)
    store.write("run.json", pretty_json(settings | {"engine": "ray"}))
    store.write("metrics.json", metrics.to_json())
    return Evaluation(store.local_path or store.root, metrics, totals.counts, "parquet")


@dataclass
class _LogSource:
    """The files of a log, by their URIs, and what was counted while they were read."""

    uris: list[str]
    lines: int = 0
    blank: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def chunks(
        self, columns: Columns, labels: LabelReader, strict: bool, chunk_lines: int, out: Store
    ) -> Iterator[LogChunk]:
        """Read one file after the other in chunks, and write the rejected lines to `out`."""
        encoder = msgspec.json.Encoder()
        with out.writing("rejected.jsonl") as rejected:
            for chunk in self._read(columns, labels, strict, chunk_lines):
                rejected.write(encoder.encode_lines(chunk.rejected))
                yield chunk

    def _read(
        self, columns: Columns, labels: LabelReader, strict: bool, chunk_lines: int
    ) -> Iterator[LogChunk]:
        lines_before = 0
        for index, uri in enumerate(self.uris):
            name = uri.rpartition("/")[2] if len(self.uris) > 1 else ""
            with Store(uri).fetched() as path:
                try:
                    file = LogFile.open(path, name, lines_before)
                    for chunk in read_log(
                        [file], columns, labels, strict=strict, lines=chunk_lines
                    ):
                        yield replace(chunk, share=(index + chunk.share) / len(self.uris))
                except LogError as error:  # the message must not name a copy of the file
                    shown = str(path) if uri.startswith("file:") else uri
                    raise LogError(str(error).replace(str(path), shown)) from error
                self.hashes.append(file_hash(path))
            lines_before += file.lines
            self.lines += file.read
            self.blank += file.blank


@dataclass
class _Worker:
    """Decides chunks, writes their decisions, and gives their totals.

    :param router: The router without its encoder, which may hold locks and can't be sent.
    """

    router: Router
    encoder_key: str
    make_encoder: Callable[[], Encoder]
    out: Store
    memo: DecisionMemo = field(default_factory=DecisionMemo)

    @cached_property
    def loaded_router(self) -> Router:
        """The router with an encoder that is made here."""
        encoder = self.make_encoder()
        if encoder.key != self.encoder_key:
            raise EncoderError(
                f"the router was fitted with the encoder {self.encoder_key}, a worker has"
                f" {encoder.key}; cure: encoder=partial(OnnxEncoder, precision=...), the same for"
                " all"
            )
        return replace(self.router, encoder=encoder)

    def load(self) -> None:
        """Load the encoder, which takes a second or more."""
        self.loaded_router  # noqa: B018 - the value is kept

    def evaluate(self, chunk: LogChunk) -> RunTotals:
        """Decide a chunk; a chunk that is decided again leaves the same files.

        :raises LogError: A line can't be decided; the message names it.
        """
        router = self.loaded_router
        try:
            decided, _, totals = decide_chunk(router, self.memo, chunk.lines, chunk.rejected)
        except Exception as error:
            raise _explain(router, chunk, error) from error
        if decided:
            parquet = FORMATS["parquet"]
            name = f"{parquet.file_name}/{decided[0].line:015}.parquet"
            self.out.write(name, parquet.encode(decided))
        return totals


def _explain(router: Router, chunk: LogChunk, error: Exception) -> LogError:
    """Name the first line that can't be decided, by deciding them one by one."""
    for line in chunk.lines:
        try:
            router.outcomes([line.text])
        except Exception as cause:
            return LogError(
                f"line {line.line}: can't be decided: {cause}; the text starts with"
                f" {line.text[:80]!r}"
            )
    first, last = chunk.lines[0].line, chunk.lines[-1].line
    return LogError(f"lines {first} to {last}: can't be decided together: {error}")


def _decide(
    arguments: tuple[object, ...], chunks: Iterable[LogChunk], workers: int | None
) -> Iterator[tuple[float, RunTotals]]:
    """Let workers decide the chunks; each gets its next chunk when it is done with the last.

    :param arguments: What a worker is made of.
    :return: The share of a chunk and its totals, in the order in which chunks are done.
    """
    import ray

    make_worker = ray.remote(max_restarts=_MAX_RETRIES, max_task_retries=_MAX_RETRIES)(_Worker)
    shared = [ray.put(argument) for argument in arguments]
    n_workers = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    pool = [make_worker.options(num_cpus=1).remote(*shared) for _ in range(n_workers)]
    pending = {worker.load.remote(): (worker, 0.0) for worker in pool}
    idle: deque[Any] = deque()
    n_sent = n_done = 0

    def collect() -> Iterator[tuple[float, RunTotals]]:
        """Wait for a worker, which is idle then; its first task has loaded it and gives nothing."""
        nonlocal n_done
        (result,), _ = ray.wait(list(pending))
        worker, share = pending.pop(result)
        idle.append(worker)
        totals = ray.get(result)
        if totals is not None:
            n_done += 1
            yield share, totals

    for chunk in chunks:
        while not idle:
            yield from collect()
        worker = idle.popleft()
        pending[worker.evaluate.remote(chunk)] = worker, chunk.share
        n_sent += 1
    while n_done < n_sent:
        yield from collect()


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Join a cluster; a cluster that is started here ends with the block."""
    try:
        import ray
    except ImportError as error:
        raise RouterError(
            f"the engine ray needs Ray, which can't be imported: {error};"
            " cure: pip install 'router[ray]'"
        ) from error
    started = not ray.is_initialized()
    if started:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # do not report this run
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
    try:
        yield
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, RouterError):
            raise cause from error
        raise LogError(f"Ray could not finish the run: {error}") from error
    finally:
        if started:
            ray.shutdown()
