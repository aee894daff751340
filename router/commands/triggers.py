"""Test which skills queries trigger."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.commands.common import (
    EncoderOption,
    PackOption,
    load_router,
    print_line,
    print_table,
)

if TYPE_CHECKING:
    from router.evaluation.trigger_eval import Outcome, Tally


def triggers_command(
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON like eval_queries.json, or CSV with expected_route.", exists=True
        ),
    ],
    pack: PackOption = None,
    encoder: EncoderOption = None,
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

    from router.evaluation.trigger_eval import (
        read_triggers,
        run_triggers,
        tally,
        write_csv,
        write_eval_queries,
    )

    triggers = read_triggers(file, skill)
    if to is not None:
        write = write_csv if to.suffix.lower() == ".csv" else write_eval_queries
        write(to, triggers)
    outcomes = run_triggers(load_router(pack, encoder), triggers)
    counts = tally(outcomes)
    columns = ("skill", "right", "of", "share", "95 % interval")
    print_table("Queries with the right outcome", columns, map(_cells, counts))
    for outcome in outcomes:
        if not outcome.right:
            print_line(escape(_mistake(outcome)))
    everything = counts[-1]
    if fail_under is not None and everything.right < fail_under * everything.count:
        raise typer.Exit(1)


def _cells(row: "Tally") -> tuple[str, ...]:
    share = f"{row.right / row.count:.0%}" if row.count else "-"
    name = row.skill if row.should else f"not {row.skill}"
    return name, str(row.right), str(row.count), share, f"{row.low:.0%} to {row.high:.0%}"


def _mistake(outcome: "Outcome") -> str:
    wanted = outcome.trigger.skill or "nothing"
    wanted = wanted if outcome.trigger.should_trigger else f"not {wanted}"
    result = ", ".join(outcome.got) or outcome.action
    return f"wrong: {outcome.trigger.query!r}: wanted {wanted}, got {result}"
