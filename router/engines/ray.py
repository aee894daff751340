"""Evaluate a log with Ray Data, from and to any store that Arrow reaches (local, S3, GCS, HDFS).

Two passes, both by Ray's workers: every file is measured, so that lines have the numbers they would
have on one machine; then chunks of lines go, as Arrow tables, to workers that have loaded the model
once. Each chunk comes back as its sums alone; its decisions stay where the worker wrote them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from router.encoder import Encoder, default_encoder
from router.engines.chunks import Decider, Measured, chunks_of, hashed, measure
from router.engines.stores import Store
from router.errors import LogError, RouterError
from router.evaluation import LISTED, Evaluation, Progress
from router.figures import Figures
from router.logs import CHUNK_LINES, Columns
from router.metrics import FORMAT, Lines, Metrics, Versions
from router.run_parts import Checkpoint, Query, pretty
from router.run_rows import FORMS
from router.tally import Tally

if TYPE_CHECKING:
    from router.router import Router

BLOCK = 1 << 20
"""Bytes of a block that Ray hands on: some thousand lines, so that every worker has its share."""


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
    Left out is the list of repeated texts, which no worker alone can know; `texts` counts what the
    workers decided, a text that two of them met twice.

    :param log: A file or folder of parts, as a path or a URI ("s3://bucket/log").
    :param out: A folder that all workers reach, as a path or a URI.
    :param address: Of the cluster; one is started on this machine if None and none is running.
    :param workers: That hold a model each; one for each CPU of the cluster if None.
    :param encoder: Makes the router's encoder anew on each worker.
    :raises LogError: The log can't be read, has no line that can, or a line can't be decided; the
        message names it.
    :raises RouterError: Ray is not installed.
    """
    data = _ray_data()
    store, source = Store.of(out), Store.of(log)
    store.clear()
    with _cluster(address), _small_blocks(data), _plain_errors():
        measured = _measured(data, source, store.root)
        task = _task(router, source, store, measured, columns, strict, chunk_lines, encoder)
        total = _Total(measured, progress or (lambda _: None))
        for row in _decided(data, task, workers):
            total.add(msgspec.json.decode(row["done"], type=Checkpoint))
    settings = {
        "format": FORMAT,
        "log": str(log),
        "log_sha256": hashed(measured),
        "versions": msgspec.to_builtins(Versions.of(router)),
        "columns": msgspec.to_builtins(columns),
        "form": "parquet",
        "chunk_lines": chunk_lines,
        "engine": "ray",
    }
    metrics = total.metrics(router)
    store.join_rejected()
    store.write("run.json", pretty(settings))
    store.write("metrics.json", metrics.to_json())
    return Evaluation(Path(out), metrics, total.tally, FORMS["parquet"])


@dataclass
class _Total:
    """Sums of the chunks that came back, in whatever order."""

    measured: Sequence[Measured]
    progress: Callable[[Progress], None]
    read: int = 0
    rejected: int = 0
    texts: int = 0
    tally: Tally = msgspec.field(default_factory=Tally)
    least_certain: tuple[Query, ...] = ()
    mistakes: tuple[Query, ...] = ()
