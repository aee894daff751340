"""A review in the terminal, for machines without a browser."""

from collections.abc import Callable

import msgspec

from router.errors import RouterError
from router.logs.labels import ANY_QUESTION
from router.review.drafts import Draft
from router.review.session import Review
from router.text import printable

_HELP = (
    "1-3 the route; /WORDS search; ID, or ID,ID in order; n none of ours; ? ID a question;"
    " + NAME a new route; k skip; u undo; q stop; of a drafted question: y keeps it, y TEXT with"
    " another wording, x drops it"
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
        draft = review.draft()
        if draft is not None:
            say(f"  Swapped {draft.n_swaps} times, would a question help? {printable(draft.text)}")
        try:
            line = ask("> ").strip()
        except EOFError:
            return
        if line in ("q", "quit"):
            return
        try:
            if draft is not None and line.split(" ")[0] in ("x", "y"):
                review.decide_draft(draft.pair, _decided(draft, line))
                continue
            _act(review, card.position, line, [target.id for target in card.likeliest], say)
        except RouterError as error:
            say(f"  {printable(str(error))}")
    say("All queries are reviewed.")


def _decided(draft: Draft, line: str) -> Draft | None:
    """Give the question as the person wants it; None if it is dropped."""
    if line.startswith("x"):
        return None
    return msgspec.structs.replace(draft, text=line[1:].strip() or draft.text)


def _act(
    review: Review, position: int, line: str, likeliest: list[str], say: Callable[[str], None]
) -> None:
    first, rest = line[:1], line[1:].strip()
    actions: dict[str, Callable[[], object]] = {
        "n": lambda: review.answer(position, "none"),
        "k": lambda: review.skip(position),
        "u": review.undo,
    }
    if line.isdecimal() and 1 <= int(line) <= len(likeliest):
        review.answer(position, likeliest[int(line) - 1])
    elif line in actions:
        actions[line]()
    elif first == "/":
        _search(review, rest, say)
    elif first == "+" and rest:
        review.answer(position, rest, new_route=True)
    elif first == "?":
        review.answer(position, {"action": "clarify", "question": rest or ANY_QUESTION})
    elif line:
        names = [part.strip() for part in line.split(",")]
        review.answer(position, names if len(names) > 1 else names[0])


def _search(review: Review, words: str, say: Callable[[str], None]) -> None:
    for target in review.targets:
        name = f"{target.title} {target.id}"
        if all(word in name.casefold() for word in words.casefold().split()):
            say(f"  {target.id}: {printable(target.title)}")
