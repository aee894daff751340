"""Write what was learned into the files of a pack: all of it, or nothing."""

import re
import shutil
from collections import defaultdict
from pathlib import Path

from router.errors import PackError
from router.files import replacing
from router.packs.exemplar_file import read_exemplars
from router.packs.pack_file import PACK_FILE, SHARED_FILE, check_pack, load_pack
from router.packs.parts import Skill
from router.packs.shared_exemplar import write_shared_exemplars
from router.packs.yaml_lines import read_yaml
from router.review.label_file import checks_text
from router.review.learning import Learned
from router.text import plain_text

CHECKS_FILE = "checks.jsonl"


def write_learned(learned: Learned, folder: Path, source: str) -> list[Path]:
    """Add the new lines to the exemplar files of a pack, the new routes to its `pack.yaml`, and the
    lines that were kept out to its `checks.jsonl`.

    What stands in the files stays as it is, comments included, so that `git diff` shows only the
    new lines, under a comment with their source.

    :param folder: The folder of the pack.
    :param source: Names the labels in the comments.
    :return: The files that have changed.
    :raises PackError: The folder does not hold the pack that has learned; nothing is written.
    :raises WriteError: The disk is full, or the folder can't be written to.
    """
    load_pack(folder)  # a pack with faults is mended first
    added: dict[str, list[str]] = defaultdict(list)
    several = [line for line in learned.added if line.target is None]
    for line in learned.added:
        if line.target is not None:
            kind, _, target = line.target.partition(":")
            added[f"{kind}s/{target}.txt" if target else "none.txt"].append(line.text)
    parts = ("exemplars", CHECKS_FILE, PACK_FILE)
    with replacing(folder, parts) as new:
        if (folder / "exemplars").is_dir():
            shutil.copytree(folder / "exemplars", new / "exemplars")
        for name, lines in added.items():
            _append(new / "exemplars" / name, lines, source)
        if several:
            path = new / "exemplars" / SHARED_FILE
            write_shared_exemplars(path, learned.pack.exemplars.several)
        pack_text = (folder / PACK_FILE).read_text(encoding="utf-8-sig")
        skills = [learned.pack.skills[route] for route in learned.new_routes]
        (new / PACK_FILE).write_text(_with_skills(folder, pack_text, skills), encoding="utf-8")
        (new / CHECKS_FILE).write_bytes(checks_text(learned.checks, learned.right_after))
        _make_sure(learned, new, folder)
    names = [f"exemplars/{name}" for name in sorted(added)]
    names += [f"exemplars/{SHARED_FILE}"] * bool(several)
    names += [CHECKS_FILE] * bool(learned.new_checks) + [PACK_FILE] * bool(skills)
    return [folder / name for name in names]


def _append(path: Path, lines: list[str], source: str) -> None:
    """Add lines under a comment; those that are there already are left out."""
    text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    known = {plain_text(line) for line in read_exemplars(path)} if text else set()
    new = [" ".join(line.split()) for line in lines if plain_text(line) not in known]
    if not new:
        return
    escaped = [re.sub(r"^(?=\\*#)", r"\\", line) for line in new]
    if text and not text.endswith("\n"):
        text += "\n"
    comment = f"# Learned from {' '.join(source.split())}."
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([f"{text}{comment}", *escaped, ""]), encoding="utf-8")


def _with_skills(folder: Path, text: str, skills: list[Skill]) -> str:
    """Add skills at the end of their list, as lines of their own."""
    if not skills:
        return text
    _, lines_by_path = read_yaml(folder / PACK_FILE, {})
    starts = [
        line for path, line in lines_by_path.items() if re.fullmatch(r"\$\.skills\[\d+\]", path)
    ]
    last = max(
        line
        for path, line in lines_by_path.items()
        if path.startswith(f"$.skills[{len(starts) - 1}]")
    )
    lines = text.splitlines()
    item = lines[starts[-1] - 1]
    indent = re.match(r"\s*", item)[0] if re.match(r"\s*-\s", item) else ""  # type: ignore[index]
    end = last
    # A value may go on over lines that are indented more than the item itself.
    while end < len(lines) and re.match(rf"{indent}\s+\S", lines[end]):
        end += 1
    block = []
    for skill in skills:
        title = skill.title.replace("\\", "\\\\").replace('"', '\\"')
        block += [
            f"{indent}- id: {skill.id}",
            f"{indent}  category: {skill.category}",
            f'{indent}  title: "{title}"',
            f'{indent}  summary: "{title}"',
        ]
    return "\n".join([*lines[:end], *block, *lines[end:], ""])


def _make_sure(learned: Learned, new: Path, folder: Path) -> None:
    """Read what is to be written, and compare it with what was learned."""
    for skill in learned.pack.file.skills:  # documents stay where they are
        if skill.document and (folder / skill.document).is_file():
            (new / skill.document).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / skill.document, new / skill.document)
    pack, faults = check_pack(new)
    if pack is None or faults or pack.exemplars != learned.pack.exemplars:
        listed = "".join(f"\n{fault.description}" for fault in faults)
        raise PackError(
            f"{folder}: not the pack that has learned, or one that can't be added to; nothing was"
            f" written; learn again with --pack {folder}{listed}"
        )
