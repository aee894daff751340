"""Where a log is evaluated: on this machine, or on a Ray cluster."""

from collections.abc import Callable
from functools import partial
from typing import Literal

from router.encoders.default import load_encoder
from router.engines.ray import evaluate_on_ray
from router.errors import LogError
from router.evaluation.run import Evaluation, evaluate


def choose_engine(
    name: Literal["local", "ray"],
    *,
    format: Literal["jsonl", "parquet"] | None = None,
    restart: bool = False,
    cache: bool = True,
    address: str | None = None,
    workers: int | None = None,
    encoder: str | None = None,
) -> Callable[..., Evaluation]:
    """Give the function that evaluates a log on an engine, with the settings of that engine.

    :param encoder: The name or folder of a sentence-transformers model; None: the default encoder.
    :raises LogError: A setting belongs to the other engine.
    """
    if name == "ray":
        if format == "jsonl":
            raise LogError(
                "the engine ray writes its decisions as Parquet; cure: no --format jsonl"
            )
        make_encoder = partial(load_encoder, encoder)
        return partial(evaluate_on_ray, address=address, workers=workers, encoder=make_encoder)
    if address is not None or workers is not None:
        raise LogError("--address and --workers are for the engine ray; cure: --engine ray")
    return partial(evaluate, format=format or "jsonl", restart=restart, cache=cache)
