"""How commands print: results to standard output, notes and progress to standard error."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import typer

from router.text import printable

if TYPE_CHECKING:
    from rich.console import Console

    from router.statistics.figure import Figure


def print_text(text: object = "", **style: Any) -> None:  # noqa: ANN401
    """Print text as it is, but for what would control the terminal."""
    typer.secho(printable(str(text)), **style)


def print_note(sentence: str) -> None:
    """Print a sentence to standard error, so that standard output holds results only."""
    print_text(sentence, err=True)


@cache
def _result_console() -> "Console":
    from rich.console import Console

    return Console(highlight=False, emoji=False)


def print_line(text: str = "") -> None:
    """Print text with markup; a terminal wraps it, a pipe gets it in one line."""
    _result_console().print(printable(text), soft_wrap=True)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; all columns but the first are aligned right, and floats get three places."""
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        title=printable(title),
        title_justify="left",
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for index, column in enumerate(columns):
        table.add_column(printable(column), justify="right" if index else "left", overflow="fold")
    for row in rows:
        cells = (f"{cell:.3f}" if isinstance(cell, float) else printable(str(cell)) for cell in row)
        table.add_row(*cells)
    _result_console().print(table)


def progress_console() -> "Console":
    """Make the console for progress, on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False)


def figure_cells(figure: "Figure", places: int = 3) -> tuple[str, str, str]:
    """Write a figure as three cells: value, interval, and number of queries."""
    if not figure.n:
        return "", "", "0"
    value, low, high = figure.measured
    return f"{value:.{places}f}", f"{low:.3f} to {high:.3f}", f"{figure.n:,}"
