"""Lint of a pack: its faults, its documents, and exemplars that are easily confused."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from router.encoders.encoder import Encoder
from router.evaluation.pack_health import health_of
from router.lint.borders import concerns_of_strangers, names_of_one_class
from router.lint.confusion import (
    Locate,
    alike_options,
    ambiguous_words,
    confusable_pairs,
    lost_skills,
    stray_lines,
)
from router.lint.counts import (
    NearestExemplars,
    near_duplicates,
    small_skills,
    unbalanced_skills,
)
from router.lint.finding import Finding, line_containing
from router.lint.skills import lint_skill
from router.packs.document import document_path
from router.packs.faults import Fault
from router.packs.pack import Pack
from router.packs.pack_file import PACK_FILE, TWINS_FILE, check_pack
from router.packs.route_file import check_routes
from router.skill_folders.skill_document import SKILL_FILES


def lint_pack(folder: Path, encoder: Encoder) -> list[Finding]:
    """Check a pack. If it has faults, only these are reported, since the rest depends on them."""
    pack, faults = check_pack(folder)
    if pack is None or faults:
        return _fault_findings(faults)
    documents = [
        document_path(folder, skill.document) for skill in pack.file.skills if skill.document
    ]
    locate = locate_in_folder(folder)
    return [
        *(f for path in documents if path and path.name in SKILL_FILES for f in lint_skill(path)),
        *_exemplar_findings(pack, encoder, locate),
        *alike_options(pack, encoder, locate),
        *ambiguous_words(pack, encoder, locate),
    ]


def lint_routes(path: Path, encoder: Encoder) -> list[Finding]:
    """Check a file of routes, as a pack that is made of it."""
    pack, faults = check_routes(path)
    if faults:
        return _fault_findings(faults)
    locate = locate_in_file(path)
    return [
        *_exemplar_findings(pack, encoder, locate),
        *ambiguous_words(pack, encoder, locate),
    ]


def exemplar_warnings(path: Path, pack: Pack) -> list[Finding]:
    """Find what needs no encoder: too few exemplars beside many, and the same words twice.

    :param path: The folder of the pack, or the file of routes that it was made of.
    """
    if pack.is_made_of_documents:
        return []
    locate = locate_in_file(path) if path.is_file() else locate_in_folder(path)
    labels, texts = zip(*pack.target_exemplars(), strict=True)
    return [*unbalanced_skills(pack, locate), *near_duplicates(pack, labels, texts, None, locate)]


def locate_in_folder(folder: Path) -> Locate:
    """Find exemplars in the files of a pack, and targets in its `pack.yaml`."""

    def locate(target: str, text: str) -> tuple[str, int]:
        kind, _, target_id = target.partition(":")
        name = f"{kind}s/{target_id}.txt" if target_id else f"{kind}.txt"
        path = folder / "exemplars" / name if text else folder / PACK_FILE
        line = line_containing(path, text or f"id: {target_id}")
        if not line and text:  # one of twins
            path = folder / "exemplars" / TWINS_FILE
            line = line_containing(path, msgspec.json.encode(text).decode())
        return str(path), line

    return locate


def locate_in_file(path: Path) -> Locate:
    """Find exemplars in the file that they were read from."""
    return lambda target, text: (str(path), line_containing(path, text) if text else 0)


def _exemplar_findings(pack: Pack, encoder: Encoder, locate: Locate) -> Iterator[Finding]:
    """Compare all exemplars with each other."""
    labels, texts = zip(*pack.target_exemplars(shared=False), strict=True)
    vectors = encoder.encode(texts)
    health = health_of(pack, labels, texts, vectors)
    yield from confusable_pairs(health, locate)
    yield from stray_lines(health, locate)
    yield from lost_skills(health, locate)
    if not pack.is_made_of_documents:
        nearest = NearestExemplars.of(vectors, labels)
        yield from unbalanced_skills(pack, locate)
        yield from small_skills(pack, labels, nearest, locate)
        yield from near_duplicates(pack, labels, texts, nearest, locate)
        yield from names_of_one_class(labels, texts, locate)
        yield from concerns_of_strangers(pack, labels, texts, nearest, locate)


def _fault_findings(faults: Sequence[Fault]) -> list[Finding]:
    cure = "mend it, then lint again; `router check` names all faults of a pack"
    return [
        Finding("error", "pack", fault.file, fault.line, fault.description, cure)
        for fault in faults
    ]
