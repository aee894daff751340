"""A review in the terminal, for machines without a browser."""

from collections.abc import Callable

from router.errors import RouterError
from router.review.session import Review
from router.text import printable

_HELP = (
    "1-3 the route; /WORDS search; ID, or ID,ID in order; n none of ours; ? ID a question;"
    " + NAME a new route; k skip; u undo; q stop"
)


def review_in_terminal(
    review: Review, ask: Callable[[str], str], say: Callable[[str], None]
) -> None:
    """Show one query at a time until all are reviewed or the person stops.

    :param ask: Gives the line that the person types after a prompt; EOFError stops.
    :param say: Shows a line.
    """
    say(_HELP)
    while (card := review.next_card()) is not None:
        progress = review.progress()
        say("")
        say(f"[{progress['done']}/{progress['total']}] {printable(card.text)}")
        say(f"  {card.why} Decided: {card.given}.")
        for number, target in enumerate(card.likeliest, start=1):
            say(f"  {number}. {printable(target.title)} ({target.id})")
        try:
            line = ask("> ").strip()
        except EOFError:
            return
        if line in ("q", "quit"):
            return
        try:
            _act(review, card.position, line, [one.id for one in card.likeliest], say)
        except RouterError as error:
            say(f"  {printable(str(error))}")
    say("All queries are reviewed.")


def _act(
    review: Review, position: int, line: str, likeliest: list[str], say: Callable[[str], None]
) -> None:
    if line.isdecimal() and 1 <= int(line) <= len(likeliest):
        review.answer(position, likeliest[int(line) - 1])
    elif line == "n":
        review.answer(position, "none")
    elif line == "k":
        review.skip(position)
    elif line == "u":
        review.undo()
    elif line.startswith("/"):
        words = line[1:].casefold().split()
        for target in review.targets:
            if all(word in f"{target.title} {target.id}".casefold() for word in words):
                say(f"  {target.id}: {printable(target.title)}")
    elif line.startswith("+") and line[1:].strip():
        review.answer(position, line[1:].strip(), new_route=True)
    elif line.startswith("?"):
        question = line[1:].strip() or "other"
        review.answer(position, {"action": "clarify", "question": question})
    elif line:
        names = [part.strip() for part in line.split(",")]
        review.answer(position, names if len(names) > 1 else names[0])
    else:
        say(_HELP)
