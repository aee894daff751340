"""Documents below the folder of another skill: parts of it, or skills of their own."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from router.skill_folders.document_lines import clean, document_lines
from router.skill_folders.phrases import INTRODUCES_USES
from router.skill_folders.skill_document import SkillDocument

TELLING_NO_GROUP = frozenset(
    {"skills", "plugins", "packages", "src", ".claude", ".agents", ".github"}
)
"""Folders whose names tell no group of skills; below one of them every document is a skill."""

_LINES_OF_A_PART = 12
"""Lines of a nested document that stand for the skill above it."""


def own_and_parts(
    documents: Sequence[SkillDocument],
) -> tuple[list[SkillDocument], dict[Path, list[SkillDocument]]]:
    """Tell skills from the documents nested below one, which are parts of it.

    A nested document is a skill of its own if it stands in a folder like "skills" below the other,
    or if it has a name and states its use, and the other doesn't send the reader to it.
    """
    by_folder = {document.path.parent: document for document in documents}
    own: list[SkillDocument] = []
    parts: dict[Path, list[SkillDocument]] = {}
    for document in documents:
        above = next((by_folder[f] for f in document.path.parent.parents if f in by_folder), None)
        if above is None or not _is_part(document, above):
            own.append(document)
        else:
            parts.setdefault(above.path, []).append(document)
    kept = {document.path for document in own}
    for path in [path for path in parts if path not in kept]:  # parts of parts
        above = next(by_folder[f] for f in path.parent.parents if f in by_folder)
        while above.path not in kept:
            above = next(by_folder[f] for f in above.path.parent.parents if f in by_folder)
        parts.setdefault(above.path, []).extend(parts.pop(path))
    return own, parts


def _is_part(document: SkillDocument, above: SkillDocument) -> bool:
    between = document.path.parent.relative_to(above.path.parent)
    if not TELLING_NO_GROUP.isdisjoint(between.parts):
        return False
    states_use = bool(document.uses) or bool(INTRODUCES_USES.search(document.description))
    sends = f"{between.as_posix()}/" in above.body or re.search(
        rf"[`*|]{re.escape(document.name)}[`*|]", above.body
    )
    return bool(sends) or not states_use


def lines_of_parts(parts: Iterable[SkillDocument]) -> tuple[str, ...]:
    """Give the names of nested documents, and the beginning of what they describe."""
    every = map(document_lines, parts)
    lines = ((part.name, *part.quotes, *part.sentences, *part.clauses) for part in every)
    return clean(line for of_part in lines for line in of_part[:_LINES_OF_A_PART])
