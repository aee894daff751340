"""Lint: skills against their specification, and warnings of what will be confused."""

from pathlib import Path

from router.encoders.encoder import Encoder
from router.errors import PackError
from router.lint.finding import Finding, as_json
from router.lint.packs import lint_pack, lint_routes
from router.lint.skills import lint_folder, lint_skill, lint_tools
from router.packs.pack_file import PACK_FILE
from router.packs.route_file import is_route_file
from router.skill_folders.folder import is_skill_folder
from router.skill_folders.skill_document import find_skill_document
from router.skill_folders.tool_list import is_tool_list

__all__ = ["Finding", "as_json", "lint"]

_LEVELS = ("error", "warning", "notice")


def lint(path: str | Path, encoder: Encoder) -> list[Finding]:
    """Check a pack, a file of routes, a list of tools, a folder of skills, or one skill.

    docs/pages/reference/lint.md lists the rules.

    :raises PackError: There is neither a pack nor a skill, or a file of routes can't be read.
    """
    path = Path(path)
    if is_tool_list(path):
        return _sorted(lint_tools(path, encoder))
    if is_route_file(path) and path.name != PACK_FILE and path.suffix.lower() != ".md":
        return _sorted(lint_routes(path, encoder))
    folder = path.parent if path.is_file() else path
    document = find_skill_document(folder)
    if (folder / PACK_FILE).is_file():
        findings = lint_pack(folder, encoder)
    elif document is not None and not list(folder.glob("*/[Ss][Kk][Ii][Ll][Ll].md")):
        findings = lint_skill(document)
    elif is_skill_folder(folder):
        findings = lint_folder(folder, encoder)
    else:
        raise PackError(
            f"{path}: neither {PACK_FILE} nor any SKILL.md in it; cure: name a pack's folder, a"
            " folder of skills, one skill, or a file of routes"
        )
    return _sorted(findings)


def _sorted(findings: list[Finding]) -> list[Finding]:
    return sorted(
        findings, key=lambda f: (_LEVELS.index(f.level), f.path, f.line, f.rule, f.message)
    )
