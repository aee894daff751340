"""The command `router`."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from router.commands.ask import ask, chat, explain
from router.commands.calibrate import calibrate
from router.commands.check import check, warmup
from router.commands.compare import compare
from router.commands.evaluate import evaluate
from router.commands.gaps import gaps
from router.commands.init import init
from router.commands.lint import lint
from router.commands.mcp import mcp
from router.commands.report import report
from router.commands.skill import skill
from router.commands.triggers import triggers
from router.commands.watch import watch
from router.errors import RouterError

app = typer.Typer(
    name="router",
    help="Route queries to skills by meaning, and ask when one detail is missing.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("router"))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


_TALK = (ask, chat, explain, mcp)
_LOGS = (evaluate, calibrate, report, gaps, compare, triggers)
_PACKS = (init, check, lint, watch, skill, warmup)

for command in (*_TALK, *_LOGS, *_PACKS):
    app.command()(command)


def main() -> None:
    """Run the command; what a user can put right ends in a message and exit code 2."""
    try:
        app()
    except RouterError as error:
        typer.echo(f"router: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
