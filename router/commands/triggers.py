"""Test which skills queries trigger."""

from pathlib import Path
from typing import Annotated

import typer

from router.commands.options import EncoderOption, PackOption, SecondLookOption, load_router
from router.commands.output import figure_cells, print_line, print_table


def triggers_command(
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON like eval_queries.json, or CSV with expected_route.", exists=True
        ),
    ],
    pack: PackOption = None,
    encoder: EncoderOption = None,
    second_look: SecondLookOption = None,
    skill: Annotated[
        str | None, typer.Option(help="Skill of the entries that name none themselves.")
    ] = None,
    fail_under: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Exit with 1 if a smaller share is right."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="File to convert the entries to: .json or .csv."),
    ] = None,
) -> None:
    """Test which skill each query of a file triggers.

    Prints how many queries trigger their skill, or stay away from it as they should, and every
    query that does not.

    Examples:

        router triggers eval_queries.json --skill pdf --pack my-skills

        router triggers routes.csv --pack my-skills --fail-under 0.9
    """
    from rich.markup import escape

    from router.evaluation.triggers import (
        count_triggers,
        read_triggers,
        run_triggers,
        write_triggers,
    )

    triggers = read_triggers(file, skill)
    if to is not None:
        write_triggers(to, triggers)
    outcomes = run_triggers(load_router(pack, encoder, second_look=second_look), triggers)
    counts = count_triggers(triggers, outcomes)
    rows = []
    for count in counts:
        name = count.skill if count.should_trigger else f"not {count.skill}"
        rows.append((name, count.right, *figure_cells(count.figure, 2)))
    columns = ("skill", "right", "share", "95 % interval", "of")
    print_table("Queries with the right outcome", columns, rows)
    for trigger, outcome in zip(triggers, outcomes, strict=True):
        if not trigger.is_right(outcome.skills):
            wanted = f"{'' if trigger.should_trigger else 'not '}{trigger.skill or 'nothing'}"
            result = f"wanted {wanted}, got {', '.join(outcome.skills) or outcome.action}"
            print_line(escape(f"wrong: {trigger.query!r}: {result}"))
    everything = counts[-1]
    if fail_under is not None and everything.right < fail_under * everything.figure.n:
        raise typer.Exit(1)
