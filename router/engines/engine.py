"""Where a log is evaluated: on this machine, or on a Ray cluster."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from router.encoders.default import load_encoder
from router.errors import LogError
from router.evaluation.evaluate import Evaluation, Progress
from router.logs.reader import Columns
from router.router import Router

Name = Literal["local", "ray"]
Form = Literal["jsonl", "parquet"]


class Engine(Protocol):
    """Evaluates a log."""

    @property
    def after_stop(self) -> str:
        """What the same command does after it was stopped."""
        ...

    def evaluate(
        self,
        router: Router,
        log: str | Path,
        out: str,
        columns: Columns,
        strict: bool,
        progress: Callable[[Progress], None],
    ) -> Evaluation:
        """Decide every line of a log, and write to `out` what came of it.

        :raises RouterError: The log can't be read, or the engine is not to be had here.
        """
        ...


@dataclass(frozen=True)
class Local:
    """This process, which takes up a stopped run unless it is to restart."""

    form: Form = "jsonl"
    restart: bool = False
    cache: bool = True
    after_stop: ClassVar[str] = "goes on from here"

    def evaluate(
        self,
        router: Router,
        log: str | Path,
        out: str,
        columns: Columns,
        strict: bool,
        progress: Callable[[Progress], None],
    ) -> Evaluation:
        """Decide every line of a log."""
        from router.evaluation.evaluate import evaluate

        return evaluate(
            router,
            log,
            out,
            columns=columns,
            form=self.form,
            strict=strict,
            restart=self.restart,
            cache=self.cache,
            progress=progress,
        )


@dataclass(frozen=True)
class OnRay:
    """Workers of a Ray cluster; what a stopped run has done is always dropped."""

    address: str | None = None
    workers: int | None = None
    encoder: str | None = None
    after_stop: ClassVar[str] = "starts over"

    def evaluate(
        self,
        router: Router,
        log: str | Path,
        out: str,
        columns: Columns,
        strict: bool,
        progress: Callable[[Progress], None],
    ) -> Evaluation:
        """Decide every line of a log."""
        from router.engines.ray import evaluate

        return evaluate(
            router,
            log,
            out,
            address=self.address,
            workers=self.workers,
            columns=columns,
            strict=strict,
            progress=progress,
            encoder=partial(load_encoder, self.encoder),
        )


def engine_of(
    name: Name,
    form: Form | None = None,
    restart: bool = False,
    address: str | None = None,
    workers: int | None = None,
    encoder: str | None = None,
    cache: bool = True,
) -> Engine:
    """Choose an engine by its name.

    :param encoder: A sentence-transformers model, by name or folder; the default one if None.
    :raises LogError: A setting is not of this engine.
    """
    if name == "ray":
        if form == "jsonl":
            raise LogError(
                "the engine ray writes its decisions as Parquet; cure: no --format jsonl"
            )
        return OnRay(address, workers, encoder)
    if address is not None or workers is not None:
        raise LogError("--address and --workers are of the engine ray; cure: --engine ray")
    return Local(form or "jsonl", restart, cache)
