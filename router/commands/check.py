"""Check a pack, and prepare a machine ahead of the first query."""

import warnings
from pathlib import Path
from typing import Annotated

import typer

from router.commands.common import PackOption, load_router


def check_command(
    pack: Annotated[Path | None, typer.Argument(help="A pack's folder [default: shipped].")] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of pack.yaml instead.")
    ] = False,
) -> None:
    """Read a pack and name every fault: file, line, key, what was expected.

    A key that has been renamed is still read; it is named in a warning, and is no fault.

    Examples:
        router check my-pack

        router check --schema > pack.schema.json
    """
    from router.packs.pack_file import check_pack, schema_text
    from router.paths import DEFAULT_PACK

    if schema:
        typer.echo(schema_text())
        return
    with warnings.catch_warnings(record=True) as notices:
        warnings.simplefilter("always")
        found, faults = check_pack(pack or DEFAULT_PACK)
    for notice in notices:
        typer.echo(f"warning: {notice.message}", err=True)
    for fault in faults:
        typer.echo(str(fault), err=True)
    if found is None or faults:
        raise typer.Exit(2)
    count = sum(1 for _ in found.target_exemplars())
    typer.echo(
        f"{found.file.id}: {len(found.skills)} skills, {len(found.neighbours)} neighbours, "
        f"{len(found.questions)} questions, {count:,} exemplars; no fault."
    )


def warmup_command(pack: PackOption = None) -> None:
    """Prepare the encoder and fit the pack ahead, for images and CI.

    Example, in a Dockerfile:

        RUN router warmup
    """
    router = load_router(pack)
    router.route("ready?")
    typer.echo(f"{router.pack.file.id} is ready with {router.encoder.key}.")
