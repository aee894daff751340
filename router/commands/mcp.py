"""Serve a pack to agents over the Model Context Protocol, and tell agent hosts about it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.commands.options import PackOption

if TYPE_CHECKING:
    from router.mcp_hosts import HostChange


def mcp_command(
    pack: PackOption = None,
    install: Annotated[
        str | None,
        typer.Option(
            metavar="HOST", help="Show what the configuration of an agent host becomes, and stop."
        ),
    ] = None,
    uninstall: Annotated[
        str | None, typer.Option(metavar="HOST", help="The same, to take the server out again.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Write what --install or --uninstall shows.")
    ] = False,
) -> None:
    """Serve a pack to agents over the Model Context Protocol.

    The tools are route_query, answer_question, shortlist_skills, list_skills and read_skill.
    Standard output carries the protocol only, and the server ends when the client closes the
    connection. Hosts of --install: claude-code, claude-desktop, codex, copilot, cursor, gemini-cli,
    vscode and windsurf. A copy of the file as it was is kept beside it.

    Examples:

        router mcp --pack my-skills

        router mcp --install claude-code --pack my-skills --yes

        router mcp --uninstall claude-code --yes
    """
    if install is not None or uninstall is not None:
        _change_host(pack, install, uninstall, yes)
        return
    from router.commands.options import load_router
    from router.errors import RouterError
    from router.paths import DEFAULT_PACK

    try:
        from router.mcp_server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types", "pydantic"):
            raise
        raise RouterError(
            "router mcp needs the official MCP SDK, which is not installed;"
            " cure: pip install 'mcp>=2.3,<3'"
        ) from error
    serve(lambda: load_router(pack), pack or DEFAULT_PACK)


def _change_host(pack: Path | None, install: str | None, uninstall: str | None, yes: bool) -> None:
    import sys

    from router.commands.output import print_note
    from router.errors import RouterError
    from router.mcp_hosts import install_change, uninstall_change

    if install is not None and uninstall is not None:
        raise RouterError("--install and --uninstall exclude each other; give one of them")
    if install is not None:
        served = [] if pack is None else ["--pack", str(pack.expanduser().resolve())]
        arguments = ["-m", "router", "mcp", *served]
        change = install_change(install, sys.executable, arguments)
    else:
        change = uninstall_change(uninstall or "")
    _print_change(change)
    if change.after is None:
        return
    if not yes:
        print_note("nothing was written; --yes writes it")
        return
    change.write()
    kept = f"; the file as it was: {change.copy_path}" if change.before is not None else ""
    print_note(f"written: {change.path}{kept}; restart the host")


def _print_change(change: "HostChange") -> None:
    from difflib import unified_diff

    from router.commands.output import print_text

    if change.after is None:
        print_text(f"{change.path}: nothing to change")
        return
    names = str(change.path) if change.before is not None else "(no file)", str(change.path)
    before = (change.before or "").splitlines()
    for line in unified_diff(before, change.after.splitlines(), *names, lineterm=""):
        print_text(line)
