"""Watch a pack while it is edited."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, assert_never

import typer

from router.commands.options import EncoderOption, encoder_of

if TYPE_CHECKING:
    from router.watch.changes import WatchEvent


def watch_command(
    pack: Annotated[Path, typer.Argument(help="The folder of a pack.")],
    queries: Annotated[
        Path, typer.Option("--queries", "-q", help="A file of queries, one a line.")
    ],
    encoder: EncoderOption = None,
) -> None:
    """Show how queries move each time a pack is saved.

    While a pack is invalid, its faults are shown and the last valid pack stays in use. Press
    Ctrl-C to stop.

    Examples:

        router watch my-pack --queries queries.txt
    """
    from router.watch.files import watch_pack
    from router.watch.live_router import LiveRouter

    live = LiveRouter(encoder_of(encoder))
    try:
        for event in watch_pack(pack, queries, live.decide):
            _show_event(event, f"{live.seconds:.1f} s, {live.n_embedded:,} embedded")
    except KeyboardInterrupt:
        typer.echo("")


def _show_event(event: "WatchEvent", cost: str) -> None:
    from router.watch.changes import FirstLook, NoChange, OutcomeChanges, PackFaults

    match event:
        case FirstLook(outcomes):
            typer.secho(f"{len(outcomes)} queries ({cost})", bold=True)
            _show_outcomes(outcomes)
        case OutcomeChanges(changes, added, n_queries):
            typer.secho(f"{len(changes)} of {n_queries} queries moved ({cost})", bold=True)
            for change in changes:
                typer.echo(f"  {change.query}")
                typer.secho(f"    - {change.before}", fg="red")
                typer.secho(f"    + {change.after}", fg="green")
            _show_outcomes(added)
        case PackFaults(faults):
            typer.secho("The files are invalid; the last valid pack stays in use:", bold=True)
            for fault in faults:
                typer.echo(f"  {fault}")
        case NoChange():
            pass
        case _ as never:
            assert_never(never)


def _show_outcomes(outcomes: Mapping[str, str]) -> None:
    for query, outcome in outcomes.items():
        typer.echo(f"  {query}\n    {outcome}")
