"""Render the report of a run."""

from pathlib import Path
from typing import Annotated

import typer

from router.commands.common import EncoderOption, PackOption, load_router

RunArgument = Annotated[
    Path, typer.Argument(help="The folder of a run, as `router evaluate` writes it.")
]


def report_command(
    run: RunArgument = Path("runs/latest"),
    pack: PackOption = None,
    encoder: EncoderOption = None,
) -> None:
    """Render a run as one HTML file that opens without a network.

    Examples:
        router report

        router report runs/october --pack packs/shop
    """
    from router.report import write_report

    typer.echo(write_report(run, load_router(pack, encoder)))
