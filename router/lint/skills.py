"""Lint of skills' documents: the specification, descriptions that can't be found, and confusion."""

from pathlib import Path

from msgspec.structs import replace

from router.encoders.encoder import Encoder
from router.errors import PackError
from router.evaluation.health import health_of
from router.lint.confusion import confusable_pairs, lost_skills
from router.lint.finding import Finding, line_of
from router.lint.specification import conformance
from router.packs.pack import Pack
from router.skill_folders.folder import pack_of, read_folder, skill_paths
from router.skill_folders.skill_file import SkillFile, read_skill
from router.text import words_of

FEWEST_WORDS = 8
MOST_LINES = 500


def lint_one(path: Path) -> list[Finding]:
    """Check one skill's document by itself."""
    found = conformance(path)
    try:
        skill = read_skill(path)
    except PackError as error:
        message = str(error).removeprefix(f"{path}:")
        return found or [Finding("error", "unreadable", str(path), 1, message, "mend the file")]
    return [*found, *_vague(skill), *_long(skill)]


def lint_folder(folder: Path, encoder: Encoder) -> list[Finding]:
    """Check every skill of a folder, and how they lie to each other."""
    found = [finding for path in skill_paths(folder) for finding in lint_one(path)]
    try:
        read = read_folder(folder)
    except PackError:
        return found  # every skill of it is refused, and each has its finding
    pack, _ = pack_of(read, encoder, lambda _: None)
    rows = [
        (f"skill:{one}", line) for one, lines in pack.exemplars.skills.items() for line in lines
    ]
    labels, texts = [label for label, _ in rows], [text for _, text in rows]
    health = health_of(_undrafted(pack), labels, texts, encoder.encode(texts))
    paths = {f"skill:{one.id}": one.file.path for one in read.skills}

    def place(target: str, text: str) -> tuple[str, int]:
        path = paths[target]
        return str(path), line_of(path, text) or line_of(path, "description:")

    return [*found, *confusable_pairs(health, place), *lost_skills(health, place)]


def _undrafted(pack: Pack) -> Pack:
    """Take from a pack what nobody wrote: drafted questions, and exemplars of "none"."""
    file = replace(pack.file, questions=())
    return Pack(file, replace(pack.exemplars, questions={}, options={}, none=()))


def _vague(skill: SkillFile) -> list[Finding]:
    line = skill.lines.get("description", 1)
    said = set(words_of(skill.description)) - set(words_of(skill.name))
    if len(said) < FEWEST_WORDS:
        return [
            Finding(
                "warning",
                "vague-description",
                str(skill.path),
                line,
                f"a description of {len(said)} words beside the name is hard to find",
                "say what the skill does and when to use it, in words that users say",
            )
        ]
    return []


def _long(skill: SkillFile) -> list[Finding]:
    count = skill.text.count("\n") + 1
    if count <= MOST_LINES:
        return []
    message = f"a skill has at most {MOST_LINES} lines, was: {count:,}"
    cure = "move depth into references/"
    return [Finding("warning", "long-document", str(skill.path), MOST_LINES + 1, message, cure)]
