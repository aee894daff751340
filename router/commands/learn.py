"""Learn from labels, and show what it brings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.commands.options import EncoderOption, SecondLookOption, load_router
from router.commands.output import figure_cells, print_line, print_table, print_text
from router.decisions.words import count_of, on_one_line
from router.errors import PackError

if TYPE_CHECKING:
    from router.review.learning import Learned

_MOST_LINES = 20
"""Lines of a kind that are printed."""


def learn_command(
    labels: Annotated[
        Path,
        typer.Argument(help="Labels: answers of a review, JSON lines, CSV, or a tool's export."),
    ],
    pack: Annotated[Path, typer.Option("--pack", "-p", help="Folder of the pack that learns.")],
    write: Annotated[
        bool, typer.Option("--write", help="Write the new lines into the pack's files.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write even if the pack gets worse beyond chance.")
    ] = False,
    encoder: EncoderOption = None,
    second_look: SecondLookOption = None,
) -> None:
    """Turn labels into exemplars, and show what it brings.

    A fifth of the labels is kept out, as the pack's own checks.jsonl. It is never learned from, and
    the pack is measured on it before and after. The questions that were kept in a review are added
    too. Nothing is written without --write.

    Examples:

        router learn runs/latest/review/answers.jsonl --pack my-pack

        router learn labels.csv --pack my-pack --write
    """
    from router.packs.pack_file import PACK_FILE
    from router.review.drafts import read_drafts
    from router.review.label_file import read_checks, read_label_file
    from router.review.learning import learn
    from router.review.writing import CHECKS_FILE, write_learned

    if not (pack / PACK_FILE).is_file():
        raise PackError(
            f"{pack}: what learns is the folder of a pack, with {PACK_FILE}; cure: make one with"
            " `router init SOURCE --out FOLDER`"
        )
    pairs = read_label_file(labels)
    checks = [check.pair for check in read_checks(pack / CHECKS_FILE)]
    questions = filter(None, read_drafts(labels.parent).values())
    router = load_router(pack, encoder, second_look=second_look)
    learned = learn(router, pairs, checks=checks, questions=questions)
    _print_learned(learned)
    if not learned.added and not learned.new_checks:
        print_text("Nothing new was learned.")
        return
    if learned.got_worse and not force:
        print_text(
            "The pack gets worse, beyond chance, so nothing is written. Look at the labels, or give"
            " --force.",
            err=True,
        )
        raise typer.Exit(1)
    if not write:
        print_text("Nothing was written. --write adds the lines to the files of the pack.")
        return
    for path in write_learned(learned, pack, labels.name):
        print_text(path)


def _print_learned(learned: "Learned") -> None:
    from rich.markup import escape

    by_target: dict[str, int] = {}
    for line in learned.added:
        by_target[str(line.target)] = by_target.get(str(line.target), 0) + 1
    rows = sorted(by_target.items(), key=lambda item: (-item[1], item[0]))
    print_table(f"{count_of(len(learned.added), 'new exemplar')}", ("target", "lines"), rows)
    for route, title in learned.new_routes.items():
        print_line(escape(f"new route: {title} ({route}); write its summary in pack.yaml"))
    for question, text in learned.new_questions.items():
        print_line(escape(f"new question: {text} ({question})"))
    for text in learned.masked[:_MOST_LINES]:
        print_line(escape(f"masked: {on_one_line(text, 110)}"))
    _print_refused(learned)
    several = sum(line.target is None for line in learned.new_checks)
    if several:
        print_line(f"{count_of(several, 'line')} without a single target: kept as a check only")
    if not learned.checks:
        print_line("There are too few labels to keep some out, so the gain was not measured.")
        return
    figures = [
        (name, figure_cells(learned.before[name])[0], *figure_cells(after))
        for name, after in learned.after.items()
    ]
    title = f"On {count_of(len(learned.checks), 'label')} that were kept out"
    print_table(title, ("share", "before", "after", "95 % interval", "n"), figures)
    value, low, high = learned.gain.measured
    print_line(
        f"Accepted {100 * value:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}):"
        f" {learned.n_better:,} newly, {learned.n_worse:,} no longer (McNemar's exact test:"
        f" p = {learned.p_value:.2g})."
    )


def _print_refused(learned: "Learned") -> None:
    from rich.markup import escape

    if learned.refused:
        print_line(f"\n[bold]{count_of(len(learned.refused), 'line')} set aside[/bold]")
    for refused in learned.refused[:_MOST_LINES]:
        text = escape(on_one_line(refused.text, 110))
        print_line(f"  {text} [dim]({escape(refused.label)})[/dim]")
        print_line(f"    {escape(refused.reason)}")
    if len(learned.refused) > _MOST_LINES:
        print_line(f"  and {len(learned.refused) - _MOST_LINES:,} more")
