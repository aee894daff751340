"""Evaluate a log of queries."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from router.commands.options import (
    CalibrationOption,
    EncoderOption,
    LabelColumnOption,
    PackOption,
    SecondLookOption,
    TextColumnOption,
    TimeColumnOption,
    load_router,
)
from router.commands.output import (
    figure_cells,
    print_line,
    print_note,
    print_table,
    print_text,
    progress_console,
)
from router.decisions.words import count_of, on_one_line, outcome_in_words

if TYPE_CHECKING:
    from router.evaluation.rows import Query
    from router.evaluation.run import Evaluation, Progress
    from router.evaluation.turn_figures import TurnFigures
    from router.router import Router
    from router.statistics.figure import Figure

_MOST_QUERIES, _MOST_REASONS = 10, 3
"""Queries, and rejected lines, that are printed."""


def evaluate_command(
    log: Annotated[
        str | None,
        typer.Argument(
            help="JSONL, CSV, TSV or Parquet, plain or compressed with gzip or zstd; a folder of"
            " such files; a URI of one of these; or '-' for standard input [default: the sample"
            " log]."
        ),
    ] = None,
    out: Annotated[
        str, typer.Option("--out", "-o", help="Output folder, as a path or a URI.")
    ] = "runs/latest",
    text_column: TextColumnOption = None,
    label_column: LabelColumnOption = None,
    time_column: TimeColumnOption = None,
    id_column: Annotated[
        str | None,
        typer.Option(help="Column that holds the id; '-' for none [default: guessed]."),
    ] = None,
    form: Annotated[
        Literal["jsonl", "parquet"] | None,
        typer.Option(
            "--format",
            help="Format of the decisions [default: jsonl; parquet with --engine ray].",
        ),
    ] = None,
    turns: Annotated[
        Literal["last", "all"] | None,
        typer.Option(
            help="Decide turns of conversations with what was said before: the last turn of each"
            " conversation, or all. A conversation is a line with its messages, or the lines that"
            " name it, by time."
        ),
    ] = None,
    conversation_column: Annotated[
        str | None,
        typer.Option(
            help="Column that names the conversation; '-' for none [default: guessed with --turns]."
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first line that can't be read.")
    ] = False,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart",
            help="Discard an interrupted run and start over.",
        ),
    ] = False,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIGURE=VALUE",
            help="Exit with 1 if a figure is worse than this value: lower, or higher where less is"
            " better. ID.recall=VALUE is the recall of one skill. Can be given several times.",
        ),
    ] = None,
    cache: Annotated[
        bool,
        typer.Option(
            "--cache/--no-cache",
            help="Keep up to 2 GiB of vectors in the cache folder, so that a second evaluation of"
            " the log is faster (not with --engine ray).",
        ),
    ] = True,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Also write report.html.")
    ] = True,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(help="Where to decide: on this machine, or on a Ray cluster."),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="Address of the Ray cluster [default: RAY_ADDRESS, or a cluster started here]."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Number of Ray workers, with a model each [default: CPUs]."),
    ] = None,
    pack: PackOption = None,
    encoder: EncoderOption = None,
    second_look: SecondLookOption = None,
    calibration: CalibrationOption = None,
) -> None:
    """Decide every query of a log and measure the decisions.

    The output folder gets the decisions, the lines that can't be read, the figures and a report.
    If you stop the command with Ctrl-C, the same command continues where it was.

    Examples:

        router evaluate

        router evaluate queries.csv --label-column skill --out runs/october

        router evaluate queries.jsonl.gz --fail-under accepted=0.90

        router evaluate chats.jsonl --turns all

        router evaluate s3://bucket/log --engine ray --out s3://bucket/run
    """
    from router.engines.ray import evaluate_on_ray
    from router.errors import LogError
    from router.evaluation.fail_under import failures_of, figure_names, read_conditions
    from router.evaluation.run import evaluate
    from router.logs.formats import utf8_text
    from router.logs.locations import copy_to_store, local_path
    from router.logs.reader import Columns
    from router.paths import SAMPLE_LOG
    from router.report import write_report
    from router.router import encoder_for

    router = load_router(pack, encoder, calibration, second_look)
    bounds = read_conditions(fail_under or [], figure_names(router.pack))
    run = partial(evaluate, cache=cache, format=form or "jsonl")
    if engine == "ray":
        make_encoder = partial(encoder_for, router.pack, encoder, None, second_look)
        run = partial(evaluate_on_ray, address=address, workers=workers, encoder=make_encoder)
        run = partial(run, format=form or "parquet")
    elif address is not None or workers is not None:
        raise LogError("--address and --workers are for the engine ray; cure: --engine ray")
    columns = Columns(text_column, label_column, time_column, id_column, conversation_column)
    try:
        with _progress_bar() as update:
            evaluation = run(
                router,
                log or SAMPLE_LOG,
                out,
                columns=columns,
                strict=strict,
                restart=restart,
                progress=update,
                turns=turns,
                notify=print_note,
            )
    except KeyboardInterrupt:
        print_note(f"router: stopped; the same command goes on from here ({out})")
        raise typer.Exit(130) from None
    ranking = _measure_ranking(router, evaluation, out, cache)
    _print_evaluation(evaluation, ranking, out)
    if report:
        path = write_report(evaluation.folder, router)
        if local_path(out) is None:
            copy_to_store(path, f"{out}/{path.name}")
        print_text(f"The report is {utf8_text(out)}/{path.name}")
    failures = failures_of(evaluation.metrics, bounds, ranking)
    for sentence in failures:
        print_note(f"router: {sentence}")
    if failures:
        raise typer.Exit(1)


@contextmanager
def _progress_bar() -> Iterator["Callable[[Progress], None]"]:
    """Show on standard error how far a run is, how fast it is, and the time left."""
    from rich import progress as rich_progress

    columns = (
        rich_progress.BarColumn(),
        rich_progress.TaskProgressColumn(),
        rich_progress.TextColumn(
            "{task.fields[lines]:,} lines, {task.fields[texts]:,} different texts"
        ),
        rich_progress.TextColumn("{task.fields[rate]:,.0f}/s"),
        rich_progress.TimeRemainingColumn(),
    )
    console = progress_console()
    hidden = not console.is_terminal
    with rich_progress.Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("", total=1.0, lines=0, texts=0, rate=0.0)
        start: tuple[float, int] | None = None

        def update(done: "Progress") -> None:
            nonlocal start
            start = start or (monotonic(), done.lines)  # a run that resumes has lines already
            seconds, n_lines = monotonic() - start[0], done.lines - start[1]
            rate = n_lines / max(seconds, 1e-6)
            bar.update(task, completed=done.share, lines=done.lines, texts=done.texts, rate=rate)

        yield update


def _measure_ranking(
    router: "Router", evaluation: "Evaluation", out: str, cache: bool
) -> "dict[str, Figure]":
    """Measure the ranking of the labelled queries; its files go where the others are."""
    from router.evaluation.decisions_file import RunFolder
    from router.evaluation.ranking import RANKED_LINES_FILE, RANKING_FILE, measure_ranking
    from router.logs.locations import copy_to_store, local_path

    folder = evaluation.folder
    if evaluation.turns is not None or not evaluation.metrics.lines.labelled:
        return {}
    ranker = router.with_vector_cache() if cache else router
    figures = measure_ranking(ranker, RunFolder(folder).decisions(), folder)
    if local_path(out) is None:
        for name in (RANKED_LINES_FILE, RANKING_FILE):
            copy_to_store(folder / name, f"{out}/{name}")
    return figures


def _print_evaluation(evaluation: "Evaluation", ranking: "Mapping[str, Figure]", out: str) -> None:
    """Print the figures, what was decided, the worst mistakes, and where the files are."""
    from rich.markup import escape

    from router.logs.formats import utf8_text

    metrics, lines = evaluation.metrics, evaluation.metrics.lines
    figures = (
        (name, *figure_cells(figure, 4))
        for name, figure in (*metrics.intervals.items(), *ranking.items())
        if figure.value is not None
    )
    print_table("Figures", ("figure", "value", "95 % interval", "n"), figures)
    shares = (f"{n / lines.decided:.1%} {action}" for action, n in metrics.shares.actions.items())
    print_line(f"Decisions: {', '.join(shares)}.")
    if (of_turns := evaluation.turns) is not None:
        _print_turns(of_turns)
    title, queries = "Least certain", metrics.least_certain
    if lines.labelled:
        title, queries = "Wrong decisions, the most confident first", metrics.mistakes
    print_line(f"\n[bold]{title}[/bold]{'' if queries else ': none'}")
    for query in queries[:_MOST_QUERIES]:
        print_line(f"  {escape(_query_in_words(query))}")
        print_line(f"    [dim]{escape(on_one_line(query.text, 110))}[/dim]")
    print_line(
        f"\n{count_of(lines.read, 'line')}: {lines.decided:,} decided ({lines.labelled:,} with a"
        f" label, {count_of(lines.texts, 'different text')}), {lines.rejected:,} rejected.",
    )
    if lines.truncated:
        print_line(f"{lines.truncated / lines.decided:.1%} were too long to be read whole.")
    for rejected in islice(evaluation.rejected(), _MOST_REASONS):
        print_line(f"  line {rejected.line}: {escape(on_one_line(rejected.reason, 160))}")
    if lines.rejected > _MOST_REASONS:
        left = lines.rejected - _MOST_REASONS
        print_line(f"  rejected.jsonl lists {left:,} more")
    files = f"{utf8_text(out)}: {', '.join(evaluation.files)}"
    print_line(f"Everything is in {escape(files)}.")


def _print_turns(turns: "TurnFigures") -> None:
    """Print the results by position in the conversation."""
    rows = [
        (
            f"{at.position}{' and later' * (at is turns.positions[-1] and at.position > 1)}",
            at.turns,
            at.needed,
            at.acknowledged,
            at.asked,
            "-" if at.accepted_share is None else f"{at.accepted_share:.4f}",
        )
        for at in turns.positions
    ]
    columns = ("turn", "turns", "needed history", "acknowledged", "asked", "accepted")
    print_table("Turns by position in the conversation", columns, rows)
    print_line(f"{turns.needed_share:.1%} of the turns needed what came before.")


def _query_in_words(query: "Query") -> str:
    label = query.gold
    wanted = f", wanted {outcome_in_words(label, label.ok_skills)}" if label else ""
    return f"{query.confidence:.0%} {outcome_in_words(query)}{wanted}"
