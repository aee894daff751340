"""The documents of skills: where they lie, and what they say."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from router.errors import PackError
from router.files import write_whole
from router.packs.pack import Skill
from router.paths import SKILLS

MOST_BYTES = 2_000_000


def read_document(path: Path) -> str:
    """Read a document as text with plain line ends.

    :raises PackError: It can't be opened, is too large or is not UTF-8.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PackError(
            f"{path}: can't be read: {error.strerror}; cure: mend or remove it"
        ) from error
    if len(data) > MOST_BYTES:
        raise PackError(f"{path}: a skill has at most {MOST_BYTES:,} bytes, was: {len(data):,}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise PackError(f"{path}:{line}: not UTF-8 ({error.reason}); save it as UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def document_path(folder: Path, document: str) -> Path | None:
    """Find a skill's document below the pack's own skills folder or the shipped one.

    :return: None if there is no such file in either, or if the path leads out of the folder.
    """
    for root in (folder / "skills", folder, SKILLS):
        path = (root / document).resolve()
        if path.is_relative_to(root.resolve()) and path.is_file():
            return path
    return None


def documents_to_read(folder: Path, skills: Iterable[Skill]) -> Iterator[tuple[str, Path]]:
    """Find the documents that are weighed: of the skills with a description. Gives (id, path)."""
    for skill in skills:
        path = document_path(folder, skill.document) if skill.document else None
        if skill.description and path is not None:
            yield skill.id, path


def write_documents(folder: Path, skills: Iterable[Skill], documents: Mapping[str, str]) -> None:
    """Write what is not there yet, or says something else, below a pack's folder."""
    known = list(skills)
    there = dict(documents_to_read(folder, known))
    for skill in known:
        text, path = documents.get(skill.id), there.get(skill.id)
        if text is not None and (path is None or read_document(path) != text):
            write_whole(folder / skill.document, text)
