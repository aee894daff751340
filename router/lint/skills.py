"""Lint of documents: the specification, descriptions that say too little, and confusable skills."""

from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from router.decisions.words import count_of
from router.encoders.encoder import Encoder
from router.errors import PackError
from router.evaluation.pack_health import health_of
from router.lint.confusion import Locate, confusable_pairs, lost_skills
from router.lint.finding import Finding, line_containing
from router.lint.hints import author_hints
from router.lint.specification import conformance
from router.packs.pack import Pack
from router.skill_folders.folder import pack_of, read_folder, skill_paths
from router.skill_folders.skill_document import SkillDocument, read_skill
from router.skill_folders.tool_list import pack_of_tools, tool_folder
from router.text import words_of

_LINES_READ = 80
"""Lines of a document that are compared with those of the others, at most."""

_MIN_WORDS = 8
_MAX_LINES = 500


def lint_skill(path: Path) -> list[Finding]:
    """Check one skill's document by itself."""
    findings = conformance(path)
    try:
        return [*findings, *_size_findings(read_skill(path))]
    except PackError as error:
        message = str(error).removeprefix(f"{path}:")
        return findings or [
            Finding("error", "unreadable", str(path), 1, message, "correct the file")
        ]


def lint_folder(path: Path, encoder: Encoder) -> list[Finding]:
    """Check every skill of a folder by itself, then which of them are easily confused."""
    findings = [finding for document in skill_paths(path) for finding in lint_skill(document)]
    try:
        folder = read_folder(path)
    except PackError:
        return findings  # no skill of it can be read, and each has its finding
    paths = {f"skill:{skill.id}": skill.document.path for skill in folder.skills}

    def locate(target: str, text: str) -> tuple[str, int]:
        path = paths[target]
        return str(path), line_containing(path, text) or line_containing(path, "description:")

    lines = {skill.id: skill.document.lines.get("description", 1) for skill in folder.skills}
    pack = pack_of(folder, encoder, lambda _: None, _LINES_READ)[0]
    return [
        *findings,
        *_confusion(pack, encoder, locate),
        *author_hints(folder.skills, encoder, lines),
    ]


def lint_tools(path: Path, encoder: Encoder) -> list[Finding]:
    """Check which tools of a list are easily confused, and which say too little."""
    folder = tool_folder(path)

    def locate(target: str, text: str) -> tuple[str, int]:
        return str(path), line_containing(path, text) if text else 0

    findings = []
    for skill in folder.skills:
        for finding in _size_findings(skill.document):
            line = line_containing(path, f'"{skill.document.name}"')
            message = f"{skill.document.name}: {finding.message}"
            findings.append(replace(finding, path=str(path), line=line, message=message))
    return [*findings, *_confusion(pack_of_tools(path, encoder)[0], encoder, locate)]


def _confusion(pack: Pack, encoder: Encoder, locate: Locate) -> list[Finding]:
    """Report what is easily confused, by lines that authors wrote: no drafts, no everyday ones."""
    exemplars = replace(pack.exemplars, questions={}, options={}, none=())
    pack = Pack(replace(pack.file, questions=()), exemplars)
    labels, texts = zip(*pack.target_exemplars(shared=False), strict=True)
    health = health_of(pack, labels, texts, encoder.encode(texts))
    return [*confusable_pairs(health, locate), *lost_skills(health, locate)]


def _size_findings(skill: SkillDocument) -> Iterator[Finding]:
    n_words = len(set(words_of(skill.description)) - set(words_of(skill.name)))
    if n_words < _MIN_WORDS:
        line = skill.lines.get("description", 1)
        message = (
            f"the description adds {count_of(n_words, 'word')} to the name, so few queries match it"
        )
        cure = "say what the skill does and when to use it, in words that users say"
        yield Finding("warning", "vague-description", str(skill.path), line, message, cure)
    n_lines = skill.text.count("\n") + 1
    if n_lines > _MAX_LINES:
        message = f"a skill has at most {_MAX_LINES} lines, was: {n_lines:,}"
        cure = "move depth into references/"
        yield Finding("warning", "long-document", str(skill.path), _MAX_LINES + 1, message, cure)
