"""Queries with two concerns, joined from two exemplars: what the judgement of concerns learns."""

import random
from collections.abc import Mapping, Sequence

from router.text import lower_first

_MAX_WORDS = 14
"""Words of an exemplar that is joined with another, at most."""

_TEMPLATES = (
    "{a} and {b}",
    "{a}, then {b}",
    "first {a}, then {b}",
    "{a}. Also {b}",
    "{a}. {b}",
    "{b} once this is done: {a}",
    "{a} and also {b}",
    "{a}, plus {b}",
    "{b}, but first {a}",
    "{a}; {b}",
    "{a}, after that {b}",
    "{a} as well as {b}",
)


def join_exemplars(
    exemplars: Mapping[str, Sequence[str]],
    count: int,
    seed: int = 0,
    max_words: int = _MAX_WORDS,
    *,
    alike: bool = False,
) -> list[tuple[str, frozenset[str]]]:
    """Make queries with two concerns out of short exemplars of two skills each.

    :param max_words: Words of an exemplar that is joined, at most.
    :param alike: Join two exemplars of one skill instead, which say the same thing twice.
    :return: `count` pairs of a text and its skills; none if fewer than two skills have any.
    """
    chance = random.Random(seed)
    short = {
        skill: kept
        for skill, lines in exemplars.items()
        if (kept := [line for line in lines if len(line.split()) <= max_words])
    }
    if len(short) < 2:
        return []
    queries = []
    for _ in range(count):
        skills = chance.sample(sorted(short), 2)
        if alike:
            skills[1] = skills[0]
        first, second = (chance.choice(short[skill]) for skill in skills)
        template = chance.choice(_TEMPLATES)
        text = template.format(a=first.rstrip(".?! "), b=lower_first(second))
        queries.append((text, frozenset(skills)))
    return queries
