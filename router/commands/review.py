"""Review the queries of a run that are worth a person's time."""

from pathlib import Path
from typing import Annotated

import typer

from router.commands.options import (
    EncoderOption,
    PackOption,
    RunArgument,
    SecondLookOption,
    load_router,
)
from router.commands.output import print_note, print_text
from router.decisions.words import count_of


def review_command(
    run: RunArgument = Path("runs/latest"),
    pack: PackOption = None,
    n: Annotated[
        int, typer.Option("--n", "-n", min=1, help="Queries that a new review has.")
    ] = 200,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of the page; 0 takes a free one.")
    ] = 0,
    open_page: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.")
    ] = True,
    terminal: Annotated[
        bool, typer.Option("--terminal", help="Review in the terminal instead.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(help="Write the queries and their labels as CSV or JSON lines, and stop."),
    ] = None,
    import_: Annotated[
        Path | None,
        typer.Option("--import", help="Take labels that were given elsewhere, and stop."),
    ] = None,
    encoder: EncoderOption = None,
    second_look: SecondLookOption = None,
) -> None:
    """Review the queries of a run that are worth a person's time.

    The page shows one query at a time: what the router is unsure of, what nothing fits, and some
    drawn at random, which tell how good the rest of the log is. Each answer is on the disk before
    the next query shows. `router learn` then makes exemplars of the answers. RUN may also be the
    file of a DecisionLog.

    Examples:

        router review

        router review runs/october --pack my-pack --terminal

        router review runs/october --export to-label.csv
    """
    from router.review.label_file import read_label_file, write_pairs
    from router.review.server import serve_review
    from router.review.session import Review
    from router.review.terminal import review_in_terminal

    review = Review.open(run, load_router(pack, encoder, second_look=second_look), n)
    answers = review.answers.path
    if import_ is not None:
        print_text(f"{count_of(review.add(read_label_file(import_)), 'new label')} in {answers}")
    if export is not None:
        write_pairs(export, review.pairs())
        print_text(export)
    if import_ is not None or export is not None:
        return
    if terminal:
        review_in_terminal(review, input, print_text)
    else:
        serve_review(review, port, lambda address: _announce(address, open_page))
    print_note(f"The answers are in {answers}. Next: router learn {answers} --pack PACK")


def _announce(address: str, open_page: bool) -> None:
    print_text(f"Review at {address}")
    print_note("Keys: 1 to 3, / to search, n none, s several, q question, r new, k skip, u undo.")
    print_note("Ctrl+C stops; the same command goes on.")
    if open_page:
        import webbrowser

        webbrowser.open(address)
