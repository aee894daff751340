"""Make a pack from a folder of skills, a list of tools or routes."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.commands.options import EncoderOption, encoder_of
from router.commands.output import print_line, print_table, progress_console
from router.decisions.words import count_of
from router.errors import PackError

if TYPE_CHECKING:
    from router.packs.pack import Pack

_MOST_WARNINGS = 20
"""Warnings that are printed."""


def init_command(
    source: Annotated[
        Path,
        typer.Argument(help="Folder that holds SKILL.md files, list of tools, or file of routes."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder of the pack [default: SOURCE, of a file without its suffix].",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite a pack that exists already.")
    ] = False,
    encoder: EncoderOption = None,
) -> None:
    """Make a pack from a folder of skills, a list of tools or routes.

    The pack can be used at once, and is easy to improve by hand. A list of tools is JSON or YAML of
    OpenAI, Anthropic, MCP (`tools/list`) or OpenAPI. A file of routes is CSV, TSV, JSON, JSON lines
    or Parquet with texts and labels, or what semantic-router or Rasa writes.

    Examples:

        router init my-skills

        router init ~/.claude/skills --out my-pack

        router init tools.json --out my-pack

        router init routes.csv --out my-pack
    """
    if source.is_dir():
        _init_from_skills(source, out or source, force, encoder)
        return
    if not source.exists():
        raise PackError(
            f"{source}: no such file or folder; name a folder of skills, a list of tools or a file"
            " of routes"
        )
    from router.skill_folders.tool_list import is_tool_list

    out = out or source.with_suffix("")
    if is_tool_list(source):
        _init_from_tools(source, out, force, encoder)
    else:
        _init_from_routes(source, out, force)


def _init_from_routes(file: Path, out: Path, force: bool) -> None:
    from router.packs.new_pack import write_new_pack
    from router.packs.route_file import read_routes

    if out.resolve() == file.resolve():
        raise PackError(f"{file}: the pack is a folder of another name; give it with --out")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pack = write_new_pack(read_routes(file), out, file, force)
    _print_pack(pack, [str(warning.message) for warning in caught], out)


def _init_from_tools(file: Path, out: Path, force: bool, encoder: str | None) -> None:
    from router.encoders.cached import with_exemplar_cache
    from router.skill_folders.tool_list import init_tools

    with progress_console().status("Reading the tools ...") as status:
        cached = with_exemplar_cache(encoder_of(encoder))
        pack, messages = init_tools(file, out, cached, force, status.update)
    _print_pack(pack, messages, out)


def _init_from_skills(folder: Path, out: Path, force: bool, encoder: str | None) -> None:
    from router.encoders.cached import with_exemplar_cache
    from router.skill_folders.pack_of_skills import init_pack

    chosen = encoder_of(encoder)
    with progress_console().status("Reading the skills ...") as status:
        cached = with_exemplar_cache(chosen)
        pack, messages = init_pack(folder, out, cached, force, status.update)
    _print_pack(pack, messages, out)


def _print_pack(pack: "Pack", messages: list[str], folder: Path) -> None:
    from rich.markup import escape

    rows = []
    for category in pack.file.categories:
        skills = [skill.id for skill in pack.file.skills if skill.category == category.id]
        n_exemplars = sum(len(pack.exemplars.skills[skill]) for skill in skills)
        rows.append((category.id, len(skills), f"{n_exemplars:,}"))
    title = f"{pack.file.title}: a pack in {folder}"
    print_table(escape(title), ("category", "skills", "exemplars"), rows)
    for message in messages[:_MOST_WARNINGS]:
        print_line(escape(f"warning: {message}"))
    if len(messages) > _MOST_WARNINGS:
        left = count_of(len(messages) - _MOST_WARNINGS, "more warning")
        print_line(f"and {left}; `router lint` shows all of them")
    for question in pack.file.questions:
        print_line(escape(f"drafted question: {question.text}"))
    steps = [
        f'router ask "a query in your words" --pack {folder}',
        f"router lint {folder}",
        f"add typical queries, one a line, to {folder}/exemplars/skills/*.txt",
    ]
    if pack.file.questions:
        steps.append(f"improve the drafted questions in {folder}/pack.yaml")
    if pack.file.order:
        print_line(f"The order of skills has {count_of(len(pack.file.order), 'pair')}.")
    print_line(escape("\n  ".join(("Next steps:", *steps))))
