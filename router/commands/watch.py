"""Show at once what an edit of a pack does to a list of queries."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, assert_never

import typer

if TYPE_CHECKING:
    from router.model.refit import Refit
    from router.watch import Told


def watch(
    pack: Annotated[Path, typer.Argument(help="A pack's folder.")],
    queries: Annotated[
        Path, typer.Option("--queries", "-q", help="A file of queries, one a line.")
    ],
) -> None:
    """Wait for saved changes of a pack, refit it, and show which queries move, and where to.

    A pack with faults is told and passed over: the last good one stays in force. Ctrl-C ends it.

    For example:

        router watch my-pack --queries queries.txt
    """
    from router.commands.common import typer_notify
    from router.encoders.encoder import default_encoder
    from router.model.refit import Refit
    from router.watch import follow

    try:
        refit = Refit(default_encoder(typer_notify))
        for told in follow(pack, queries, refit):
            _show(told, refit)
    except KeyboardInterrupt:
        typer.echo("")


def _show(told: "Told", refit: "Refit") -> None:
    """Print what a look has shown."""
    from router.watch import Faulty, Moved, Opened, Same

    took = f"{refit.seconds:.1f} s, {refit.embedded:,} embedded"
    match told:
        case Opened(outcomes):
            typer.secho(f"{len(outcomes)} queries ({took})", bold=True)
            _show_outcomes(outcomes)
        case Moved(moves, fresh, count):
            typer.secho(f"{len(moves)} of {count} queries moved ({took})", bold=True)
            for move in moves:
                typer.echo(f"  {move.query}")
                typer.secho(f"    - {move.before}", fg="red")
                typer.secho(f"    + {move.after}", fg="green")
            _show_outcomes(fresh)
        case Faulty(faults):
            typer.secho("Faulty; the last good pack stays in force:", bold=True)
            for fault in faults:
                typer.echo(f"  {fault}")
        case Same():
            pass
        case _:
            assert_never(told)


def _show_outcomes(outcomes: Mapping[str, str]) -> None:
    for query, outcome in outcomes.items():
        typer.echo(f"  {query}\n    {outcome}")
