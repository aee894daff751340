"""Find pairs of skills that are easily confused, and draft a question for each of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import Vectors
from router.heads.similarity import Centroids
from router.packs.faults import MIN_EXEMPLARS
from router.packs.parts import Destination, Option, Question
from router.skill_folders.phrases import COMMON_WORDS
from router.text import lower_first, words_of

_CLOSE = 0.6
"""Two skills are easily confused if the cosine of their centroids is at least this."""

_MAX_DRAFTS = 12
_MAX_REPLIES = 12


@dataclass(frozen=True)
class DraftQuestion:
    """A question to begin with, queries that need it, and replies by option."""

    question: Question
    needy: tuple[str, ...]
    replies: Mapping[str, tuple[str, ...]]


def close_pairs(vectors: Vectors, labels: Sequence[str]) -> list[tuple[str, str]]:
    """Give the pairs of labels whose centroids are close, the closest pair first.

    :param vectors: Unit vectors of the exemplars. Shape: (n, width).
    """
    centroids = Centroids.of(vectors, labels)
    cosines = np.triu(centroids.similarities(centroids.vectors), 1)
    first, second = np.nonzero(cosines >= _CLOSE)
    order = np.argsort(-cosines[first, second], kind="stable")
    names = centroids.names
    return [(names[a], names[b]) for a, b in zip(first[order], second[order], strict=True)]


def draft_questions(
    pairs: Sequence[tuple[str, str]],
    titles: Mapping[str, str],
    exemplars: Mapping[str, Sequence[str]],
) -> list[DraftQuestion]:
    """Draft a question for the closest pairs; each skill is in one question at most.

    :param exemplars: Of each skill. No query that needs a question is one of them.
    """
    limit = min(_MAX_DRAFTS, max(1, len(titles) // 5))
    taken = {line.casefold() for lines in exemplars.values() for line in lines}
    drafts: list[DraftQuestion] = []
    used: set[str] = set()
    for pair in pairs:
        if len(used) < 2 * limit and used.isdisjoint(pair):
            used.update(pair)
            queries = _needy_queries(pair, titles, exemplars)
            needy = tuple(query for query in queries if query.casefold() not in taken)
            taken.update(query.casefold() for query in needy)
            if len(needy) >= MIN_EXEMPLARS:
                replies = {skill: tuple(exemplars[skill][:_MAX_REPLIES]) for skill in pair}
                drafts.append(DraftQuestion(_question(pair, titles), needy, replies))
    return drafts


def shared_words(first: Sequence[str], second: Sequence[str]) -> str:
    """Give the two words that the lines of two skills both use most, if there are two."""
    first_counts, second_counts = (
        Counter(word for line in lines for word in set(words_of(line)) if len(word) > 3)
        for lines in (first, second)
    )
    both = first_counts & second_counts
    ranked = sorted(both, key=lambda word: (-both[word], word))
    often = [word for word in ranked if both[word] >= 3 and word not in COMMON_WORDS]
    return " ".join(often[:2]) if len(often) >= 2 else ""


def _question(pair: tuple[str, str], titles: Mapping[str, str]) -> Question:
    labels = [_label(skill, titles) for skill in pair]
    whole, short = "-or-".join(pair), f"{pair[0][:30].strip('-')}-or-{pair[1][:30]}"
    return Question(
        id=whole if len(whole) <= 64 else short.rstrip("-"),
        text=f"Is it about {' or about '.join(map(_inside, labels))}?",
        options=tuple(
            Option(id=skill, label=label, leads_to=Destination(skills=(skill,)))
            for skill, label in zip(pair, labels, strict=True)
        ),
    )


def _needy_queries(
    pair: tuple[str, str], titles: Mapping[str, str], exemplars: Mapping[str, Sequence[str]]
) -> list[str]:
    a, b = (_inside(_label(skill, titles)) for skill in pair)
    queries = [
        f"not sure whether I need {a} or {b}",
        f"{a} or {b}, which of the two?",
        f"what is the difference between {a} and {b}",
    ]
    if shared := shared_words(*(exemplars[skill] for skill in pair)):
        queries += [f"help with {shared}", f"a problem with {shared}"]
    return queries


def _label(skill: str, titles: Mapping[str, str]) -> str:
    """Give the title, or the id in words if another skill has the same title."""
    same = [title for title in titles.values() if title.casefold() == titles[skill].casefold()]
    return titles[skill] if len(same) == 1 else skill.replace("-", " ")


def _inside(title: str) -> str:
    """Write a title as inside a sentence; a name, or a title whose words are capitalised, stays."""
    later = [word for word in title.split()[1:] if len(word) > 3]
    is_name = later and all(word[:1].isupper() for word in later)
    return title if is_name else lower_first(title)
