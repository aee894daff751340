"""Show what people ask that nothing fits, and write it down for a person to review."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.commands.common import EncoderOption, PackOption, load_router, stdout
from router.commands.report import RunArgument

if TYPE_CHECKING:
    from rich.console import Console

    from router.evaluation.gaps import Gaps


def gaps_command(
    run: RunArgument = Path("runs/latest"),
    export: Annotated[
        Path | None, typer.Option(help="Write each gap into this folder, as an exemplar file.")
    ] = None,
    pack: PackOption = None,
    encoder: EncoderOption = None,
) -> None:
    """Cluster the queries of a run that nothing fits, and say what would close each gap.

    Examples:
        router gaps

        router gaps runs/october --export review
    """
    from router.evaluation.gaps import export_gaps, find_gaps
    from router.evaluation.run_folder import RunFolder

    folder = RunFolder.open(run)
    found = find_gaps(folder.rows(), load_router(pack, encoder).with_vector_cache())
    show(stdout(), found)
    if export is not None:
        for path in export_gaps(found, export):
            typer.echo(path)
    elif found.gaps:
        typer.echo("\n--export FOLDER writes each as an exemplar file, for you to review.")


def show(console: "Console", found: "Gaps") -> None:
    """Print each gap: its words, its size, typical queries, and what to do."""
    from rich.markup import escape

    from router.evaluation.gaps import UNSURE

    console.print(
        f"{found.n_unfit:,} of {found.n_lines:,} queries fit nothing well: they were refused, went"
        f" silently wrong, or were decided with a confidence below {UNSURE:.0%}.",
        soft_wrap=True,
    )
    if found.gaps:
        groups = "1 group is" if len(found.gaps) == 1 else f"{len(found.gaps)} groups are"
        console.print(f"{groups} about one thing; the words are what tells it from the rest.")
    else:
        console.print("No group of them is alike enough to be called a gap.")
    for number, gap in enumerate(found.gaps, start=1):
        words = escape(", ".join(gap.words) or "no word in common")
        lines = "1 query" if gap.n_lines == 1 else f"{gap.n_lines:,} queries"
        console.print(f"\n[bold]{number}. {words}[/bold] ({lines})", soft_wrap=True)
        for text in gap.typical:
            console.print(f"   [dim]{escape(' '.join(text[:200].split()))}[/dim]", soft_wrap=True)
        console.print(f"   -> {escape(gap.suggestion)}", soft_wrap=True)
