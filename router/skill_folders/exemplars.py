"""Choose the lines of the documents that stand for each skill, and the exemplars of "none"."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from router.arrays import Vectors
from router.encoders.encoder import Encoder
from router.packs.exemplar_file import read_exemplars
from router.packs.faults import MIN_EXEMPLARS
from router.paths import DATA
from router.skill_folders.document_lines import DocumentLines, clauses_in, clean
from router.skill_folders.links import SkillMentions, served_elsewhere
from router.text import lower_first

_MAX_EXEMPLARS = 3_000
"""Of a whole folder: the time of a fit grows with the third power of their number."""

_MAX_SIMILARITY_OF_NONE = 0.45
"""An everyday query with a higher cosine to an exemplar is no example of "none" in this folder."""

_MAX_OF_SKILL = 80
"""With more, skills with long documents would outvote those with short ones."""

_ENOUGH_FOR_SKILL = 12
"""A skill with fewer lines gets some that are made of its description."""


def select_exemplars(
    documents: Mapping[str, DocumentLines], mentions: SkillMentions
) -> dict[str, tuple[str, ...]]:
    """Choose the exemplars of every skill of a folder.

    The most telling lines come first, and lines of the body fill up what is left. A line that two
    skills have is used for neither. What one document refuses and another skill serves becomes an
    exemplar of that other skill, and what is nested below a skill one of the skill above it.
    """
    share = max(MIN_EXEMPLARS, min(_MAX_OF_SKILL, _MAX_EXEMPLARS // max(len(documents), 1)))
    served = [
        (target, topic)
        for skill, document in documents.items()
        for refusal in document.refusals
        for target, topic in served_elsewhere(refusal, skill, mentions)
    ]
    lines = {
        skill: [
            *_most_telling(document),
            *(topic for target, topic in served if target == skill),
            *_of_the_body(document),
        ]
        for skill, document in documents.items()
    }
    uses = Counter(line.casefold() for group in lines.values() for line in set(group))
    taken = set(uses)
    exemplars = {}
    for skill, group in lines.items():
        own = [line for line in clean(group) if uses[line.casefold()] == 1][:share]
        missing = max(0, min(_ENOUGH_FOR_SKILL, share) - len(own))
        made = [line for line in _requests(skill, documents[skill]) if line.casefold() not in taken]
        parts = [line for line in documents[skill].parts if line.casefold() not in taken]
        exemplars[skill] = (*own, *made[:missing], *parts)
        taken.update(line.casefold() for line in exemplars[skill])
    return exemplars


def none_exemplars(exemplars: Sequence[str], vectors: Vectors, encoder: Encoder) -> tuple[str, ...]:
    """Give the everyday and unrelated queries of data/none.txt that no skill may serve.

    :param vectors: Unit vectors of the skills' exemplars. Shape: (n_exemplars, width).
    """
    taken = {line.casefold() for line in exemplars}
    queries = read_exemplars(DATA / "none.txt")
    nearest = (encoder.encode(queries) @ vectors.T).max(axis=1)
    return tuple(
        query
        for query, cosine in zip(queries, nearest, strict=True)
        if cosine < _MAX_SIMILARITY_OF_NONE and query.casefold() not in taken
    )


def _most_telling(document: DocumentLines) -> Iterable[str]:
    first = (document.name, document.title, f"{document.name}: {document.description}")
    groups = (document.quotes, document.listed_uses, document.sentences, document.clauses)
    headings = (re.sub(r"^(?:step |phase )?\d+[.:)]*\s*", "", line) for line in document.headings)
    named = (f"{document.name}: {clause}" for clause in document.clauses)
    return chain(first, *groups, document.opening, headings, named)


def _of_the_body(document: DocumentLines) -> Iterable[str]:
    """Give table cells, items and prose; then their parts, and the items after the name."""
    statements = (*document.items, *document.prose)
    parts = (part for line in statements for part in clauses_in(line) if len(part.split()) > 1)
    named = (f"{document.name}: {item}" for item in document.items)
    return chain(document.cells, statements, parts, named)


def _requests(skill: str, document: DocumentLines) -> tuple[str, ...]:
    """Make queries of the description of a skill."""
    topics = (skill.replace("-", " "), *document.clauses, *document.sentences)
    forms = ("help with {}", "how do I {}", "I need {}", "about {}")
    return clean(form.format(lower_first(topic)) for form in forms for topic in topics)
