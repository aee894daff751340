"""Pairs of skills that will be confused, and a question to begin with for each."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import Vectors
from router.heads.similarity import Centroids
from router.packs.pack import Destination, Option, Question
from router.text import lower_first, words_of

CLOSE = 0.6
"""Cosine of two skills' centroids from which on they count as easily confused."""

MOST_QUESTIONS = 12
REPLIES = 12


@dataclass(frozen=True)
class Draft:
    """A question to begin with, queries that need it, and replies by option."""

    question: Question
    needy: tuple[str, ...]
    replies: Mapping[str, tuple[str, ...]]


def close_pairs(
    vectors: Vectors, labels: Sequence[str], least: float = CLOSE
) -> list[tuple[str, str, float]]:
    """Give the pairs whose centroids are close, the closest first, with their cosine.

    :param vectors: Unit vectors of the exemplars. Shape: (n, width).
    """
    centroids = Centroids.of(vectors, labels)
    cosines = np.triu(centroids.similarities(centroids.vectors), 1)
    first, second = np.nonzero(cosines >= least)
    order = np.argsort(-cosines[first, second], kind="stable")
    names = centroids.names
    return [
        (names[a], names[b], float(cosines[a, b]))
        for a, b in zip(first[order], second[order], strict=True)
    ]


def draft_questions(
    pairs: Sequence[tuple[str, str, float]],
    titles: Mapping[str, str],
    exemplars: Mapping[str, Sequence[str]],
) -> list[Draft]:
    """Draft a question for the closest pairs; each skill stands in one question at most."""
    most = min(MOST_QUESTIONS, max(1, len(titles) // 5))
    drafts: list[Draft] = []
    seen: set[str] = set()
    for one, other, _ in pairs:
        if len(drafts) < most and not {one, other} & seen:
            seen |= {one, other}
            drafts.append(_draft(one, other, titles, exemplars))
    return drafts


def _draft(
    one: str, other: str, titles: Mapping[str, str], exemplars: Mapping[str, Sequence[str]]
) -> Draft:
    a, b = (_label(skill, titles) for skill in (one, other))
    question = Question(
        id=_question_id(one, other),
        text=f"Is it about {_inside(a)} or about {_inside(b)}?",
        options=tuple(
            Option(id=skill, label=label, leads_to=Destination(skills=(skill,)))
            for skill, label in ((one, a), (other, b))
        ),
    )
    a, b = _inside(a), _inside(b)
    needy = [
        f"not sure whether I need {a} or {b}",
        f"{a} or {b}, which of the two?",
        f"what is the difference between {a} and {b}",
    ]
    if shared := shared_words(exemplars[one], exemplars[other]):
        needy += [f"help with {shared}", f"a problem with {shared}"]
    replies = {skill: tuple(exemplars[skill][:REPLIES]) for skill in (one, other)}
    return Draft(question, tuple(needy), replies)


def shared_words(one: Sequence[str], other: Sequence[str]) -> str:
    """Name what two skills have in common: the two words that both say most, if there are any."""
    counts = [
        Counter(word for line in lines for word in set(words_of(line)) if len(word) > 3)
        for lines in (one, other)
    ]
    both = {word: min(counts[0][word], counts[1][word]) for word in counts[0] & counts[1]}
    ranked = sorted(both, key=lambda word: (-both[word], word))
    often = [word for word in ranked if both[word] >= 3 and word not in COMMON]
    return " ".join(often[:2]) if len(often) >= 2 else ""


def _label(skill: str, titles: Mapping[str, str]) -> str:
    """Give the title, or the id in words if two skills share the title."""
    twins = [title for title in titles.values() if title.casefold() == titles[skill].casefold()]
    return titles[skill] if len(twins) == 1 else skill.replace("-", " ")


def _question_id(one: str, other: str) -> str:
    whole = f"{one}-or-{other}"
    return (
        whole if len(whole) <= 64 else re.sub(r"-+$", "", f"{one[:30].strip('-')}-or-{other[:30]}")
    )


def _inside(title: str) -> str:
    """As it would stand inside a sentence; a name, or words that all begin large, stay."""
    later = [word for word in title.split()[1:] if len(word) > 3]
    is_name = later and all(word[:1].isupper() for word in later)
    return title if is_name else lower_first(title)


_COMMON_WORDS = """
about after also another any before between both check each every file files first from have into
make more most need only other output over read same should skill than that their them then there
these they this tool tools used user users using want what when where whether which with without
work write your
"""
COMMON = frozenset(_COMMON_WORDS.split())
"""Words that tell no skill from another."""
