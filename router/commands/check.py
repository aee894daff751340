"""Check a pack, and prepare a machine for its first query."""

import warnings
from pathlib import Path
from typing import Annotated

import typer

from router.commands.options import PackOption, load_router
from router.commands.output import print_text
from router.decisions.words import count_of


def check_command(
    pack: Annotated[
        Path | None,
        typer.Argument(help="Folder of a pack, or file of routes [default: ML production]."),
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of pack.yaml instead.")
    ] = False,
) -> None:
    """Check a pack and name every fault.

    Each fault comes with its file, its line, its key and what is expected there, and the exit
    code is then 2. Warnings are given for the old name of a key that was renamed, for skills with
    far fewer exemplars than others, and for the same words in two skills.

    Examples:

        router check my-pack

        router check --schema > pack.schema.json
    """
    from router.lint.packs import exemplar_warnings
    from router.packs.pack_file import check_pack, schema_text
    from router.packs.route_file import check_routes, is_route_file
    from router.paths import DEFAULT_PACK

    if schema:
        print_text(schema_text())
        return
    path = pack or DEFAULT_PACK
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        checked, faults = check_routes(path) if is_route_file(path) else check_pack(path)
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


def warmup_command(pack: PackOption = None) -> None:
    """Prepare the encoder and the model ahead of time.

    Run it when an image is built or before tests, so that the first query does not have to wait.

    Example, in a Dockerfile:

        RUN router warmup
    """
    router = load_router(pack)
    router.route("ready?")
    print_text(f"{router.pack.file.id} is ready with the encoder {router.encoder.key}.")
