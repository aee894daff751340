"""What a review tells of the whole log, and of the lines that nobody has looked at."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from router.review.log_texts import Choice
from router.review.selection import Selection
from router.statistics.figure import NO_FIGURE, Figure


class Estimate(Struct, frozen=True):
    """Shares of a log's lines, as far as the answers tell, with 95 % intervals.

    :param right: The share of the log whose decision is right.
    :param rest_wrong: The share of the lines without an answer whose decision is wrong.
    :param n_answered: The number of lines whose text has an answer.
    :param n_rest: The number of lines without an answer.
    """

    right: Figure
    rest_wrong: Figure
    n_answered: int
    n_rest: int


def estimate(selection: Selection, answered: Mapping[str, bool]) -> Estimate:
    """Estimate the shares of right decisions from the answers so far.

    Lines that were chosen because they are uncertain say nothing about other lines. The drawn lines
    that were not chosen are a uniform sample of all others, whenever the review stops, and their
    share has the exact interval of Clopper and Pearson (1934).

    :param selection: What is reviewed.
    :param answered: For each text with an answer, whether the decision was right by it.
    """
    drawn = set(selection.drawn)
    of_answered = [choice for choice in selection.choices if choice.text in answered]
    chosen = [choice for choice in of_answered if choice.reason != "drawn"]
    is_chosen = {choice.text for choice in chosen}
    of_drawn = [
        choice for choice in of_answered if choice.text in drawn and choice.text not in is_chosen
    ]
    n_chosen, n_chosen_right = _lines(chosen, answered)
    n_drawn, n_drawn_right = _lines(of_drawn, answered)
    n_others, n_answered = selection.n_lines - n_chosen, n_chosen + n_drawn
    n_rest = max(n_others - n_drawn, 0)
    sampled = [text for text in selection.drawn if text in answered and text not in is_chosen]
    if not sampled:
        return Estimate(NO_FIGURE, NO_FIGURE, n_answered, n_rest)
    n, wrong = len(sampled), sum(not answered[text] for text in sampled)
    shares = np.array([wrong / n, *clopper_pearson(wrong, n)])
    n_rest_wrong = np.clip(shares * n_others - (n_drawn - n_drawn_right), 0.0, n_rest)
    rest = NO_FIGURE
    if n_rest:
        value, low, high = (n_rest_wrong / n_rest).tolist()
        rest = Figure(value, low, high, n)
    n_right = n_chosen_right + n_drawn_right + n_rest - n_rest_wrong
    value, high, low = (n_right / selection.n_lines).tolist()
    return Estimate(Figure(value, low, high, n), rest, n_answered, n_rest)


def _lines(choices: Sequence[Choice], answered: Mapping[str, bool]) -> tuple[int, int]:
    """Count the lines of some texts, and those that were decided rightly."""
    n_right = sum(choice.count for choice in choices if answered[choice.text])
    return sum(choice.count for choice in choices), n_right


def clopper_pearson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of the share `hits` / `n` that holds it at least so often.

    :raises ValueError: `n` is 0.
    """
    from scipy.special import betaincinv  # scipy.stats takes a second to import

    if n < 1:
        raise ValueError(f"n counts trials, at least 1, was: {n}")
    low = float(betaincinv(hits, n - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, n - hits, 0.975)) if hits < n else 1.0
    return low, high
