"""Which lines of the documents stand for each skill, how many, and for which skill."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from router.packs.exemplar_file import read_exemplars
from router.packs.faults import MIN_EXEMPLARS
from router.packs.markdown import refuses
from router.paths import DATA
from router.skill_folders.links import Names, served_elsewhere
from router.skill_folders.texts import SkillTexts, clauses_in, clean
from router.text import lower_first

BUDGET = 3_000
"""Exemplars of a whole folder: fitting takes the third power of their number."""

LEAST = 12
"""Exemplars of a terse skill."""

MOST = 80
"""Exemplars of one skill; with more, wordy skills would outvote terse ones."""


@dataclass(frozen=True)
class Gathered:
    """Exemplars by skill, and the lines that came from another skill's "not for"."""

    skills: Mapping[str, tuple[str, ...]]
    moved: Sequence[tuple[str, str, str]]  # (from, to, text)
    dropped: int  # refusals that name no skill of the folder


def gather(texts: Mapping[str, SkillTexts], names: Names) -> Gathered:
    """Choose the exemplars of every skill of a folder.

    The strongest lines go first, lines of the body fill what is left of a skill's share. A line
    that two skills have stands for neither.
    """
    share = max(MIN_EXEMPLARS, min(MOST, BUDGET // max(len(texts), 1)))
    moved, dropped = _moved(texts, names)
    given: dict[str, list[str]] = {one: [] for one in texts}
    for _, to, line in moved:
        given[to].append(line)
    lines = {one: [*_strongest(text), *given[one], *_body(text)] for one, text in texts.items()}
    uses = Counter(line.casefold() for group in lines.values() for line in set(group))
    taken = set(uses)
    skills = {}
    for one, group in lines.items():
        own = [line for line in clean(group) if uses[line.casefold()] == 1][:share]
        more = [line for line in _requests(one, texts[one]) if line.casefold() not in taken]
        skills[one] = (*own, *more[: max(0, min(LEAST, share) - len(own))])
        taken.update(line.casefold() for line in skills[one])
    return Gathered(skills, moved, dropped)


def none_exemplars(taken: Iterable[str]) -> tuple[str, ...]:
    """Everyday and unrelated queries from data/none.txt, without those that are taken."""
    known = {line.casefold() for line in taken}
    every = read_exemplars(DATA / "none.txt")
    return tuple(line for line in every if line.casefold() not in known)


def _strongest(text: SkillTexts) -> Iterable[str]:
    whole = f"{text.name}: {text.description}"
    named = (f"{text.name}: {clause}" for clause in text.clauses)
    headings = (re.sub(r"^(?:step |phase )?\d+[.:)]*\s*", "", one) for one in text.headings)
    first = (text.name, text.title, whole)
    groups = (text.quoted, text.listed, text.what, text.when, text.clauses, text.opening)
    return chain(first, *groups, headings, named)


def _body(text: SkillTexts) -> Iterable[str]:
    """First cells of tables, list items, prose; then their parts, and the items by name."""
    parts = (part for line in chain(text.items, text.prose) for part in clauses_in(line))
    named = (f"{text.name}: {item}" for item in text.items)
    return chain(text.cells, text.items, text.prose, filter(_is_phrase, parts), named)


def _is_phrase(part: str) -> bool:
    return len(part.split()) > 1


def _moved(texts: Mapping[str, SkillTexts], names: Names) -> tuple[list[tuple[str, str, str]], int]:
    moved, dropped = [], 0
    for own, text in texts.items():
        for line in text.refused:
            served = served_elsewhere(line, own, names)
            dropped += not served
            moved += [(own, to, topic) for to, topic in served if to in texts]
    return moved, dropped


def _requests(one: str, text: SkillTexts) -> tuple[str, ...]:
    """Ask for what a terse skill does: wordy skills would outvote it."""
    topics = (one.replace("-", " "), *text.clauses, *text.what, *text.when)
    forms = ("help with {}", "how do I {}", "I need {}", "about {}")
    return clean(form.format(lower_first(topic)) for form in forms for topic in topics)


def belongs_elsewhere(line: str, own: str, names: Names) -> bool:
    """Tell whether a sentence of a description speaks for another skill, or against its own."""
    return refuses(line) or any(skill != own for _, _, skill in names.said_in(line))
