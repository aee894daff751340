"""Fit a router to labelled queries."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.commands.options import (
    EncoderOption,
    LabelColumnOption,
    PackOption,
    SecondLookOption,
    TextColumnOption,
    TimeColumnOption,
    load_router,
)
from router.commands.output import figure_cells, print_line, print_note, print_table, print_text

if TYPE_CHECKING:
    from router.calibration.calibration import Calibration

_FIGURES = {
    "accepted": "decisions that an expert would accept",
    "silently_wrong": "wrong decisions without a question",
    "asked": "queries that are asked about",
    "needless_of_asked": "questions that were not needed",
    "right_in_the_end": "right once the questions are answered",
    "truth_is_offered": "composed questions that offer the truth",
    "calibration_error": "gap between confidence and share right",
    "ask_auroc": "missing detail: AUROC",
    "must_ask_recall_at_5%_needless": "  found with 5 % needless questions",
    "must_ask_recall_at_10%_needless": "  found with 10 % needless questions",
    "must_ask_recall_at_15%_needless": "  found with 15 % needless questions",
    "outside_auroc": "out of scope: AUROC",
    "sure_auroc": "right decision, by confidence: AUROC",
}


def calibrate_command(
    log: Annotated[
        str | None,
        typer.Argument(help="Labelled log, as for `evaluate` [default: the pack's exemplars]."),
    ] = None,
    ask_rate: Annotated[
        float | None, typer.Option(help="Share of queries to ask about, in (0, 1).")
    ] = None,
    max_error: Annotated[
        float | None,
        typer.Option(help="Share of queries that may go wrong without a question, in (0, 1)."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")] = Path(
        "calibration.json"
    ),
    before: Annotated[
        str | None, typer.Option(help="Use only lines before this time, such as 2026-09-29.")
    ] = None,
    text_column: TextColumnOption = None,
    label_column: LabelColumnOption = None,
    time_column: TimeColumnOption = None,
    pack: PackOption = None,
    encoder: EncoderOption = None,
    second_look: SecondLookOption = None,
) -> None:
    """Fit confidence and thresholds to labelled queries.

    The figures that are printed come from queries that were held out of the fit.

    Examples:

        router calibrate queries.jsonl --ask-rate 0.10

        router calibrate queries.csv --max-error 0.05 --out strict.json

        router calibrate --pack my-pack
    """
    from router.calibration import calibrate_log
    from router.logs.reader import Columns

    router = load_router(pack, encoder, second_look=second_look)
    calibration = calibrate_log(
        router,
        log,
        columns=Columns(text=text_column, label=label_column, time=time_column),
        before=before,
        ask_rate=ask_rate,
        max_error=max_error,
        notify=print_note,
    )
    calibration.write(out)
    _print_calibration(calibration)
    print_text(f"Written to {out}. Use it with --calibration {out}, or with")
    print_text(f'Router.load(..., calibration="{out}") in Python.')


def _print_calibration(calibration: "Calibration") -> None:
    """Print how it did on queries that were held out, and what was fitted."""
    report = calibration.report
    what = "labelled queries" if calibration.source == "log" else "exemplars"
    rows = []
    for name, after in report.after.items():
        before = report.before.get(name)
        old = "" if before is None else figure_cells(before)[0]
        rows.append((_FIGURES.get(name, name), old, *figure_cells(after)))
    title, columns = f"On {calibration.n:,} {what}, held out", ("share", "before", "after")
    print_table(title, (*columns, "95 % interval", "n"), rows)
    ranking = [
        (_FIGURES.get(name, name), *figure_cells(figure)) for name, figure in report.ranking.items()
    ]
    title = "Independent of the thresholds"
    print_table(title, ("ranking", "value", "95 % interval", "n"), ranking)
    asks = f"a detail is missing with a probability of at least {calibration.ask_threshold:.2f}"
    if calibration.confidence_threshold:
        asks += f", or if the confidence is below {calibration.confidence_threshold:.2f}"
    print_line(f"The router asks if {asks}.")
    scalings = {"all actions": calibration.confidence, **calibration.maps}
    listed = ", ".join(
        f"{scaling.slope:.2f} * x {scaling.offset:+.2f} for {name}"
        for name, scaling in scalings.items()
    )
    print_line(f"Log odds x of a confidence become {listed}.")
    if calibration.max_error is not None:
        print_line(
            f"Of queries like these, at most {calibration.max_error:.1%} are expected to go wrong"
            " without a question (conformal risk control). This does not hold for users who begin"
            " to ask for other things.",
        )
    if calibration.source == "exemplars":
        print_line(
            "Exemplars are not a sample of what users ask: give a labelled log if you have one.",
        )
