"""Compare two runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.commands.common import EncoderOption, stdout

if TYPE_CHECKING:
    from rich.console import Console

    from router.encoders.encoder import Encoder
    from router.evaluation.compare import Change, Paired
    from router.evaluation.drift import Drift
    from router.evaluation.interval import Interval

SHOWN = 8


def compare(
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
    import msgspec

    from router.encoders.encoder import SentenceTransformerEncoder, default_encoder
    from router.evaluation.compare import Paired
    from router.evaluation.compare import compare as run
    from router.evaluation.run_folder import RunFolder

    def load() -> "Encoder":
        return default_encoder() if encoder is None else SentenceTransformerEncoder(encoder)

    found = run(RunFolder.open(before), RunFolder.open(after), load)
    if json:
        typer.echo(msgspec.json.encode(found).decode())
    elif isinstance(found, Paired):
        show_paired(stdout(), found)
    else:
        show_drift(stdout(), found)


def show_paired(console: "Console", found: "Paired") -> None:
    """Print what a change to pack, encoder or settings did to one log."""
    console.print(f"One log, decided twice: {found.n_changed:,} of {found.n:,} decisions changed.")
    if found.gain is not None and found.p_value is not None:
        console.print(
            f"[bold]{verdict(found.gain)}[/bold]: accepted {_points(found.gain)},"
            f" {found.n_better:,} better and {found.n_worse:,} worse"
            f" (McNemar p = {found.p_value:.3g}, n = {found.gain.n:,}).",
            soft_wrap=True,
        )
    for kind in ("worse", "better", "other"):
        changes = [change for change in found.changes if change.verdict == kind]
        if changes:
            console.print(f"\n[bold]{kind.capitalize()}[/bold]")
        for change in changes[:SHOWN]:
            console.print(_line(change), soft_wrap=True)


def show_drift(console: "Console", found: "Drift") -> None:
    """Print how two logs differ."""
    from rich.table import Table

    console.print(f"Two logs: {found.n_before:,} and {found.n_after:,} decisions.")
    for name, value, chance in (
        ("outcomes", found.actions, found.actions_by_chance),
        ("skills", found.skills, found.skills_by_chance),
    ):
        told = "more than chance" if value.value > chance else "no more than chance"
        console.print(
            f"Drift of {name}: {value.value:.4f} bits ({value.low:.4f} to {value.high:.4f}),"
            f" [bold]{told}[/bold] (up to {chance:.4f}).",
            soft_wrap=True,
        )
    if found.embedding is not None:
        one = found.embedding
        told = "differ" if one.low > 0.5 else "can't be told apart"
        console.print(
            f"The queries themselves [bold]{told}[/bold]: AUROC {one.value:.3f}"
            f" ({one.low:.3f} to {one.high:.3f}; 0.5 is chance).",
            soft_wrap=True,
        )
    table = Table(title="Shares of all queries", title_justify="left")
    table.add_column("share", overflow="fold")
    for column in ("before", "after", "change"):
        table.add_column(column, justify="right")
    for share in found.shares:
        mark = "[bold]*[/bold]" if share.change.excludes_zero else " "
        table.add_row(
            share.name,
            f"{share.before:.1%}",
            f"{share.after:.1%}",
            f"{_points(share.change)}{mark}",
        )
    console.print(table)


def verdict(gain: "Interval") -> str:
    """Say what a gain comes to."""
    if not gain.excludes_zero:
        return "No clear difference"
    return "Better" if gain.value > 0 else "Worse"


def _points(change: "Interval") -> str:
    low, high = f"{100 * change.low:+.1f}", f"{100 * change.high:+.1f}"
    return f"{100 * change.value:+.1f} points ({low} to {high})"


def _line(change: "Change") -> str:
    from rich.markup import escape

    text = escape(" ".join(change.after.text[:160].split()))
    before, after = (
        " ".join(map(_said, one.decided)).split() for one in (change.before, change.after)
    )
    return f"  {' '.join(before)} -> {' '.join(after)}: [dim]{text}[/dim]"


def _said(part: object) -> str:
    return ", ".join(part) if isinstance(part, tuple) else str(part or "")
