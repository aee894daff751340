"""Show what users ask that no skill fits."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.commands.options import EncoderOption, PackOption, RunArgument, load_router
from router.commands.output import print_line, print_text
from router.decisions.words import count_of, on_one_line

if TYPE_CHECKING:
    from router.evaluation.gaps import Gaps

_MAX_SHOWN = 10
"""Groups that are printed, the largest first."""


def gaps_command(
    run: RunArgument = Path("runs/latest"),
    export: Annotated[
        Path | None,
        typer.Option(help="Folder to write each group to, as an exemplar file to review."),
    ] = None,
    pack: PackOption = None,
    encoder: EncoderOption = None,
) -> None:
    """Group the queries of a run that no skill fits.

    Each group is named by its words, and comes with a suggestion how to close the gap.

    Examples:

        router gaps

        router gaps runs/october --export review
    """
    from router.evaluation.decisions_file import RunFolder
    from router.evaluation.gaps import export_gaps, find_gaps

    folder, router = RunFolder.open(run), load_router(pack, encoder)
    folder.check_pack(router)
    gaps = find_gaps(folder.decisions(), router.with_vector_cache())
    print_gaps(gaps)
    if export is not None:
        for path in export_gaps(gaps, export):
            print_text(path)
    elif gaps.gaps:
        print_text("\nTo review the groups, write them as exemplar files with --export FOLDER.")


def print_gaps(gaps: "Gaps") -> None:
    """Print the words, the size, typical queries and the suggestion of each gap."""
    from rich.markup import escape

    from router.evaluation.gaps import UNSURE_BELOW

    print_line(
        f"{gaps.n_unfit:,} of {count_of(gaps.n_lines, 'query')} fit no skill well: they were"
        f" refused, were wrong without a question, or had a confidence below {UNSURE_BELOW:.0%}.",
    )
    if not gaps.gaps:
        print_line("No group of them is similar enough to be called a gap.")
        return
    print_line(f"They contain {count_of(len(gaps.gaps), 'group')}, named by typical words.")
    for number, gap in enumerate(gaps.gaps[:_MAX_SHOWN], start=1):
        words = escape(", ".join(gap.words) or "no word in common")
        print_line(f"\n[bold]{number}. {words}[/bold] ({count_of(gap.n_lines, 'query')})")
        for text in gap.typical:
            print_line(f"   [dim]{escape(on_one_line(text, 200))}[/dim]")
        print_line(f"   -> {escape(gap.suggestion)}")
    if len(gaps.gaps) > _MAX_SHOWN:
        left = count_of(len(gaps.gaps) - _MAX_SHOWN, "smaller group")
        print_line(f"and {left}; --export FOLDER writes all of them")
