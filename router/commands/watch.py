"""Watch a pack while it is edited."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.commands.options import EncoderOption
from router.commands.output import print_text

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

    live = LiveRouter(encoder)
    try:
        for event in watch_pack(pack, queries, live.decide):
            _show_event(event, f"{live.seconds:.1f} s, {live.n_embedded:,} embedded")
    except KeyboardInterrupt:
        print_text("")


def _show_event(event: "WatchEvent", cost: str) -> None:
    from router.watch.changes import PackFaults

    if isinstance(event, PackFaults):
        print_text("The files are invalid; the last valid pack stays in use:", bold=True)
        for fault in event.faults:
            print_text(f"  {fault}")
        return
    all_are_new = len(event.added) == event.n_queries
    counted = f"{event.n_queries} queries"
    title = counted if all_are_new else f"{len(event.changes)} of {counted} moved"
    print_text(f"{title} ({cost})", bold=True)
    for query, (before, after) in event.changes.items():
        print_text(f"  {query}")
        print_text(f"    - {before}", fg="red")
        print_text(f"    + {after}", fg="green")
    for query, outcome in event.added.items():
        print_text(f"  {query}\n    {outcome}")
