"""Make a pack of any folder of skills."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.commands.common import EncoderOption, stderr, stdout, typer_notify

if TYPE_CHECKING:
    from rich.console import Console

    from router.packs.pack import Pack

SHOWN = 20  # warnings that are printed


def init_command(
    folder: Annotated[Path, typer.Argument(help="Any folder with SKILL.md files in it.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The pack's folder [default: FOLDER].")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a pack that is there.")
    ] = False,
    encoder: EncoderOption = None,
) -> None:
    """Write a pack that works at once and is easy to improve by hand.

    Examples:
        router init my-skills

        router init ~/.claude/skills --out my-pack
    """
    from router.encoders.cached import with_exemplar_cache
    from router.encoders.default import load_encoder
    from router.skill_folders.pack_of_skills import init_pack

    chosen = load_encoder(encoder, typer_notify)
    with stderr().status("reading skills") as status:
        cached = with_exemplar_cache(chosen)
        pack, warnings = init_pack(folder, out, cached, force, lambda said: status.update(said))
    _summary(stdout(), pack, warnings, out or folder)


def _summary(console: "Console", pack: "Pack", warnings: list[str], where: Path) -> None:
    from rich.table import Table

    table = Table(
        "category", "skills", "exemplars", title=f"{pack.file.title}, as a pack in {where}"
    )
    for category in pack.file.categories:
        members = [one.id for one in pack.file.skills if one.category == category.id]
        lines = sum(len(pack.exemplars.skills[one]) for one in members)
        table.add_row(category.id, str(len(members)), f"{lines:,}")
    console.print(table)
    for warning in warnings[:SHOWN]:
        console.print(f"warning: {warning}", markup=False, soft_wrap=True)
    if len(warnings) > SHOWN:
        console.print(f"and {len(warnings) - SHOWN} more warnings; `router lint` shows all")
    for question in pack.file.questions:
        console.print(f"drafted: {question.text}", markup=False)
    steps = (
        f"{len(pack.file.order)} pairs in an order, {len(pack.file.questions)} questions drafted",
        "next:",
        f'  router ask "a query in your words" --pack {where}',
        f"  router lint {where}",
        f"  add queries, one a line, to {where}/exemplars/skills/*.txt",
        f"  mend the drafted questions in {where}/pack.yaml",
    )
    for step in steps:
        console.print(step, markup=False, soft_wrap=True)
