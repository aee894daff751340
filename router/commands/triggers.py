"""Run trigger evaluations: is the right skill picked?"""

from pathlib import Path
from typing import Annotated

import typer

from router.commands.common import EncoderOption, PackOption, load_router, stdout


def triggers_command(
    file: Annotated[
        Path, typer.Argument(help="eval_queries.json, or CSV with expected_route.", exists=True)
    ],
    pack: PackOption = None,
    encoder: EncoderOption = None,
    skill: Annotated[
        str | None, typer.Option(help="The skill that entries without one are about.")
    ] = None,
    fail_under: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Exit with 1 below this share right.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="Also write them here in the other form: .json or .csv."),
    ] = None,
) -> None:
    """Run a file of trigger evaluations, and print what came out wrong.

    Examples:
        router triggers eval_queries.json --skill pdf --pack my-skills

        router triggers routes.csv --pack my-skills --fail-under 0.9
    """
    from rich.table import Table

    from router.evaluation.trigger_eval import (
        read_triggers,
        run_triggers,
        tally,
        write_csv,
        write_eval_queries,
    )

    found = read_triggers(file, skill)
    if to is not None:
        write = write_csv if to.suffix.lower() == ".csv" else write_eval_queries
        write(to, found)
    outcomes = run_triggers(load_router(pack, encoder), found)
    rows = tally(outcomes)
    table = Table("skill", "should", "right", "of", "share", "95 % interval")
    for row in rows:
        share = f"{row.right / row.count:.0%}" if row.count else "-"
        should = "" if row.skill == "all" else "trigger" if row.should else "not trigger"
        interval = f"{row.low:.0%} to {row.high:.0%}"
        table.add_row(row.skill, should, str(row.right), str(row.count), share, interval)
    out = stdout()
    out.print(table)
    for one in outcomes:
        if not one.right:
            wanted = one.trigger.skill or "nothing"
            wanted = wanted if one.trigger.should_trigger else f"not {wanted}"
            got = ", ".join(one.got) or one.action
            out.print(f"wrong: {one.trigger.query!r}: wanted {wanted}, got {got}", markup=False)
    whole = rows[-1]
    if fail_under is not None and whole.right < fail_under * whole.count:
        raise typer.Exit(1)
