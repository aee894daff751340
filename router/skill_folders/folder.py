"""Make a pack of any folder of skills: one that works at once and is easy to improve by hand."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import shorten

from router.encoders.default import default_encoder
from router.encoders.encoder import Encoder
from router.errors import PackError
from router.fitting.document_tokens import document_tokens, telling_lines
from router.packs.markdown import refuses
from router.packs.pack import Exemplars, Pack
from router.packs.parts import Category, Neighbour, PackFile, Skill
from router.packs.policy import Policy
from router.skill_folders.document_lines import (
    MAX_LINE,
    DocumentLines,
    lines_of_documents,
    plain_name,
)
from router.skill_folders.exemplars import lines_of_skill, none_exemplars, select_exemplars
from router.skill_folders.links import SkillMentions, ordered_pairs, without_cycles
from router.skill_folders.nested import TELLING_NO_GROUP, lines_of_parts, own_and_parts
from router.skill_folders.questions import close_pairs, draft_questions
from router.skill_folders.skill_document import SkillDocument, find_skill_document, read_skill

_MAX_SKILLS = 2_000
_SKIPPED = frozenset({".git", "node_modules", "__pycache__", ".venv", "venv", "site-packages"})
_PARTS_OF_A_SKILL = frozenset({"references", "assets", "scripts", "templates", "examples"})

_POLICY = Policy(
    similarity_threshold=0.2,
    confidence_threshold=0.45,  # about one query in seven is asked about
    extra_skill_threshold=0.2,  # about one query in forty gets a needless second skill
)


@dataclass(frozen=True)
class FolderSkill:
    """A skill of a folder. `path` is the path of its document below the folder."""

    id: str
    category: str
    path: str
    document: SkillDocument
    lines: DocumentLines


@dataclass(frozen=True)
class SkillFolder:
    """The skills of a folder. `routers` are skills that only point to other skills of it."""

    path: Path
    skills: tuple[FolderSkill, ...]
    routers: tuple[FolderSkill, ...]
    warnings: tuple[str, ...]


def is_skill_folder(path: str | Path) -> bool:
    """Tell whether there is a SKILL.md in a folder, at any depth."""
    return next(skill_paths(Path(path)), None) is not None


def skill_paths(root: Path) -> Iterator[Path]:
    """Find the documents of all skills in a folder, in the order of their paths.

    Links are followed, each real folder and document once, but not to where the folder itself is.
    """
    start, visited = os.path.realpath(root), set[str]()
    for folder, below, _ in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited or (real != start and Path(start).is_relative_to(real)):
            below.clear()
            continue
        visited.add(real)
        path = find_skill_document(Path(folder))
        skipped = _SKIPPED | _PARTS_OF_A_SKILL if path else _SKIPPED
        below[:] = sorted(name for name in below if name not in skipped)
        if path and (real_path := os.path.realpath(path)) not in visited:
            visited.add(real_path)
            yield path


def read_folder(folder: str | Path, encoder: Encoder | None = None) -> SkillFolder:
    """Read every skill of a folder. Documents that clients refuse are left out, with a warning.

    :param encoder: A `CachedEncoder` keeps what was read; only documents that changed are sorted.

    :raises PackError: No skill in it can be read, or there are too many.
    """
    root = Path(folder)
    documents: dict[tuple[str, str], SkillDocument] = {}
    warnings: list[str] = []
    for path in skill_paths(root):
        try:
            document = read_skill(path)
        except PackError as error:
            warnings.append(f"left out: {error}")
            continue
        if document.is_placeholder:
            warnings.append(f"left out: {path}: a template that nobody has filled in yet")
            continue
        first = documents.setdefault((document.name, document.description), document)
        if first is not document:
            warnings.append(f"left out: {path}: the same skill as {first.path}")
            continue
        warnings += map(str, document.remarks)
        if len(documents) > _MAX_SKILLS:
            cure = "cure: name a subfolder"
            raise PackError(f"{root}: at most {_MAX_SKILLS:,} skills are read; {cure}")
    if not documents:
        reasons = "".join(f"\n  {warning}" for warning in warnings)
        raise PackError(
            f"{root}: no SKILL.md in it that can be read; cure: name the folder that holds your"
            f" skills, each a folder with SKILL.md{reasons}"
        )
    own, parts = own_and_parts(list(documents.values()))
    every = [
        replace(skill, lines=replace(skill.lines, parts=lines_of_parts(parts[skill.document.path])))
        if skill.document.path in parts
        else skill
        for skill in _with_ids(root, own, lines_of_documents(own, encoder))
    ]
    routers = tuple(skill for skill in every if _is_router(skill, every))
    mentions = _mentions_of(every)
    skills = (_without_other_skills(skill, mentions) for skill in every if skill not in routers)
    aside = "it points to other skills; it is no target, but its order is read"
    warnings += [f"{skill.document.path}: {aside}" for skill in routers]
    return SkillFolder(root, tuple(skills), routers, tuple(warnings))


def pack_of_folder(
    path: str | Path, encoder: Encoder | None = None, notify: Callable[[str], None] | None = None
) -> tuple[Pack, list[str]]:
    """Make a pack of any folder of skills; also gives warnings about the folder.

    :raises PackError: There is no skill in it that can be read.
    """
    encoder = encoder or default_encoder()
    return pack_of(read_folder(path, encoder), encoder, notify or (lambda _: None))


def pack_of(
    folder: SkillFolder,
    encoder: Encoder,
    notify: Callable[[str], None],
    most_lines: int | None = None,
) -> tuple[Pack, list[str]]:
    """Make a pack of the skills of a folder; also gives warnings about the folder.

    :param most_lines: How many lines of a document are exemplars, at most; by the number of skills
        if None.
    """
    mentions = _mentions_of(folder.skills)
    chosen = [skill for skill in folder.skills if not skill.document.user_only]
    chosen = chosen or list(folder.skills)
    ids = {skill.id for skill in chosen}
    every = {skill.id: skill.lines for skill in folder.skills}
    skills = select_exemplars(every, mentions, most_lines or lines_of_skill(len(every)))
    labels, texts = zip(*((i, line) for i, lines in skills.items() for line in lines), strict=True)
    notify(f"reading {len(skills):,} skills, {len(texts):,} exemplars of them")
    described = {skill.id: _description(skill) for skill in chosen}
    document_tokens(
        [telling_lines(described.get(i, ""), lines) for i, lines in skills.items()], encoder
    )  # with an encoder that keeps what it encodes, nothing below encodes a line again
    vectors = encoder.encode(texts)
    titles = _titles(folder.skills)
    pairs = [pair for pair in close_pairs(vectors, labels) if ids.issuperset(pair)]
    drafts = draft_questions(pairs, titles, skills)
    order, contradicting = without_cycles(
        pair for pair in _order_pairs(folder, mentions) if ids.issuperset(pair)
    )
    name = folder.path.resolve().name
    file = PackFile(
        format=1,
        id=_slug(name) or "skills",
        title=plain_name(name).capitalize() or "Skills",
        summary=f"{len(skills)} skills, read from their SKILL.md by `router init`.",
        categories=_categories(chosen),
        skills=tuple(_pack_skill(skill, titles[skill.id]) for skill in chosen),
        neighbours=tuple(
            Neighbour(skill.id, title=titles[skill.id], summary=_summary(skill))
            for skill in folder.skills
            if skill.id not in ids
        ),
        questions=tuple(draft.question for draft in drafts),
        order=tuple(((earlier,), (later,)) for earlier, later in order),
        policy=_POLICY,
    )
    exemplars = Exemplars(
        skills={skill: lines for skill, lines in skills.items() if skill in ids},
        neighbours={skill: lines for skill, lines in skills.items() if skill not in ids},
        questions={draft.question.id: draft.needy for draft in drafts},
        options={draft.question.id: draft.replies for draft in drafts},
        none=none_exemplars(texts, vectors, encoder),
    )
    cycles = [
        f"order: {earlier} before {later} contradicts other documents; left out"
        for earlier, later in contradicting
    ]
    aside = [
        f"{skill.document.path}: only users may invoke it, so it is named but never chosen"
        for skill in folder.skills
        if skill.id not in ids
    ]
    documents = {skill.id: skill.document.text for skill in chosen}
    return Pack(file, exemplars, documents), [*folder.warnings, *aside, *cycles]


def _mentions_of(skills: Sequence[FolderSkill]) -> SkillMentions:
    """Find skills by name and by id; of several skills of one name, the first is meant."""
    ids = {skill.id: skill.id for skill in skills}
    return SkillMentions({skill.document.name: skill.id for skill in reversed(skills)} | ids)


def _titles(skills: Sequence[FolderSkill]) -> dict[str, str]:
    """Title each skill; those that have the same title are told apart by plugin, or else by id."""
    titles = {skill.id: skill.lines.title for skill in skills}
    for name in ("category", "id"):
        counts = Counter(title.casefold() for title in titles.values())
        for skill in skills:
            if counts[titles[skill.id].casefold()] > 1:
                told = plain_name(getattr(skill, name))
                titles[skill.id] = f"{skill.lines.title} ({told})"
    return titles


def _summary(skill: FolderSkill) -> str:
    return (*skill.lines.sentences, skill.lines.description, skill.document.description)[0]


def _description(skill: FolderSkill) -> str:
    return (skill.lines.description or skill.document.description)[:MAX_LINE]


def _pack_skill(skill: FolderSkill, title: str) -> Skill:
    return Skill(
        id=skill.id,
        category=skill.category,
        title=title,
        summary=_summary(skill),
        document=skill.path,
        description=_description(skill),
    )


def _categories(skills: Iterable[FolderSkill]) -> tuple[Category, ...]:
    titles: dict[str, list[str]] = {}
    for skill in skills:
        titles.setdefault(skill.category, []).append(skill.lines.title)
    return tuple(
        Category(
            id=name,
            title=name.replace("-", " ").capitalize(),
            concern=shorten(", ".join(own), 300, placeholder=" …"),
        )
        for name, own in titles.items()
    )


def _order_pairs(folder: SkillFolder, mentions: SkillMentions) -> Iterator[tuple[str, str]]:
    """Read the execution order out of all documents, those of the routers first."""
    known = {skill.id for skill in folder.skills}
    for skill in (*folder.routers, *folder.skills):
        for pair in ordered_pairs(skill.lines.body, skill.id, mentions):
            if known.issuperset(pair):
                yield pair


def _with_ids(
    root: Path, documents: Iterable[SkillDocument], lines: Iterable[DocumentLines]
) -> list[FolderSkill]:
    """Give every skill an id: its name, with its category or a number added if that is taken."""
    skills: dict[str, FolderSkill] = {}
    for document, of_document in zip(documents, lines, strict=True):
        category = _category(root, document.path)
        names = document.name, document.path.parent.name
        spellings = (*map(_slug, names), *map(_spelled, names), "skill")
        name = next(filter(None, spellings))
        wanted = name if name not in skills else _slug(f"{category}-{name}")
        number, unique = 2, wanted
        while unique in skills:
            unique, number = f"{wanted[:60].strip('-')}-{number}", number + 1
        path = document.path.relative_to(root).as_posix()
        skills[unique] = FolderSkill(unique, category, path, document, of_document)
    return list(skills.values())


def _category(root: Path, path: Path) -> str:
    """Give the plugin or the first telling folder above the skill's own, else "skills"."""
    parts = path.relative_to(root).parts[:-2]
    slugs = (_slug(part) for part in parts if part not in TELLING_NO_GROUP)
    return next(filter(None, slugs), "skills")


def _slug(text: str) -> str:
    """Turn any name into an id, or into nothing if none of it can be written in ASCII."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64].strip("-")


def _spelled(text: str) -> str:
    """Turn a name in another script into an id: "чай" into "che-a-i", "技能" into "6280-80fd"."""
    letters = filter(str.isalnum, unicodedata.normalize("NFKC", text.casefold()))
    names = (unicodedata.name(letter, "").replace("IDEOGRAPH-", "") for letter in letters)
    return _slug(" ".join(name.rpartition(" ")[2] for name in names))


def _is_router(skill: FolderSkill, skills: Sequence[FolderSkill]) -> bool:
    """Tell whether a skill "using-..." points to three others and half of its category."""
    if not skill.id.startswith("using-"):
        return False
    siblings = [each for each in skills if each.category == skill.category and each != skill]
    mentions = _mentions_of(siblings)
    mentioned = {name for line in skill.lines.body for *_, name in mentions.find(line.text)}
    return len(mentioned) >= 3 and 2 * len(mentioned) >= len(siblings)


def _without_other_skills(skill: FolderSkill, mentions: SkillMentions) -> FolderSkill:
    """Move the sentences of a description that name other skills to what the skill is not for."""
    lines = skill.lines
    moved = [
        sentence
        for sentence in lines.sentences
        if refuses(sentence) or any(name != skill.id for *_, name in mentions.find(sentence))
    ]
    lines = replace(
        lines,
        sentences=tuple(s for s in lines.sentences if s not in moved),
        clauses=tuple(c for c in lines.clauses if not any(c in s for s in moved)),
        refusals=(*lines.refusals, *moved),
    )
    return replace(skill, lines=lines)
