"""The command `router`."""

import errno
import io
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from router import __version__
from router.commands.ask import ask_command, chat_command, explain_command
from router.commands.calibrate import calibrate_command
from router.commands.check import check_command, warmup_command
from router.commands.compare import compare_command
from router.commands.evaluate import evaluate_command
from router.commands.gaps import gaps_command
from router.commands.init import init_command
from router.commands.learn import learn_command
from router.commands.lint import lint_command
from router.commands.mcp import mcp_command
from router.commands.output import print_text
from router.commands.report import report_command
from router.commands.review import review_command
from router.commands.shortlist import shortlist_command
from router.commands.skill import skill_command
from router.commands.triggers import triggers_command
from router.commands.watch import watch_command
from router.errors import RouterError

app = typer.Typer(
    name="router",
    help="Route queries to skills by meaning, and ask when a detail is missing.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class _Command(TyperCommand):
    """A command whose options may be written `--out=~/run`, where no shell expands the tilde."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - of Click
        """Expand the tildes, then parse."""
        for index, arg in enumerate(args):
            name, equals, value = arg.partition("=")
            if name.startswith("--") and value.startswith("~"):
                args[index] = f"{name}{equals}{os.path.expanduser(value)}"
        return super().parse_args(ctx, args)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


_DECIDING = (ask_command, chat_command, explain_command, shortlist_command, mcp_command)
_MEASURING = (evaluate_command, calibrate_command, report_command, gaps_command)
_COMPARING = (compare_command, triggers_command)
_WRITING = (init_command, check_command, lint_command, watch_command, skill_command)
_IMPROVING = (review_command, learn_command)

for command in (*_DECIDING, *_MEASURING, *_COMPARING, *_IMPROVING, *_WRITING, warmup_command):
    app.command(command.__name__.removesuffix("_command"), cls=_Command)(command)


def main() -> None:
    """Run the command; what a user can put right ends in a message and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except RouterError as error:
        print_text(f"router: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print_text(f"router: standard output can't be written: {error.strerror}", err=True)
        os._exit(2)  # a usual end would try to write the rest
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
