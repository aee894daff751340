"""Evaluates a log with the workers of a Ray cluster.

This process reads the log, counts and writes; the workers, which have loaded the model once, decide
the texts that have not come before.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from router.decisions.outcome import OutcomeBatch
from router.encoders.encoder import Encoder
from router.errors import EncoderError, RouterError
from router.evaluation.run import Evaluation, evaluate
from router.evaluation.turn_figures import DecidedBatch, SaidTurn, decide_said_turns
from router.router import Router, encoder_for

_MAX_RETRIES = 3
"""How often a worker that dies is replaced, and its texts are decided again."""


def evaluate_on_ray(
    router: Router,
    log: str | Path,
    out: str | Path | None = None,
    *,
    address: str | None = None,
    workers: int | None = None,
    encoder: Callable[[], Encoder] | None = None,
    format: str = "parquet",
    **settings: Any,  # noqa: ANN401 - those of `evaluate`
) -> Evaluation:
    """Decide every line of a log on a Ray cluster; the result is that of `evaluate`.

    The workers keep no vectors in the cache folder. A run that is stopped goes on where it was.

    :param log: See `evaluate`.
    :param out: See `evaluate`.
    :param address: The address of the cluster; if None, a cluster is started on this machine,
        unless one is running.
    :param workers: The number of workers, which hold a model each; None: one for each CPU.
    :param encoder: Makes the router's encoder on each worker; the default one of its pack if None.
    :param format: The format of the decisions: "jsonl" or "parquet".
    :param settings: Further settings of `evaluate`.
    :raises LogError: As in `evaluate`.
    :raises RouterError: Ray is not installed, the cluster can't be joined, or a line can't be
        decided; the message names it.
    """
    with _cluster(address):
        spread = _spreader(router, encoder or partial(encoder_for, router.pack), workers)
        return evaluate(
            router,
            log,
            out,
            format=format,
            decide=partial(spread, "outcomes"),
            decide_turns=partial(spread, "turns"),
            **settings | {"cache": False},
        )


@dataclass
class _Worker:
    """Decides batches of texts.

    :param router: The router without its encoder, which may hold locks and can't be sent.
    """

    router: Router
    encoder_key: str
    make_encoder: Callable[[], Encoder]

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

    def outcomes(self, texts: Sequence[str]) -> OutcomeBatch:
        """Decide a batch."""
        return self.loaded_router.outcomes(texts)

    def turns(self, turns: Sequence[SaidTurn]) -> DecidedBatch:
        """Decide a batch of turns, each with what was said before it."""
        return decide_said_turns(self.loaded_router, turns)


def _spreader(
    router: Router, make_encoder: Callable[[], Encoder], n_workers: int | None
) -> Callable[..., Iterator[Any]]:
    """Start workers, and give the function that has one of their methods decide batches."""
    import ray

    make_worker = ray.remote(max_restarts=_MAX_RETRIES, max_task_retries=_MAX_RETRIES)(_Worker)
    unloaded = replace(router, encoder=None)  # type: ignore[arg-type]
    shared = [ray.put(argument) for argument in (unloaded, router.encoder.key, make_encoder)]
    count = n_workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    workers = deque(make_worker.options(num_cpus=1).remote(*shared) for _ in range(count))

    def spread(
        method: str,
        batches: Iterable[list[Any]],
        kept: object = shared,  # a worker that is replaced is made from them again
    ) -> Iterator[Any]:
        """Decide the batches by turns; each worker has one at hand while it decides another."""
        pending: deque[Any] = deque()
        for batch in batches:
            pending.append(getattr(workers[0], method).remote(batch))
            workers.rotate(-1)
            if len(pending) > 2 * count:
                yield _result(pending.popleft())
        yield from map(_result, pending)

    return spread


def _result(pending: Any) -> Any:  # noqa: ANN401 - a Ray object, and what it stands for
    import ray

    try:
        return ray.get(pending)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Join a cluster; a cluster that is started here ends with the block."""
    try:
        import ray
    except ImportError as error:
        raise RouterError(
            f"the engine ray needs Ray, which can't be imported: {error};"
            " cure: pip install 'ray[data]>=2.40'"
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
        raise RouterError(f"Ray could not finish the run: {error}") from error
    finally:
        if started:
            ray.shutdown()
