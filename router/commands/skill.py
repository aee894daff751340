"""Write or check the router skill of a pack."""

from pathlib import Path
from typing import Annotated

import typer

from router.commands.common import PackOption


def skill_command(
    pack: PackOption = None,
    into: Annotated[
        Path | None,
        typer.Option(
            "--into", help="A folder of skills [default: the pack's, or the shipped one]."
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if it is not what the pack says.")
    ] = False,
) -> None:
    """Write a pack's knowledge as one SKILL.md, for agents without this library.

    For example:

        router skill --pack my-pack

        router skill --check
    """
    from router.packs.pack_file import load_pack
    from router.paths import DEFAULT_PACK, SKILLS
    from router.skill_folders.router_skill import check_router_skill, write_router_skill

    folder = into or (SKILLS if pack is None else pack / "skills")
    act = check_router_skill if check else write_router_skill
    typer.echo(act(load_pack(pack or DEFAULT_PACK), folder))
