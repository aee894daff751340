"""Make a pack from a folder of skills."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.commands.options import EncoderOption, encoder_of
from router.commands.output import print_line, print_table, progress_console
from router.decisions.words import count_of

if TYPE_CHECKING:
    from router.packs.pack import Pack

_MOST_WARNINGS = 20
"""Warnings that are printed."""


def init_command(
    folder: Annotated[Path, typer.Argument(help="Folder that holds SKILL.md files.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the pack [default: FOLDER].")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite a pack that exists already.")
    ] = False,
    encoder: EncoderOption = None,
) -> None:
    """Make a pack from a folder of skills.

    The pack can be used at once, and is easy to improve by hand.

    Examples:

        router init my-skills

        router init ~/.claude/skills --out my-pack
    """
    from router.encoders.cached import with_exemplar_cache
    from router.skill_folders.pack_of_skills import init_pack

    chosen = encoder_of(encoder)
    with progress_console().status("Reading the skills ...") as status:
        cached = with_exemplar_cache(chosen)
        pack, warnings = init_pack(folder, out, cached, force, status.update)
    _print_pack(pack, warnings, out or folder)


def _print_pack(pack: "Pack", warnings: list[str], folder: Path) -> None:
    from rich.markup import escape

    rows = []
    for category in pack.file.categories:
        skills = [skill.id for skill in pack.file.skills if skill.category == category.id]
        n_exemplars = sum(len(pack.exemplars.skills[skill]) for skill in skills)
        rows.append((category.id, len(skills), f"{n_exemplars:,}"))
    title = f"{pack.file.title}: a pack in {folder}"
    print_table(escape(title), ("category", "skills", "exemplars"), rows)
    for warning in warnings[:_MOST_WARNINGS]:
        print_line(escape(f"warning: {warning}"))
    if len(warnings) > _MOST_WARNINGS:
        left = count_of(len(warnings) - _MOST_WARNINGS, "more warning")
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
    n_pairs = count_of(len(pack.file.order), "pair")
    print_line(escape("\n  ".join((f"The order of skills has {n_pairs}. Next steps:", *steps))))
