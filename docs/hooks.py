"""Fill the page of commands from the commands themselves when the site is built."""

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from router.cli import app

MARK = "<!-- commands -->"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace the mark by the reference of all commands."""
    return markdown.replace(MARK, "\n".join(_commands())) if MARK in markdown else markdown


def _commands() -> Iterator[str]:
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        context = command.make_context(name, [], resilient_parsing=True)
        yield from _command(name, command, context)


def _command(name: str, command: Any, context: Any) -> Iterator[str]:  # noqa: ANN401
    text, _, examples = inspect.cleandoc(command.help).partition("\n\nExample")
    yield f"\n## {name}\n\n{text}\n"
    yield f"```text\nrouter {' '.join([name, *command.collect_usage_pieces(context)])}\n```\n"
    records = [one.get_help_record(context) for one in command.params]
    rows = [record for record in records if record and record[0] not in ("--help", "-h, --help")]
    if rows:
        yield "| argument or option | meaning |\n|---|---|"
    for names, meaning in rows:
        yield f"| `{_cell(names)}` | {_cell(meaning)} |"
    lines = [line.strip() for line in examples.splitlines()[1:] if line.strip()]
    if lines:
        yield "\n" + "\n".join(["```text", *lines, "```"])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("  ", " ").strip()
