"""Evaluate a log of queries, and gate on its figures."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from router.commands.common import EncoderOption, PackOption, load_router, stderr, stdout

if TYPE_CHECKING:
    from rich.console import Console

    from router.evaluation import Evaluation, Progress
    from router.gold import Gold
    from router.run_parts import Query

SHOWN = 10  # mistakes that are printed


def evaluate(
    log: Annotated[
        str | None,
        typer.Argument(
            help="JSONL, CSV, TSV or Parquet, gzip or zstd of these, a folder of parts, or '-' for"
            " standard input [default: the sample log]."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")] = Path("run"),
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
        Literal["jsonl", "parquet"], typer.Option("--format", help="Form of the decisions.")
    ] = "jsonl",
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first line that can't be read.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Drop what a stopped run has done.")
    ] = False,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE: exit with 1 if that figure is lower; several may be given."),
    ] = None,
    pack: PackOption = None,
    encoder: EncoderOption = None,
) -> None:
    """Decide every query of a log; write decisions, rejected lines and figures.

    Stopped with Ctrl-C, the same command goes on where it was.

    Examples:

        router evaluate

        router evaluate queries.csv --text-column question --label-column skill --out run

        router evaluate queries.jsonl.gz --fail-under accepted=0.90 --fail-under none_recall=0.85
    """
    from router.evaluation import evaluate as run
    from router.gate import Gate
    from router.logs import Columns
    from router.shipped import SAMPLE_LOG

    gate = Gate.of(fail_under or [])
    router = load_router(pack, encoder)
    columns = Columns(text_column, label_column, time_column, id_column)
    try:
        with progress_bar() as tell:
            evaluation = run(
                router,
                SAMPLE_LOG if log is None else log,
                out,
                columns=columns,
                form=form,
                strict=strict,
                restart=restart,
                progress=tell,
            )
    except KeyboardInterrupt:
        typer.echo(f"router: stopped; the same command goes on from here ({out})", err=True)
        raise typer.Exit(130) from None
    show(stdout(), evaluation)
    failed = gate.failed(evaluation.figures)
    for sentence in failed:
        typer.echo(f"router: {sentence}", err=True)
    if failed:
        raise typer.Exit(1)


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
    with bars.Progress(*columns, console=stderr(), transient=True) as bar:
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
    from rich.table import Table

    metrics = evaluation.metrics
    lines = metrics.lines
    table = Table("figure", "value", "95 % interval", "n", title="Figures", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, figure in metrics.intervals.items():
        if figure.value is not None:
            ends = f"{figure.low:.3f} to {figure.high:.3f}"
            table.add_row(name, f"{figure.value:.4f}", ends, f"{figure.n:,}")
    console.print(table)
    shares = (f"{n / lines.decided:.1%} {name}" for name, n in metrics.shares.actions.items())
    console.print(f"Decided: {', '.join(shares)}.")
    if metrics.mistakes:
        console.print("\n[bold]Wrong, and most sure of it[/bold]")
    for query in metrics.mistakes[:SHOWN]:
        given, wanted = target(query), target(query.gold)
        console.print(
            f"  {query.confidence:.0%} {given}, wanted {wanted}: {escape(shortened(query.text))}",
            soft_wrap=True,
        )
    console.print(
        f"\n{lines.read:,} lines: {lines.decided:,} decided ({lines.labelled:,} labelled,"
        f" {lines.texts:,} different texts), {lines.rejected:,} rejected."
    )
    if lines.rejected:
        console.print(
            f"[bold]Rejected lines and why: {evaluation.folder / 'rejected.jsonl'}[/bold]"
        )
    console.print(f"Everything is in {evaluation.folder}: {', '.join(evaluation.files)}.")


def target(of: "Query | Gold | None") -> str:
    """Name what was decided, or wanted, in a few words."""
    if of is None:
        return "nothing"
    names = (*of.skills, *of.packs) or ((of.question,) if of.question else ())
    return f"{of.action} {', '.join(names)}".strip()


def shortened(text: str, size: int = 90) -> str:
    """Put a text on one line, cut where it is long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= size else f"{line[: size - 1]}…"
