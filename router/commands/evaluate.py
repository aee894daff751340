"""Evaluate a log of queries, and gate on its figures."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from router.commands.common import (
    CalibrationOption,
    EncoderOption,
    PackOption,
    load_router,
    stderr,
    stdout,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from router.evaluation.evaluate import Evaluation, Progress
    from router.evaluation.figures import Figure
    from router.evaluation.run_parts import Query
    from router.logs.labels import Gold
    from router.router import Router

SHOWN = 10  # queries that are printed
REASONS = 3  # rejected lines that are


def evaluate_command(
    log: Annotated[
        str | None,
        typer.Argument(
            help="JSONL, CSV, TSV or Parquet, gzip or zstd of these, a folder of parts, or '-' for"
            " standard input [default: the sample log]."
        ),
    ] = None,
    out: Annotated[
        str, typer.Option("--out", "-o", help="The folder to write; with --engine ray, or its URI.")
    ] = "runs/latest",
    text_column: Annotated[
        str | None, typer.Option(help="Name of the text's column [default: guessed].")
    ] = None,
    label_column: Annotated[
        str | None,
        typer.Option(help="Name of the label's column, '-' for none [default: guessed]."),
    ] = None,
    time_column: Annotated[
        str | None, typer.Option(help="Name of the time's column, '-' for none [default: guessed].")
    ] = None,
    id_column: Annotated[
        str | None, typer.Option(help="Name of the id's column, '-' for none [default: guessed].")
    ] = None,
    form: Annotated[
        Literal["jsonl", "parquet"] | None,
        typer.Option(
            "--format", help="Form of the decisions [default: jsonl; with --engine ray, parquet]."
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first line that can't be read.")
    ] = False,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart", help="Drop what a stopped run has done; with --engine ray it always is."
        ),
    ] = False,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            help="FIGURE=VALUE, or ID.recall=VALUE: exit with 1 if it is lower, or higher where"
            " less is better; may be given several times."
        ),
    ] = None,
    cache: Annotated[
        bool,
        typer.Option(
            "--cache/--no-cache",
            help="Keep the texts' vectors, up to 2 GiB in the cache folder, so that a log evaluated"
            " again is not embedded again; --engine ray never does.",
        ),
    ] = True,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write report.html as well.")
    ] = True,
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="Where to decide: here, or on a Ray cluster.")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(help="Of the Ray cluster [default: RAY_ADDRESS, or one started here]."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Ray workers, a model each [default: one for each CPU]."),
    ] = None,
    pack: PackOption = None,
    encoder: EncoderOption = None,
    calibration: CalibrationOption = None,
) -> None:
    """Decide every query of a log; write decisions, rejected lines, figures and a report.

    Stopped with Ctrl-C, the same command goes on where it was; with --engine ray it starts over.

    Examples:
        router evaluate

        router evaluate queries.csv --text-column question --label-column skill --out run

        router evaluate queries.jsonl.gz --fail-under accepted=0.90 --fail-under none_recall=0.85

        router evaluate s3://bucket/log --engine ray --address auto --out s3://bucket/run
    """
    from router.engines.engine import engine_of
    from router.evaluation.gate import Gate
    from router.logs.reader import Columns
    from router.paths import SAMPLE_LOG

    router = load_router(pack, encoder, calibration)
    gate = Gate.of(fail_under or [], router.pack)
    columns = Columns(text_column, label_column, time_column, id_column)
    chosen = engine_of(engine, form, restart, address, workers, encoder, cache)
    try:
        with progress_bar() as tell:
            evaluation = chosen.evaluate(router, log or SAMPLE_LOG, out, columns, strict, tell)
    except KeyboardInterrupt:
        typer.echo(f"router: stopped; the same command {chosen.after_stop} ({out})", err=True)
        raise typer.Exit(130) from None
    show(stdout(), evaluation)
    if report:
        typer.echo(report_of(evaluation, router))
    failed = gate.failed(evaluation.metrics)
    for sentence in failed:
        typer.echo(f"router: {sentence}", err=True)
    if failed:
        raise typer.Exit(1)


def report_of(evaluation: "Evaluation", router: "Router") -> str:
    """Write the report beside the decisions, if they are on this machine; say where it is."""
    if not evaluation.is_here:
        return (
            "No report: it needs the folder on this machine; copy it, then `router report FOLDER`"
        )
    from router.report import write_report

    return f"The report: {write_report(evaluation.folder, router)}"


@contextmanager
def progress_bar() -> Iterator["Callable[[Progress], None]"]:
    """Show on stderr how far a run is, its rate and the time left."""
    from rich import progress as bars

    columns = (
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TextColumn("{task.fields[lines]:,} lines, {task.fields[texts]:,} different texts"),
        bars.TextColumn("{task.fields[rate]:,.0f}/s"),
        bars.TimeRemainingColumn(),
    )
    console = stderr()
    shown = console.is_terminal
    with bars.Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task("", total=1.0, lines=0, texts=0, rate=0.0)
        first: list[tuple[float, int]] = []

        def tell(done: "Progress") -> None:
            if not first:
                first.append((monotonic(), done.lines))
            since, before = first[0]
            rate = (done.lines - before) / max(monotonic() - since, 1e-6)
            bar.update(task, completed=done.share, lines=done.lines, texts=done.texts, rate=rate)

        yield tell


def show(console: "Console", evaluation: "Evaluation") -> None:
    """Print the figures, what was decided, the worst mistakes, and where the files are."""
    from rich.markup import escape

    metrics, lines = evaluation.metrics, evaluation.metrics.lines
    console.print(figures_table(metrics.intervals))
    shares = (f"{n / lines.decided:.1%} {name}" for name, n in metrics.shares.actions.items())
    console.print(f"Decided: {', '.join(shares)}.")
    title, queries = "Least certain", metrics.least_certain
    if lines.labelled:
        title, queries = "Wrong, and most sure of it", metrics.mistakes
    console.print(f"\n[bold]{title}[/bold]{'' if queries else ': none'}")
    for query in queries[:SHOWN]:
        wanted = f", wanted {target(query.gold)}" if query.gold else ""
        told = f"{query.confidence:.0%} {target(query)}{wanted}"
        console.print(f"  {told}: [dim]{escape(shortened(query.text))}[/dim]", soft_wrap=True)
    console.print(
        f"\n{lines.read:,} lines: {lines.decided:,} decided ({lines.labelled:,} labelled,"
        f" {lines.texts:,} different texts), {lines.rejected:,} rejected.",
        soft_wrap=True,
    )
    for one in islice(evaluation.rejected(), REASONS):
        console.print(f"  line {one.line}: {escape(shortened(one.reason, 160))}", soft_wrap=True)
    if lines.rejected > REASONS:
        console.print(f"  and {lines.rejected - REASONS:,} more, in rejected.jsonl")
    files = f"{evaluation.place}: {', '.join(evaluation.files)}"
    console.print(f"Everything is in {escape(files)}.", soft_wrap=True)


def figures_table(figures: "Mapping[str, Figure]") -> "Table":
    """Lay out the figures that the log has lines for."""
    from rich.table import Table

    table = Table("figure", title="Figures", title_justify="left")
    for column in ("value", "95 % interval", "n"):
        table.add_column(column, justify="right")
    for name, figure in figures.items():
        if figure.value is not None:
            ends = f"{figure.low:.3f} to {figure.high:.3f}"
            table.add_row(name, f"{figure.value:.4f}", ends, f"{figure.n:,}")
    return table


def target(of: "Query | Gold") -> str:
    """Name what was decided, or wanted, in a few words."""
    names = (*of.skills, *of.packs) or ((of.question,) if of.question else ())
    return f"{of.action} {', '.join(names)}".strip()


def shortened(text: str, size: int = 90) -> str:
    """Put a text on one line, cut where it is long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= size else f"{line[: size - 1]}…"
