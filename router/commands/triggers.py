"""Test which skills queries trigger."""

from pathlib import Path
from typing import Annotated

import typer

from router.commands.options import EncoderOption, PackOption, SecondLookOption, load_router
from router.commands.output import figure_cells, print_line, print_note, print_table


def triggers_command(
    file: Annotated[
        Path,
        typer.Argument(
            help="File of queries with the skill of each, or folder of skills with such files.",
            exists=True,
        ),
    ],
    pack: PackOption = None,
    encoder: EncoderOption = None,
    second_look: SecondLookOption = None,
    skill: Annotated[
        str | None, typer.Option(help="Skill of the entries that name none themselves.")
    ] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[FIGURE=]VALUE",
            help="Exit with 1 if a smaller share is right; or first_right or within_3 is less, or"
            " false_triggers more. Can be given several times.",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="File to convert the entries to: .json or .csv."),
    ] = None,
) -> None:
    """Test which skill each query of a file triggers.

    Prints how many queries trigger their skill, or stay away from it as they should, and every
    query that does not. JSON, YAML and CSV are read: entries with should_trigger or an expected
    skill, lists of what should trigger and what should not, evals.json, and files below each skill.

    Examples:

        router triggers my-skills --pack my-skills

        router triggers eval_queries.json --skill pdf --pack my-skills

        router triggers routes.csv --pack my-skills --fail-under 0.9
    """
    from rich.markup import escape

    from router.evaluation.fail_under import read_conditions, unmet_conditions
    from router.evaluation.triggers import (
        TRIGGER_FIGURES,
        count_triggers,
        figures_of_triggers,
        read_triggers,
        run_triggers,
        with_ids,
        write_triggers,
    )

    conditions = [given if "=" in given else f"right={given}" for given in fail_under or []]
    bounds = read_conditions(conditions, ("right", *TRIGGER_FIGURES))
    triggers = read_triggers(file, skill)
    if to is not None:
        write_triggers(to, triggers)
    router = load_router(pack, encoder, second_look=second_look)
    triggers = with_ids(triggers, router.pack)
    outcomes = run_triggers(router, triggers)
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
    figures = figures_of_triggers(router, triggers, outcomes)
    shown = [(name, *figure_cells(figure)) for name, figure in figures.items() if figure.n]
    print_table("Figures", ("figure", "value", "95 % interval", "of"), shown)
    failed = unmet_conditions(bounds, figures | {"right": counts[-1].figure})
    for sentence in failed:
        print_note(f"router: {sentence}")
    if failed:
        raise typer.Exit(1)
