"""What several commands share: options, loading, and how results are printed."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from router.encoders.encoder import Encoder
    from router.router import Router

PackOption = Annotated[
    Path | None,
    typer.Option(
        "--pack",
        "-p",
        help="Folder of a pack, of SKILL.md files or of a saved router [default: ML production].",
    ),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        help="Name or folder of a sentence-transformers model [default: the built-in one].",
    ),
]
CalibrationOption = Annotated[
    Path | None,
    typer.Option("--calibration", help="File that `router calibrate` wrote for this pack."),
]
TextColumnOption = Annotated[
    str | None, typer.Option(help="Column that holds the text [default: guessed].")
]
LabelColumnOption = Annotated[
    str | None,
    typer.Option(help="Column that holds the label; '-' for none [default: guessed]."),
]
TimeColumnOption = Annotated[
    str | None,
    typer.Option(help="Column that holds the time; '-' for none [default: guessed]."),
]
RunArgument = Annotated[Path, typer.Argument(help="Folder that `router evaluate` wrote.")]


class FigureLike(Protocol):
    """A value, its 95 % interval, and the number of queries that it rests on."""

    @property
    def value(self) -> float | None: ...  # noqa: D102

    @property
    def low(self) -> float | None: ...  # noqa: D102

    @property
    def high(self) -> float | None: ...  # noqa: D102

    @property
    def n(self) -> int: ...  # noqa: D102


def encoder_of(name: str | None) -> "Encoder":
    """Load the encoder that `--encoder` names; what takes long is announced on standard error."""
    from router.encoders.default import load_encoder

    return load_encoder(name, print_note)


def load_router(
    pack: Path | None = None, encoder: str | None = None, calibration: Path | None = None
) -> "Router":
    """Load a router; what takes long is announced on standard error."""
    from router.router import Router

    chosen = encoder_of(encoder)
    return Router.load(pack, encoder=chosen, calibration=calibration, notify=print_note)


def print_note(sentence: str) -> None:
    """Print a sentence to standard error, so that standard output holds results only."""
    typer.echo(sentence, err=True)


@cache
def _result_console() -> "Console":
    from rich.console import Console

    return Console(highlight=False)


def print_line(text: str = "") -> None:
    """Print text with markup; a terminal wraps it, a pipe gets it in one line."""
    _result_console().print(text, soft_wrap=True)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; all columns but the first are aligned right, and floats get three places."""
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", padding=(0, 1, 0, 0), pad_edge=False
    )
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", overflow="fold")
    for row in rows:
        table.add_row(*(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row))
    _result_console().print(table)


def progress_console() -> "Console":
    """Make the console for progress, on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def figure_cells(figure: FigureLike, places: int = 3) -> tuple[str, str, str]:
    """Write a figure as three cells: value, interval, and number of queries."""
    if figure.value is None:
        return "", "", "0"
    interval = f"{figure.low:.3f} to {figure.high:.3f}"
    return f"{figure.value:.{places}f}", interval, f"{figure.n:,}"
