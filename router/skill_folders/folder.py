"""Any folder of skills as a pack: one that works at once, and is easy to improve by hand."""

import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from router.arrays import Vectors
from router.encoders.default import default_encoder
from router.encoders.encoder import Encoder
from router.errors import PackError
from router.packs.pack import Category, Exemplars, Pack, PackFile, Policy, Skill
from router.skill_folders.exemplars import belongs_elsewhere, gather, none_exemplars
from router.skill_folders.links import Names, ordered_pairs, without_cycles
from router.skill_folders.questions import Draft, close_pairs, draft_questions
from router.skill_folders.skill_file import SkillFile, find_skill_file, read_skill
from router.skill_folders.texts import LONGEST, SkillTexts, plain_name, read_texts

MOST_SKILLS = 2_000
PASSED_BY = frozenset({".git", "node_modules", "__pycache__", ".venv", "venv", "site-packages"})
BELOW_A_SKILL = frozenset({"references", "assets", "scripts", "templates", "examples"})
NO_CATEGORY = frozenset({"skills", "plugins", "packages", "src", ".claude", ".agents", ".github"})
NOT_NONE = 0.45
"""An everyday query this close (a cosine) to a skill's exemplar is no example of "none" there."""

SIMILARITY_THRESHOLD = 0.2
"""Nothing of the skills' is a query that lies farther (a cosine) from all of their lines."""

CONFIDENCE_THRESHOLD = 0.5
"""Below this probability of the likeliest skill the user is asked: one query in ten."""

EXTRA_SKILL_THRESHOLD = 0.6
"""A further skill is routed to from this probability on: one query in forty gets a needless one."""

Notify = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """A skill of a folder. `document` is its path below the folder."""

    id: str
    category: str
    document: str
    file: SkillFile
    texts: SkillTexts


@dataclass(frozen=True)
class Folder:
    """What was found in a folder. `routers` only point to other skills of it."""

    path: Path
    skills: tuple[Found, ...]
    routers: tuple[Found, ...]
    warnings: tuple[str, ...]

    @property
    def names(self) -> Names:
        """The skills by name and by id."""
        ids = {found.id: found.id for found in self.skills}
        return Names({found.file.name: found.id for found in reversed(self.skills)} | ids)


def is_skill_folder(path: str | Path) -> bool:
    """Tell whether a SKILL.md lies in a folder, at any depth."""
    return next(skill_paths(Path(path)), None) is not None


def skill_paths(root: Path) -> Iterator[Path]:
    """Find every skill's document in a folder, in the order of their paths."""
    for folder, below, _ in os.walk(root):
        found = find_skill_file(Path(folder))
        passed_by = PASSED_BY | BELOW_A_SKILL if found else PASSED_BY
        below[:] = sorted(name for name in below if name not in passed_by)
        if found:
            yield found


def read_folder(path: str | Path) -> Folder:
    """Read every skill of a folder. What clients refuse is left out, with a warning.

    :raises PackError: There is no skill in it that can be read, or there are too many.
    """
    root = Path(path)
    files: list[SkillFile] = []
    warnings: list[str] = []
    same: dict[tuple[str, str], Path] = {}
    for place in skill_paths(root):
        try:
            skill = read_skill(place)
        except PackError as error:
            warnings.append(f"left out: {error}")
            continue
        first = same.setdefault((skill.name, skill.description), place)
        if first != place:
            warnings.append(f"left out: {place}: the same skill as {first}")
            continue
        files.append(skill)
        warnings += map(str, skill.remarks)
        if len(files) > MOST_SKILLS:
            raise PackError(
                f"{root}: at most {MOST_SKILLS:,} skills are read; cure: name a subfolder"
            )
    if not files:
        reasons = "".join(f"\n  {warning}" for warning in warnings)
        raise PackError(
            f"{root}: no SKILL.md in it that can be read; cure: name the folder that holds your"
            f" skills, each a folder with SKILL.md{reasons}"
        )
    every = _identified(root, files)
    routers = [found for found in every if _is_router(found, every)]
    skills = [_told_apart(found, every) for found in every if found not in routers]
    notes = [
        f"{one.file.path}: a router of other skills; read for their order, no target"
        for one in routers
    ]
    return Folder(root, tuple(skills), tuple(routers), (*warnings, *notes))


def pack_of_folder(
    path: str | Path, encoder: Encoder | None = None, notify: Notify | None = None
) -> tuple[Pack, list[str]]:
    """Make a pack of any folder of skills, and say what was not as it should be.

    :raises PackError: There is no skill in it that can be read.
    """
    folder = read_folder(path)
    return pack_of(folder, encoder or default_encoder(), notify or (lambda _: None))


def pack_of(folder: Folder, encoder: Encoder, notify: Notify) -> tuple[Pack, list[str]]:
    """Make a pack of what was found in a folder."""
    texts = {found.id: found.texts for found in folder.skills}
    gathered = gather(texts, folder.names)
    lines = [(one, line) for one, group in gathered.skills.items() for line in group]
    notify(f"reading {len(texts):,} skills, {len(lines):,} exemplars of them")
    vectors = encoder.encode([line for _, line in lines])
    titles = {found.id: found.texts.title for found in folder.skills}
    pairs = close_pairs(vectors, [one for one, _ in lines])
    drafts = draft_questions(pairs, titles, gathered.skills)
    drafts = _unique(drafts, {line.casefold() for _, line in lines})
    none = _none(lines, vectors, encoder)
    order, against = _order(folder)
    file = PackFile(
        format=1,
        id=_slug(folder.path.resolve().name) or "skills",
        title=plain_name(folder.path.resolve().name).capitalize() or "Skills",
        summary=f"{len(texts)} skills, read from their SKILL.md by `router init`.",
        categories=_categories(folder.skills),
        skills=tuple(map(_skill, folder.skills)),
        questions=tuple(draft.question for draft in drafts),
        order=tuple(((earlier,), (later,)) for earlier, later in order),
        policy=Policy(
            similarity_threshold=SIMILARITY_THRESHOLD,
            confidence_threshold=CONFIDENCE_THRESHOLD,
            extra_skill_threshold=EXTRA_SKILL_THRESHOLD,
        ),
    )
    exemplars = Exemplars(
        skills=gathered.skills,
        neighbours={},
        questions={draft.question.id: draft.needy for draft in drafts},
        options={draft.question.id: draft.replies for draft in drafts},
        none=none,
    )
    cycles = [f"order: {a} before {b} contradicts other documents; left out" for a, b in against]
    documents = {found.id: found.file.text for found in folder.skills}
    return Pack(file, exemplars, documents), [*folder.warnings, *cycles]


def _none(lines: Sequence[tuple[str, str]], vectors: Vectors, encoder: Encoder) -> tuple[str, ...]:
    """Choose exemplars of "none": everyday queries, without those that a skill here may serve."""
    every = none_exemplars(line for _, line in lines)
    closest = (encoder.encode(every) @ vectors.T).max(axis=1)
    return tuple(line for line, cosine in zip(every, closest, strict=True) if cosine < NOT_NONE)


def _unique(drafts: Sequence[Draft], taken: set[str]) -> list[Draft]:
    """Take from the needy queries what stands for something else; a question keeps three."""
    kept = []
    for draft in drafts:
        needy = tuple(line for line in draft.needy if line.casefold() not in taken)
        taken |= {line.casefold() for line in needy}
        if len(needy) >= 3:
            kept.append(replace(draft, needy=needy))
    return kept


def _skill(found: Found) -> Skill:
    summary = (*found.texts.what, *found.texts.when, found.texts.description)[0]
    return Skill(
        id=found.id,
        category=found.category,
        title=found.texts.title,
        summary=summary,
        document=found.document,
        description=(found.texts.description or found.file.description)[:LONGEST],
    )


def _categories(skills: Sequence[Found]) -> tuple[Category, ...]:
    members: dict[str, list[str]] = {}
    for found in skills:
        members.setdefault(found.category, []).append(found.texts.title)
    return tuple(
        Category(id=one, title=one.replace("-", " ").capitalize(), concern=", ".join(titles)[:500])
        for one, titles in members.items()
    )


def _order(folder: Folder) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Read the execution order out of all documents, the routers' first."""
    names = folder.names
    pairs = [
        pair
        for found in (*folder.routers, *folder.skills)
        for pair in ordered_pairs(found.texts.lines, found.id, names)
    ]
    known = {found.id for found in folder.skills}
    return without_cycles(pair for pair in pairs if set(pair) <= known)


def _identified(root: Path, files: Sequence[SkillFile]) -> list[Found]:
    """Give every skill an id: its name, with its plugin or a number before or behind if taken."""
    taken: set[str] = set()
    found = []
    for file in files:
        category = _category(root, file.path)
        name = _slug(file.name) or _slug(file.path.parent.name) or "skill"
        wanted = name if name not in taken else _slug(f"{category}-{name}")
        number, one = 2, wanted
        while one in taken:
            one, number = f"{wanted[:60].strip('-')}-{number}", number + 1
        taken.add(one)
        document = file.path.relative_to(root).as_posix()
        found.append(Found(one, category, document, file, read_texts(file)))
    return found


def _category(root: Path, path: Path) -> str:
    """Give the plugin or the first telling folder above a skill's own, else "skills"."""
    parts = path.relative_to(root).parts[:-2]
    slugs = [_slug(part) for part in parts if part not in NO_CATEGORY]
    return next(filter(None, slugs), "skills")


def _slug(text: str) -> str:
    """Turn any name into an id, or into nothing if no letter of it can be written in ASCII."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64].strip("-")


def _is_router(found: Found, every: Sequence[Found]) -> bool:
    """Tell whether a skill named "using-..." points to three others and half of its category."""
    if not found.id.startswith("using-"):
        return False
    others = [one for one in every if one.category == found.category and one.id != found.id]
    names = Names({one.file.name: one.id for one in others}) if others else None
    said = (
        {one for line in found.texts.lines for *_, one in names.said_in(line.text)} if names else ()
    )
    return len(said) >= 3 and 2 * len(said) >= len(others)


def _told_apart(found: Found, every: Sequence[Found]) -> Found:
    """Take from a skill's description the sentences that speak for another skill."""
    names, texts = Names({one.file.name: one.id for one in every}), found.texts
    sentences = (*texts.what, *texts.when)
    away = [line for line in sentences if belongs_elsewhere(line, found.id, names)]
    if not away:
        return found
    what = tuple(line for line in texts.what if line not in away)
    when = tuple(line for line in texts.when if line not in away)
    clauses = tuple(one for one in texts.clauses if not any(one in line for line in away))
    refused = (*texts.refused, *away)
    texts = replace(texts, what=what, when=when, clauses=clauses, refused=refused)
    return replace(found, texts=texts)
