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
    from router.evaluation.rows import DecidedLine
    from router.evaluation.triggers import Trigger, TriggerCount


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

    from router.evaluation.triggers import (
        count_triggers,
        read_triggers,
        run_triggers,
        write_triggers,
    )

    triggers = read_triggers(file, skill)
    if to is not None:
        write_triggers(to, triggers)
    decided = run_triggers(load_router(pack, encoder), triggers)
    counts = count_triggers(triggers, decided)
    columns = ("skill", "right", "of", "share", "95 % interval")
    print_table("Queries with the right outcome", columns, map(_cells, counts))
    for trigger, line in zip(triggers, decided, strict=True):
        if not trigger.is_right(line.skills):
            print_line(escape(_mistake(trigger, line)))
    everything = counts[-1]
    if fail_under is not None and everything.right < fail_under * everything.figure.n:
        raise typer.Exit(1)


def _cells(count: "TriggerCount") -> tuple[str, ...]:
    name = count.skill if count.should_trigger else f"not {count.skill}"
    if not count.figure.n:
        return name, "0", "0", "-", "-"
    value, low, high = count.figure.measured
    return name, str(count.right), str(count.figure.n), f"{value:.0%}", f"{low:.0%} to {high:.0%}"


def _mistake(trigger: "Trigger", line: "DecidedLine") -> str:
    wanted = trigger.skill or "nothing"
    wanted = wanted if trigger.should_trigger else f"not {wanted}"
    result = ", ".join(line.skills) or line.action
    return f"wrong: {trigger.query!r}: wanted {wanted}, got {result}"
