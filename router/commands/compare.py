"""Compare two runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.commands.options import EncoderOption, encoder_of
from router.commands.output import print_line, print_table, print_text
from router.decisions.outcome import ACTIONS
from router.decisions.words import count_of, on_one_line, outcome_in_words, target_in_words

if TYPE_CHECKING:
    from router.evaluation.compare import Change, Paired
    from router.evaluation.drift import Drift
    from router.evaluation.share_change import ShareChange
    from router.statistics.figure import Figure

_MOST_CHANGES = 8
"""Changed queries of each kind that are printed."""

_MOST_MOVES = 5


def compare_command(
    before: Annotated[Path, typer.Argument(help="Folder of a run.")],
    after: Annotated[Path, typer.Argument(help="Folder of the run to compare with it.")],
    encoder: EncoderOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare two runs of one log, or of two logs.

    For one log, you see which decisions changed for better or worse. For two logs, you see whether
    users ask for other things.

    Examples:

        router compare runs/before runs/after

        router compare runs/september runs/october --json
    """
    import msgspec

    from router.evaluation.compare import Paired, compare, differences
    from router.evaluation.decisions_file import RunFolder

    runs = RunFolder.open(before), RunFolder.open(after)
    comparison = compare(*runs, lambda: encoder_of(encoder))
    if json:
        print_text(msgspec.json.encode(comparison).decode())
        return
    if isinstance(comparison, Paired):
        _print_paired(comparison, (before, after), differences(*runs))
    else:
        _print_drift(comparison, (before, after), differences(*runs))


def _print_paired(
    paired: "Paired",
    names: tuple[Path, Path],
    differing: tuple[str, ...] | None,
) -> None:
    """Print what a change of the router did to the decisions on one log."""
    from rich.markup import escape

    before, after = (escape(str(name)) for name in names)
    print_line(f"The same log was decided twice: {before} is before, {after} is after.")
    print_line(_cause(differing, "The routers are the same"))
    print_line(f"{paired.n_changed:,} of {count_of(paired.n, 'decision')} changed.")
    if paired.n_relabelled:
        print_line(
            f"{count_of(paired.n_relabelled, 'line')} had another label, or none, in the other run,"
            " which says nothing of the routers: what is accepted is compared on the other lines.",
        )
    if paired.gain is not None and paired.p_value is not None:
        p_value = "p < 0.001" if paired.p_value < 0.001 else f"p = {paired.p_value:.2g}"
        print_line(
            f"\n[bold]{_verdict(paired.gain)}[/bold] Newly accepted: {paired.n_better:,}, no"
            f" longer accepted: {paired.n_worse:,}, of {paired.gain.n:,} labelled (McNemar's exact"
            f" test: {p_value}).",
        )
    _print_shares("", paired.figures)
    moves = [move for move in paired.moves if move[0] != move[1] and move[2] > 1][:_MOST_MOVES]
    if moves:
        print_line("\n[bold]Most frequent moves[/bold]")
    for first, second, count in moves:
        line = f"  {count:,}: {target_in_words(first)} -> {target_in_words(second)}"
        print_line(escape(line))
    n_others = paired.n_changed - paired.n_better - paired.n_worse
    others = "Accepted in both runs or in neither" if paired.gain is not None else "Changed"
    titles = {
        "worse": f"No longer accepted: {paired.n_worse:,}",
        "better": f"Newly accepted: {paired.n_better:,}",
        "other": f"{others}: {n_others:,}",
    }
    for kind, title in titles.items():
        changes = [change for change in paired.changes if change.verdict == kind]
        if changes:
            print_line(f"\n[bold]{title}[/bold]")
        for change in changes[:_MOST_CHANGES]:
            _print_change(change)


def _print_change(change: "Change") -> None:
    from rich.markup import escape

    before, after = outcome_in_words(change.before), outcome_in_words(change.after)
    print_line(f"  [dim]{escape(on_one_line(change.after.text, 110))}[/dim]")
    print_line(f"    {escape(before)} -> {escape(after)}")


def _print_drift(
    drift: "Drift", names: tuple[Path, Path], differing: tuple[str, ...] | None
) -> None:
    """Print how two logs differ."""
    from rich.markup import escape

    before, after = (escape(str(name)) for name in names)
    print_line(
        f"Two logs: {before} is before, with {count_of(drift.n_before, 'query')}, and {after} is"
        f" after, with {count_of(drift.n_after, 'query')}.",
    )
    print_line(_cause(differing, "Both logs were decided by the same router"))
    print_line()
    print_line(_difference_of_queries(drift.embedding))
    for subject, divergence, chance in (
        ("outcomes (route, clarify, redirect, none)", drift.actions, drift.actions_by_chance),
        ("skills that come first", drift.skills, drift.skills_by_chance),
    ):
        more = "more" if divergence.measured[0] > chance else "no more"
        print_line(
            f"The {subject} [bold]differ {more} than by chance[/bold]: the Jensen-Shannon"
            f" divergence is {_with_interval(divergence)} bits; by chance it stays below"
            f" {chance:.3f}."
        )
    if drift.embedding is not None and drift.embedding.measured[1] > 0.5:
        for name, texts in ((before, drift.typical_before), (after, drift.typical_after)):
            print_line(f"\n[bold]Most typical of {name}[/bold]")
            for text in texts:
                print_line(f"  [dim]{escape(on_one_line(text, 110))}[/dim]")
    print_line()
    outcomes = [share for share in drift.shares if share.name in ACTIONS]
    skills = [share for share in drift.shares if share.name not in ACTIONS]
    _print_shares("Share of all queries, by outcome", outcomes)
    _print_shares("Share of all queries, by skill", skills)


def _verdict(gain: "Figure") -> str:
    """Say whether more or fewer decisions are accepted."""
    if not gain.excludes_zero:
        return "There is no clear difference in what is accepted."
    return f"{'More' if gain.measured[0] > 0 else 'Fewer'} decisions are accepted."


def _cause(differing: tuple[str, ...] | None, same: str) -> str:
    if differing is None:
        return "The folders do not say which routers decided (there is no run.json)."
    if not differing:
        return f"{same}: same pack, encoder and calibration."
    return f"The routers differ in {' and '.join(differing)}."


def _difference_of_queries(auroc: "Figure | None") -> str:
    if auroc is None:
        return "The queries are not compared: there are too few different texts."
    verb = "differ" if auroc.measured[1] > 0.5 else "do not differ clearly"
    return (
        f"The queries [bold]{verb}[/bold]: a classifier tells from the text which log a query is"
        f" from with an AUROC of {_with_interval(auroc)}; 0.5 is chance, 1 is certainty."
    )


def _with_interval(figure: "Figure") -> str:
    return "{:.3f} ({:.3f} to {:.3f})".format(*figure.measured)


def _print_shares(title: str, shares: "Sequence[ShareChange]") -> None:
    """Print shares before and after, with a star where the interval of the change excludes 0."""
    rows = []
    for share in shares:
        value, low, high = (f"{100 * end:+.1f}" for end in share.change.measured)
        star = " *" if share.change.excludes_zero else "  "
        cells = f"{share.before:.1%}", f"{share.after:.1%}", value, f"{low} to {high}{star}"
        rows.append((share.name, *cells))
    if rows:
        print_table(title, ("", "before", "after", "change", "95 % interval  "), rows)
        clear = " * The interval excludes 0." * any(share.change.excludes_zero for share in shares)
        print_line(f"Changes are in percentage points.{clear}")
