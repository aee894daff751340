"""Write or check the router skill of a pack."""

from pathlib import Path
from typing import Annotated

import typer

from router.commands.options import PackOption
from router.commands.output import print_text


def skill_command(
    pack: PackOption = None,
    into: Annotated[
        Path | None,
        typer.Option(
            "--into", help="Folder of skills to write to [default: skills in the pack's folder]."
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; fail if the file differs from the pack."),
    ] = False,
) -> None:
    """Write the rules of a pack as one SKILL.md for agents.

    An agent that cannot run this library can then follow the same rules.

    Examples:

        router skill --pack my-pack

        router skill --check
    """
    from router.packs.pack_file import load_pack
    from router.paths import DEFAULT_PACK, SKILLS
    from router.skill_folders.router_skill import check_router_skill, write_router_skill

    folder = into or (SKILLS if pack is None else pack / "skills")
    act = check_router_skill if check else write_router_skill
    print_text(act(load_pack(pack or DEFAULT_PACK), folder))
