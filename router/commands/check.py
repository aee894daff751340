"""Check a pack, and prepare a machine for its first query."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.commands.options import EncoderOption, PackOption, load_router
from router.commands.output import print_text
from router.decisions.words import count_of

if TYPE_CHECKING:
    from router.packs.faults import Fault
    from router.packs.pack import Pack


def check_command(
    pack: Annotated[
        Path | None,
        typer.Argument(help="Folder of a pack, or file of routes [default: ML production]."),
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of pack.yaml instead.")
    ] = False,
    against: Annotated[
        Path | None,
        typer.Option(help="Checks that the pack must still decide rightly: its checks.jsonl."),
    ] = None,
    max_lost: Annotated[
        float,
        typer.Option(help="Share of the checks decided rightly before that may be lost."),
    ] = 0.0,
    encoder: EncoderOption = None,
) -> None:
    """Check a pack and name every fault.

    Each fault comes with its file, its line, its key and what is expected there, and the exit
    code is then 2. Warnings are given for the old name of a key that was renamed, for skills with
    far fewer exemplars than others, and for the same words in two skills.

    With --against, the queries that the pack decided rightly when it last learned are decided
    again. Those that are lost are named, and if they are too many the exit code is 1.

    Examples:

        router check my-pack

        router check my-pack --against my-pack/checks.jsonl

        router check --schema > pack.schema.json
    """
    from router.lint.packs import exemplar_warnings
    from router.packs.pack_file import schema_text
    from router.paths import DEFAULT_PACK

    if schema:
        print_text(schema_text())
        return
    path = pack or DEFAULT_PACK
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        checked, faults = _checked(path)
    for warning in caught:
        print_text(f"warning: {warning.message}", err=True)
    for fault in faults:
        print_text(str(fault), err=True)
    if checked is None or faults:
        raise typer.Exit(2)
    for finding in exemplar_warnings(path, checked):
        typer.echo(finding.text(), err=True)
    n_exemplars = sum(1 for _ in checked.target_exemplars())
    counts = {
        "skill": len(checked.skills),
        "neighbour": len(checked.neighbours),
        "question": len(checked.questions),
        "exemplar": n_exemplars,
    }
    contents = ", ".join(count_of(n, noun) for noun, n in counts.items())
    print_text(f"{checked.file.id} is valid: {contents}.")
    if against is not None:
        _check_against(path, against, max_lost, encoder)


def _checked(path: Path) -> "tuple[Pack | None, list[Fault]]":
    """Read a pack's folder, a list of tools or a file of routes, with every fault."""
    from router.packs.pack_file import check_pack
    from router.packs.route_file import check_routes, is_route_file
    from router.skill_folders.tool_list import is_tool_list, pack_of_tools

    if is_tool_list(path):
        pack = pack_of_tools(path)[0]
        return pack, pack.faults()
    return check_routes(path) if is_route_file(path) else check_pack(path)


def _check_against(pack: Path, against: Path, max_lost: float, encoder: str | None) -> None:
    """Decide the checks, name those that are lost, and exit with 1 if they are too many."""
    from router.review.against import lost_checks

    result = lost_checks(load_router(pack, encoder), against, max_lost)
    for lost in result.lost:
        print_text(f"lost: {lost}")
    print_text(
        f"{result.n_right:,} of {count_of(result.n_before, 'check')} are still decided rightly,"
        f" {len(result.lost):,} lost; {result.n_new:,} others are right now."
    )
    if result.is_too_many:
        raise typer.Exit(1)


def warmup_command(pack: PackOption = None) -> None:
    """Prepare the encoder and the model ahead of time.

    Run it when an image is built or before tests, so that the first query does not have to wait.

    Example, in a Dockerfile:

        RUN router warmup
    """
    router = load_router(pack)
    router.route("ready?")
    print_text(f"{router.pack.file.id} is ready with the encoder {router.encoder.key}.")
