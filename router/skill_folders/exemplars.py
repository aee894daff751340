"""Choose the lines of the documents that stand for each skill, and the exemplars of "none"."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from router.arrays import Vectors
from router.encoders.encoder import Encoder
from router.packs.exemplar_file import read_exemplars
from router.paths import DATA
from router.skill_folders.document_lines import DocumentLines, clauses_in, clean
from router.skill_folders.links import SkillMentions, served_elsewhere
from router.text import lower_first

_MAX_SIMILARITY_OF_NONE = 0.45
"""An everyday query with a higher cosine to an exemplar is no example of "none" in this folder."""

LINES_OF_SKILL, _MOST_LINES, _LINES_OF_FOLDER = 10, 80, 3_000
"""A skill gives at least ten lines and at most eighty, and all skills together some 3,000: in a
folder of 300 skills more lines find nothing more and cost their time, in one of ten they do."""

_CONSIDERED = 4
"""Lines of a document that are looked at for each that is taken: what two have, neither gets."""


def select_exemplars(
    documents: Mapping[str, DocumentLines], mentions: SkillMentions, most: int = LINES_OF_SKILL
) -> dict[str, tuple[str, ...]]:
    """Choose the exemplars of every skill of a folder.

    The most telling lines come first, and lines of the body fill up what is left. A line that two
    skills have is used for neither. What one document refuses and another skill serves becomes an
    exemplar of that other skill, and what is nested below a skill one of the skill above it.
    """
    served = [
        (target, topic)
        for skill, document in documents.items()
        for refusal in document.refusals
        for target, topic in served_elsewhere(refusal, skill, mentions)
    ]
    lines = {
        skill: clean(
            islice(
                chain(
                    (document.name, document.title),
                    (topic for target, topic in served if target == skill),
                    _most_telling(document),
                    _of_the_body(document),
                ),
                _CONSIDERED * most,
            )
        )
        for skill, document in documents.items()
    }
    uses = Counter(line.casefold() for group in lines.values() for line in group)
    taken = set(uses)
    exemplars = {}
    for skill, group in lines.items():
        own = [line for line in group if uses[line.casefold()] == 1][:most]
        missing = max(0, LINES_OF_SKILL - len(own))
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


def lines_of_skill(n_skills: int) -> int:
    """Tell how many lines of each document are exemplars, at most."""
    return max(LINES_OF_SKILL, min(_MOST_LINES, _LINES_OF_FOLDER // max(n_skills, 1)))


def _most_telling(document: DocumentLines) -> Iterable[str]:
    clauses = [clause for clause in document.clauses if " " in clause]  # a word alone says little
    groups = (document.quotes, document.listed_uses, document.sentences, clauses)
    headings = (re.sub(r"^(?:step |phase )?\d+[.:)]*\s*", "", line) for line in document.headings)
    named = (f"{document.name}: {clause}" for clause in clauses)
    return chain(*groups, document.opening, headings, named)


def _of_the_body(document: DocumentLines) -> Iterator[str]:
    """Give table cells, items and prose; then their parts."""
    yield from document.statements
    for line in document.statements:
        yield from (part for part in clauses_in(line) if len(part.split()) > 1)


def _requests(skill: str, document: DocumentLines) -> tuple[str, ...]:
    """Make queries of the description of a skill."""
    topics = (skill.replace("-", " "), *document.clauses, *document.sentences)
    forms = ("help with {}", "how do I {}", "I need {}", "about {}")
    return clean(form.format(lower_first(topic)) for form in forms for topic in topics)
