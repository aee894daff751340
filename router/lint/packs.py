"""Lint of a pack: its faults, its documents, and exemplars that are easily confused."""

from pathlib import Path

from router.encoders.encoder import Encoder
from router.evaluation.pack_health import pack_health
from router.lint.confusion import (
    alike_options,
    ambiguous_words,
    confusable_pairs,
    lost_skills,
    stray_lines,
)
from router.lint.finding import Finding, line_containing
from router.lint.skills import lint_skill
from router.packs.document import document_path
from router.packs.pack_file import PACK_FILE, check_pack
from router.skill_folders.skill_document import SKILL_FILES


def lint_pack(folder: Path, encoder: Encoder) -> list[Finding]:
    """Check a pack. If it has faults, only these are reported, since the rest depends on them."""
    pack, faults = check_pack(folder)
    if pack is None or faults:
        cure = "correct it, then lint again; `router check` names all faults of a pack"
        return [
            Finding("error", "pack", fault.file, fault.line, fault.description, cure)
            for fault in faults
        ]
    documents = [
        document_path(folder, skill.document) for skill in pack.file.skills if skill.document
    ]
    health = pack_health(pack, encoder)

    def locate(target: str, text: str) -> tuple[str, int]:
        kind, _, target_id = target.partition(":")
        path = (
            folder / "exemplars" / f"{kind}s" / f"{target_id}.txt" if text else folder / PACK_FILE
        )
        return str(path), line_containing(path, text or f"id: {target_id}")

    return [
        *(f for path in documents if path and path.name in SKILL_FILES for f in lint_skill(path)),
        *confusable_pairs(health, locate),
        *stray_lines(health, locate),
        *lost_skills(health, locate),
        *alike_options(pack, encoder, locate),
        *ambiguous_words(pack, encoder, locate),
    ]
