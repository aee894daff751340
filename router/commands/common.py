"""What all commands share: how a router is loaded, and where talk goes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from router.router import Router

PackOption = Annotated[
    Path | None,
    typer.Option(
        "--pack",
        "-p",
        help="A pack's folder, or a folder of SKILL.md files [default: ML production].",
    ),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        help="A sentence-transformers model, by name or folder [default: the fast one].",
    ),
]
CalibrationOption = Annotated[
    Path | None,
    typer.Option("--calibration", help="A file that `router calibrate` wrote for this pack."),
]


def stdout() -> "Console":
    """Where results go."""
    from rich.console import Console

    return Console(highlight=False)


def stderr() -> "Console":
    """Where progress and errors go."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def load_router(
    pack: Path | None = None, encoder: str | None = None, calibration: Path | None = None
) -> "Router":
    """Load a router, and say on stderr what takes long."""
    from router.encoders.sentence_transformer import SentenceTransformerEncoder
    from router.router import Router

    chosen = None if encoder is None else SentenceTransformerEncoder(encoder)
    return Router.load(pack, encoder=chosen, calibration=calibration, notify=typer_notify)


def typer_notify(sentence: str) -> None:
    """Say one thing on stderr."""
    typer.echo(sentence, err=True)
