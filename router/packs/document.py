"""The documents of skills: where they are, and their text."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from router.files import write_whole
from router.packs.markdown import plain, without_code
from router.packs.parts import Skill
from router.packs.text_file import read_text_file
from router.paths import SKILLS

_MAX_BYTES = 2_000_000
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)[\s#]*$")


def read_document(path: Path) -> str:
    """Read a document as text with plain line ends.

    :raises PackError: It can't be opened, is too large or is not UTF-8.
    """
    text = read_text_file(path, "a skill", _MAX_BYTES)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def document_path(folder: Path, document: str) -> Path | None:
    """Find a skill's document below the pack's own skills folder or the shipped one.

    :return: None if there is no such file in either, or if the path leads out of the folder, except
        by a link to a SKILL.md, since installers link skills.
    """
    steps = Path(document)
    for root in (folder / "skills", folder, SKILLS):
        path = (root / document).resolve()
        is_linked = path.name.lower() == "skill.md" and ".." not in steps.parts
        is_inside = path.is_relative_to(root.resolve())
        if path.is_file() and (is_inside or (is_linked and not steps.is_absolute())):
            return path
    return None


def sections_of(text: str) -> dict[str, str]:
    """Give the sections of a document by their headings, which lose their markup.

    A section ends before the next heading of its level or above. Of two sections with the same
    heading the first counts. A line in a block of code is no heading.
    """
    lines = text.split("\n")
    headings = [
        (number, len(match[1]), plain(match[2]))
        for number, line in enumerate(without_code(text).split("\n"))
        if (match := _HEADING.match(line))
    ]
    sections: dict[str, str] = {}
    for i, (start, level, heading) in enumerate(headings):
        ends = (number for number, other, _ in headings[i + 1 :] if other <= level)
        sections.setdefault(heading, "\n".join(lines[start : next(ends, len(lines))]).strip())
    return sections


def documents_to_read(folder: Path, skills: Iterable[Skill]) -> Iterator[tuple[str, Path]]:
    """Find the documents of the skills that have a description, which are read at the fit.

    :return: (id, path) of each.
    """
    for skill in skills:
        path = document_path(folder, skill.document) if skill.document else None
        if skill.description and path is not None:
            yield skill.id, path


def write_documents(folder: Path, skills: Iterable[Skill], documents: Mapping[str, str]) -> None:
    """Write the documents below a pack's folder that are missing there or have another text."""
    skills = list(skills)
    paths = dict(documents_to_read(folder, skills))
    for skill in skills:
        text, path = documents.get(skill.id), paths.get(skill.id)
        if text is not None and (path is None or read_document(path) != text):
            write_whole(folder / skill.document, text)
