"""List the few skills that an agent should see for a request."""

from typing import Annotated

import typer

from router.commands.options import EncoderOption, PackOption, load_router
from router.commands.output import print_text


def shortlist_command(
    text: Annotated[str | None, typer.Argument(help="The request.", show_default=False)] = None,
    pack: PackOption = None,
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="How many skills at most.")] = 5,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    hook: Annotated[
        bool,
        typer.Option("--hook", help="Read an agent host's event from standard input."),
    ] = False,
    timeout: Annotated[
        float, typer.Option(help="Seconds that a prompt waits at most, with --hook.")
    ] = 5.0,
    encoder: EncoderOption = None,
) -> None:
    """List the few skills that an agent should see for a request.

    Prints name, one line and path of each, the likeliest first, and nothing if none fits. With
    --hook, the request is the prompt in the JSON of a UserPromptSubmit hook, and the list is
    printed as JSON that the host adds to the context. It never fails: a server in the background
    answers, and the exit code is 0 whatever happens.

    Examples:

        router shortlist "merge these scans" --pack my-skills --k 5

        router shortlist --hook --pack ~/.claude/skills
    """
    if hook:
        from router.shortlist.hook import run_hook

        given = ["--k", str(k), "--timeout", str(timeout)]
        run_hook([*given, "--pack", str(pack)] if pack is not None else given)
    if text is None:
        raise typer.BadParameter("give the request, or --hook")
    import msgspec

    from router.paths import DEFAULT_PACK
    from router.shortlist.entries import lines_of_entries, shortlist_of

    router = load_router(pack, encoder)
    entries = shortlist_of(router, text, k, (pack or DEFAULT_PACK).resolve())
    if json:
        print_text(msgspec.json.encode(entries).decode())
        return
    for line in lines_of_entries(entries):
        print_text(line)
