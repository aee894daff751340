"""Lint of a pack: its faults, its documents, and how its exemplars lie."""

from pathlib import Path

from router.encoders.encoder import Encoder
from router.evaluation.health import pack_health
from router.lint.confusion import (
    alike_options,
    ambiguous_words,
    confusable_pairs,
    lost_skills,
    stray_lines,
)
from router.lint.finding import Finding, line_of
from router.lint.skills import lint_one
from router.packs.document import document_path
from router.packs.pack import Pack
from router.packs.pack_file import PACK_FILE, check_pack
from router.skill_folders.skill_file import SKILL_FILES


def lint_pack(folder: Path, encoder: Encoder) -> list[Finding]:
    """Check a pack; where it has faults, only these are told, for the rest builds on it."""
    pack, faults = check_pack(folder)
    if pack is None or faults:
        return [
            Finding("error", "pack", fault.file, fault.line, _said(fault.key, fault.message), _CURE)
            for fault in faults
        ]
    health = pack_health(pack, encoder)

    def place(target: str, text: str) -> tuple[str, int]:
        kind, _, one = target.partition(":")
        if not text:
            return str(folder / PACK_FILE), line_of(folder / PACK_FILE, f"id: {one}")
        path = folder / "exemplars" / f"{kind}s" / f"{one}.txt"
        return str(path), line_of(path, text)

    return [
        *_documents(folder, pack),
        *confusable_pairs(health, place),
        *stray_lines(health, place),
        *lost_skills(health, place),
        *alike_options(pack, encoder, place),
        *ambiguous_words(pack, encoder, place),
    ]


_CURE = "mend it, then lint again; `router check` names all faults of a pack"


def _said(key: str, message: str) -> str:
    return f"{key}: {message}" if key else message


def _documents(folder: Path, pack: Pack) -> list[Finding]:
    paths = [document_path(folder, one.document) for one in pack.skills.values() if one.document]
    documents = [path for path in paths if path is not None and path.name in SKILL_FILES]
    return [finding for path in documents for finding in lint_one(path)]
