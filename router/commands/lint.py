"""Check skills and packs for what will go wrong."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from router.commands.common import EncoderOption, typer_notify


def lint_command(
    folder: Annotated[
        Path | None,
        typer.Argument(help="A pack, a folder of skills, or one skill [default: the shipped]."),
    ] = None,
    form: Annotated[
        Literal["text", "github", "json"], typer.Option("--format", help="Form of the findings.")
    ] = "text",
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 on warnings too.")] = False,
    encoder: EncoderOption = None,
) -> None:
    """Check conformance with the Agent Skills specification, and what no validator sees.

    Pairs of skills that will be confused, exemplars that lie with another skill, vague
    descriptions, options that don't separate, ambiguous words, skills that can't be reached.
    Exit code 1 on errors.

    Examples:
        router lint my-skills

        router lint my-skills --format github --strict
    """
    from router.encoders.default import load_encoder
    from router.lint import as_json
    from router.lint import lint as lint_of
    from router.paths import DEFAULT_PACK

    chosen = load_encoder(encoder, typer_notify)
    found = lint_of(folder or DEFAULT_PACK, chosen)
    if form == "json":
        typer.echo(as_json(found))
    else:
        for one in found:
            typer.echo(one.github() if form == "github" else one.text())
    errors = sum(one.level == "error" for one in found)
    typer.echo(f"{errors} errors, {len(found) - errors} warnings", err=True)
    if errors or (strict and found):
        raise typer.Exit(1)
