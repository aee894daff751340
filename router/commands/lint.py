"""Find what will go wrong with skills and packs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from router.commands.options import EncoderOption, encoder_of
from router.commands.output import print_note, print_text
from router.decisions.words import count_of


def lint_command(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="A pack, a file of routes, a folder of skills, or one skill"
            " [default: ML production]."
        ),
    ] = None,
    form: Annotated[
        Literal["text", "github", "json"],
        typer.Option("--format", help="How findings are printed; github makes annotations."),
    ] = "text",
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if there are warnings, too.")
    ] = False,
    encoder: EncoderOption = None,
) -> None:
    """Find what will go wrong with skills or with a pack.

    Skills are checked against the Agent Skills specification. Warnings are given for skills that
    are easily confused or can't be reached, have too few exemplars or far fewer than others,
    exemplars that resemble or repeat those of another skill, vague descriptions, ambiguous words,
    and options that lead to the same skills. A notice is a hint for the author of a description.
    The exit code is 1 if there are errors.

    Examples:

        router lint my-skills

        router lint my-skills --format github --strict
    """
    from router.lint import as_json, lint
    from router.paths import DEFAULT_PACK

    findings = lint(folder or DEFAULT_PACK, encoder_of(encoder))
    if form == "json":
        print_text(as_json(findings))
    else:
        for finding in findings:
            print_text(finding.github() if form == "github" else finding.text())
    n_errors = sum(finding.level == "error" for finding in findings)
    n_warnings = sum(finding.level == "warning" for finding in findings)
    n_hints = len(findings) - n_errors - n_warnings
    counts = [count_of(n_errors, "error"), count_of(n_warnings, "warning")]
    print_note(", ".join([*counts, count_of(n_hints, "hint")] if n_hints else counts))
    if n_errors or (strict and n_warnings):
        raise typer.Exit(1)
