"""Fit a router to a labelled log, and say what that gains."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.commands.common import EncoderOption, PackOption, load_router, stdout

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from router.calibration.calibration import Calibration
    from router.statistics.figure import Figure

WORDS = {
    "accepted": "decisions that an expert accepts",
    "silently_wrong": "decided unasked, and wrong",
    "asked": "asked about",
    "needless_of_asked": "questions neither fair nor needed",
    "right_in_the_end": "right, once questions are answered",
    "truth_is_offered": "composed questions that offer the truth",
    "calibration_error": "gap between confidence and share right",
    "ask_auroc": "must-ask above clear ones (AUROC)",
    "must_ask_recall_at_5%_needless": "must-ask found at 5 % needless",
    "must_ask_recall_at_10%_needless": "must-ask found at 10 % needless",
    "must_ask_recall_at_15%_needless": "must-ask found at 15 % needless",
    "outside_auroc": "nothing of ours above ours (AUROC)",
    "sure_auroc": "right above wrong, by confidence (AUROC)",
}


def calibrate_command(
    log: Annotated[
        Path | None,
        typer.Argument(help="A labelled log, as for `evaluate` [default: the pack's exemplars]."),
    ] = None,
    ask_rate: Annotated[
        float | None, typer.Option(help="Share of queries to ask about, in (0, 1).")
    ] = None,
    max_error: Annotated[
        float | None,
        typer.Option(help="Share that may be decided unasked and wrong, in (0, 1)."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")] = Path(
        "calibration.json"
    ),
    before: Annotated[
        str | None, typer.Option(help="Only lines before this time, such as 2026-09-29.")
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(help="Name of the text's column [default: guessed].")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(help="Name of the label's column [default: guessed].")
    ] = None,
    time_column: Annotated[
        str | None, typer.Option(help="Name of the time's column [default: guessed].")
    ] = None,
    pack: PackOption = None,
    encoder: EncoderOption = None,
) -> None:
    """Fit what a confidence is worth, and when to ask; figures are of held-out queries.

    Examples:
        router calibrate queries.jsonl --ask-rate 0.10

        router calibrate queries.csv --max-error 0.05 --out strict.json

        router calibrate --pack my-pack
    """
    from router.calibration.calibrate import calibrate_log
    from router.logs.reader import Columns

    router = load_router(pack, encoder)
    fitted = calibrate_log(
        router,
        log,
        columns=Columns(text=text_column, label=label_column, time=time_column),
        before=before,
        ask_rate=ask_rate,
        max_error=max_error,
    )
    fitted.write(out)
    show(stdout(), fitted)
    typer.echo(f'Written to {out}; use it with Router.load(..., calibration="{out}").')


def show(console: "Console", fitted: "Calibration") -> None:
    """Print what was fitted, and how it did on what was held out."""
    console.print(outcomes(fitted))
    console.print(ranking(fitted.report.ranking))
    pooled = fitted.confidence
    maps = [f"confidence: {{slope: {pooled.slope:.2f}, offset: {pooled.offset:.2f}}}"]
    maps += [f"{name} {one.slope:.2f}, {one.offset:+.2f}" for name, one in fitted.maps.items()]
    console.print(f"Fitted, {', '.join(maps)} (log odds * slope + offset).", soft_wrap=True)
    sure = f", or the decision is less than {fitted.confidence_threshold:.2f} sure"
    console.print(
        f"Asks where a detail is missing with probability {fitted.ask_threshold:.2f} or more"
        f"{sure if fitted.confidence_threshold else ''}.",
        soft_wrap=True,
    )
    if fitted.max_error is not None:
        console.print(
            f"Of queries drawn like these, at most {fitted.max_error:.1%} are expected to be"
            " decided unasked and wrong (conformal risk control); no promise where users come to"
            " ask for something else.",
            soft_wrap=True,
        )
    if fitted.source == "exemplars":
        console.print(
            "Fitted on exemplars, which are no sample of what users ask: give a labelled log where"
            " there is one.",
            soft_wrap=True,
        )


def outcomes(fitted: "Calibration") -> "Table":
    """Lay out the figures that thresholds change, before and after."""
    from rich.table import Table

    what = "labelled queries" if fitted.source == "log" else "exemplars"
    table = Table("figure", title=f"On {fitted.n:,} {what}, held out", title_justify="left")
    for column in ("before", "after", "95 % interval", "n"):
        table.add_column(column, justify="right")
    for name, after in fitted.report.after.items():
        was = fitted.report.before.get(name)
        before = "" if was is None else f"{was.value:.3f}"
        table.add_row(WORDS.get(name, name), before, *_cells(after))
    return table


def ranking(figures: "dict[str, Figure]") -> "Table":
    """Lay out the figures that no threshold changes."""
    from rich.table import Table

    table = Table("figure", title="Whatever the thresholds", title_justify="left")
    for column in ("value", "95 % interval", "n"):
        table.add_column(column, justify="right")
    for name, figure in figures.items():
        table.add_row(WORDS.get(name, name), *_cells(figure))
    return table


def _cells(figure: "Figure") -> tuple[str, str, str]:
    return f"{figure.value:.3f}", f"{figure.low:.3f} to {figure.high:.3f}", f"{figure.n:,}"
