"""Compare two runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.commands.common import EncoderOption, stdout

if TYPE_CHECKING:
    from rich.console import Console

    from router.evaluation.compare import Change, Paired
    from router.evaluation.drift import Drift, Share
    from router.evaluation.interval import Interval
    from router.evaluation.run_folder import Row

SHOWN = 8
MOVES = 5
ACTIONS = ("route", "clarify", "redirect", "none")


def compare_command(
    before: Annotated[Path, typer.Argument(help="The folder of a run.")],
    after: Annotated[Path, typer.Argument(help="The folder of the run to compare with it.")],
    encoder: EncoderOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare two runs: of one log, what changed for better or worse; of two logs, what drifted.

    Examples:
        router compare runs/before runs/after

        router compare runs/september runs/october --json
    """
    from functools import partial

    import msgspec

    from router.encoders.default import load_encoder
    from router.evaluation.compare import Paired, differences
    from router.evaluation.compare import compare as run
    from router.evaluation.run_folder import RunFolder

    runs = RunFolder.open(before), RunFolder.open(after)
    found = run(*runs, partial(load_encoder, encoder))
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    console = stdout()
    names = str(before), str(after)
    if isinstance(found, Paired):
        show_paired(console, found, names, differences(*runs))
    else:
        show_drift(console, found, names, differences(*runs))


def show_paired(
    console: "Console", found: "Paired", names: tuple[str, str], differ: tuple[str, ...] | None
) -> None:
    """Print what a change to pack, encoder or settings did to one log."""
    from rich.markup import escape

    before, after = map(escape, names)
    _say(console, f"One log, decided twice: {before} before, {after} after.")
    _say(console, _cause(differ, "Nothing that decides differs between the runs"))
    _say(console, f"{found.n_changed:,} of {found.n:,} decisions changed.")
    _say_gain(console, found)
    _table(console, "", [("", found.figures)])
    _show_moves(console, found)
    titles = {
        "worse": f"No longer accepted: {found.n_worse:,}",
        "better": f"Newly accepted: {found.n_better:,}",
        "other": f"Changed, accepted in both runs or in neither: {_others(found):,}",
    }
    if found.gain is None:
        titles["other"] = f"Changed; no labels say whether for the better: {_others(found):,}"
    for kind, title in titles.items():
        changes = [change for change in found.changes if change.verdict == kind][:SHOWN]
        if changes:
            _say(console, f"\n[bold]{title}[/bold]")
        for change in changes:
            _say(console, _line(change))


def _say_gain(console: "Console", found: "Paired") -> None:
    if found.n_relabelled:
        lines = "1 line" if found.n_relabelled == 1 else f"{found.n_relabelled:,} lines"
        _say(
            console,
            f"The labels of {lines} differ between the runs, and each is judged by its own:"
            " evaluate the log again with both routers to see what they change alone.",
        )
    if found.gain is not None and found.p_value is not None:
        told = "p < 0.001" if found.p_value < 0.001 else f"p = {found.p_value:.2g}"
        _say(
            console,
            f"\n[bold]{verdict(found.gain)}[/bold]: {found.n_better:,} newly accepted,"
            f" {found.n_worse:,} no longer, of {found.gain.n:,} labelled (McNemar's exact test:"
            f" {told}).",
        )


def show_drift(
    console: "Console", found: "Drift", names: tuple[str, str], differ: tuple[str, ...] | None
) -> None:
    """Print how two logs differ."""
    from rich.markup import escape

    before, after = map(escape, names)
    _say(
        console,
        f"Two logs: {before} before, with {found.n_before:,} queries, and {after} after, with"
        f" {found.n_after:,}.",
    )
    _say(console, _cause(differ, "Both were decided alike, so what differs is the logs"))
    console.print()
    _say(console, _asked(found))
    for what, value, chance in (
        ("The outcomes (route, clarify, redirect, none)", found.actions, found.actions_by_chance),
        ("The skills that are named first", found.skills, found.skills_by_chance),
    ):
        told = (
            "differ more than by chance"
            if value.value > chance
            else "differ no more than by chance"
        )
        _say(
            console,
            f"{what} [bold]{told}[/bold]: Jensen-Shannon divergence {value.value:.3f} bits"
            f" ({value.low:.3f} to {value.high:.3f}); chance stays below {chance:.3f}.",
        )
    if found.embedding is not None and found.embedding.low > 0.5:
        for name, texts in ((before, found.typical_before), (after, found.typical_after)):
            _say(console, f"\n[bold]Most typical of {name}[/bold]")
            for text in texts:
                _say(console, f"  [dim]{escape(_short(text))}[/dim]")
    outcomes = tuple(share for share in found.shares if share.name in ACTIONS)
    skills = tuple(share for share in found.shares if share.name not in ACTIONS)
    console.print()
    _table(console, "Shares of all queries", [("outcome", outcomes), ("skill", skills)])


def verdict(gain: "Interval") -> str:
    """Say what a gain comes to."""
    if not gain.excludes_zero:
        return "No clear difference in what is accepted"
    return "More is accepted" if gain.value > 0 else "Less is accepted"


def _cause(differ: tuple[str, ...] | None, alike: str) -> str:
    if differ is None:
        return "The folders do not say what decided (no run.json)."
    if not differ:
        return f"{alike}: same pack, encoder and calibration."
    return f"The routers differ in {' and '.join(differ)}."


def _asked(found: "Drift") -> str:
    one = found.embedding
    if one is None:
        return "The queries themselves: too few different texts to compare."
    told = "differ" if one.low > 0.5 else "can't be told apart"
    return (
        f"The queries themselves [bold]{told}[/bold]: by its text a classifier tells which log a"
        f" query is from with AUROC {one.value:.3f} ({one.low:.3f} to {one.high:.3f}); chance is"
        " 0.5, certainty 1."
    )


def _table(console: "Console", title: str, groups: "Sequence[tuple[str, Sequence[Share]]]") -> None:
    """Lay out shares before and after; a star where the interval of the change leaves out 0."""
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", padding=(0, 1, 0, 0), pad_edge=False
    )
    table.add_column("", overflow="fold")
    for column in ("before", "after", "change", "95 % interval  "):
        table.add_column(column, justify="right")
    clear = False
    for kind, shares in groups:
        if kind:
            table.add_row(f"[bold]{kind}[/bold]")
        for share in shares:
            clear |= share.change.excludes_zero
            table.add_row(
                share.name,
                f"{share.before:.1%}",
                f"{share.after:.1%}",
                f"{100 * share.change.value:+.1f}",
                f"{100 * share.change.low:+.1f} to {100 * share.change.high:+.1f}"
                f"{' *' if share.change.excludes_zero else '  '}",
            )
    console.print(table)
    _say(console, "Changes are in percentage points." + " * beyond chance." * clear)


def _show_moves(console: "Console", found: "Paired") -> None:
    moves = [(a, b, n) for a, b, n in found.moves if a != b and n > 1][:MOVES]
    if moves:
        _say(console, "\n[bold]Most frequent moves[/bold]")
    for first, second, count in moves:
        _say(console, f"  {count:,}: {_named(first)} -> {_named(second)}")


def _others(found: "Paired") -> int:
    return found.n_changed - found.n_better - found.n_worse


def _named(target: str) -> str:
    kind, _, one = target.partition(":")
    return one or {"ask": "a question", "none": "none of these"}.get(kind, kind)


def _line(change: "Change") -> str:
    from rich.markup import escape

    before, after = map(_decided, (change.before, change.after))
    return f"  [dim]{escape(_short(change.after.text))}[/dim]\n    {before} -> {after}"


def _decided(row: "Row") -> str:
    """Write what was decided, as a person would."""
    beside = f", see {' and '.join(row.packs)}" if row.packs else ""
    if row.action == "route":
        return ", then ".join(row.skills) + beside
    if row.action == "clarify":
        return f"asks {row.question}" if row.question else "asks"
    return f"redirect to {' and '.join(row.packs)}" if row.action == "redirect" else "none of these"


def _short(text: str) -> str:
    line = " ".join(text[:400].split())
    return line if len(line) <= 110 else f"{line[:109]}…"


def _say(console: "Console", text: str) -> None:
    console.print(text, soft_wrap=True)
