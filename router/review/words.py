"""What the page and the terminal say about a query, and about going on."""

from router.review.log_texts import Choice

N_RECENT = 30
"""The number of last answers that tell how often the router is wrong on what is left."""


def why_chosen(choice: Choice) -> str:
    """Say why a query is shown."""
    often = f"It came {choice.count:,} times." if choice.count > 1 else ""
    if choice.reason == "drawn":
        why = "Drawn at random, to tell how good the rest of the log is."
    elif choice.reason == "gap":
        why = f"Nothing fits it, and {choice.stands_for:,} queries are like it."
    elif choice.stands_for > 1:
        why = f"The router is unsure, and {choice.stands_for:,} unsure queries are like it."
    else:
        why = "The router is unsure."
    return f"{why} {often}".strip()


def worth_of_more(left: int, wrong: int, n: int) -> str:
    """Say how many more answers are worth it."""
    if not left:
        return "All are done."
    if n < N_RECENT:
        return f"{left} are left."
    expected = round(left * wrong / n)
    if wrong <= n // 10:
        return f"The router was right on {n - wrong} of the last {n}: you may stop here."
    return f"Of the {left} left, about {expected} will correct the router."
