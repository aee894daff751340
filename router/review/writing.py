"""Write what was learned into the files of a pack: all of it, or nothing."""

import re
import shutil
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from router.errors import PackError
from router.files import replacing
from router.packs.exemplar_file import read_exemplars
from router.packs.pack_file import PACK_FILE, SHARED_FILE, check_pack, load_pack
from router.packs.parts import Question, Skill
from router.packs.shared_exemplar import write_shared_exemplars
from router.packs.yaml_lines import parse_yaml, quoted
from router.review.label_file import checks_text
from router.review.learning import Learned
from router.text import plain_text

CHECKS_FILE = "checks.jsonl"


def write_learned(learned: Learned, folder: Path, source: str) -> list[Path]:
    """Add the new lines to the exemplar files of a pack, the new routes and questions to its
    `pack.yaml`, and the lines that were kept out to its `checks.jsonl`.

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
        routes = [_skill_lines(learned.pack.skills[route]) for route in learned.new_routes]
        asked = [_question_lines(learned.pack.questions[name]) for name in learned.new_questions]
        pack_text = _with_items(_with_items(pack_text, "skills", routes), "questions", asked)
        (new / PACK_FILE).write_text(pack_text, encoding="utf-8")
        (new / CHECKS_FILE).write_bytes(checks_text(learned.checks, learned.right_after))
        _make_sure(learned, new, folder)
    names = [f"exemplars/{name}" for name in sorted(added)]
    names += [f"exemplars/{SHARED_FILE}"] * bool(several)
    names += [CHECKS_FILE] * bool(learned.new_checks) + [PACK_FILE] * bool(routes or asked)
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


def _with_items(text: str, key: str, items: Sequence[Sequence[str]]) -> str:
    """Add items at the end of the list below a key, as lines of their own.

    :param items: The lines of each item, as in a list that is not indented.
    """
    if not items:
        return text
    _, line_of = parse_yaml(text)
    lines = text.splitlines()
    n = sum(re.fullmatch(rf"\$\.{key}\[\d+\]", path) is not None for path in line_of)
    if not n:
        return "\n".join([*lines, "", f"{key}:", *chain.from_iterable(items), ""])
    last = f"$.{key}[{n - 1}]"
    end = max(line for path, line in line_of.items() if path.startswith(last))
    item = re.match(r"(\s*)-\s", lines[line_of[last] - 1])
    indent = item[1] if item else ""
    # A value may go on over lines that are indented more than the item itself.
    while end < len(lines) and re.match(rf"{indent}\s+\S", lines[end]):
        end += 1
    new = [indent + line for line in chain.from_iterable(items)]
    return "\n".join([*lines[:end], *new, *lines[end:], ""])


def _skill_lines(skill: Skill) -> list[str]:
    title = quoted(skill.title)
    return [
        f"- id: {skill.id}",
        f"  category: {skill.category}",
        f"  title: {title}",
        f"  summary: {title}",
    ]


def _question_lines(question: Question) -> list[str]:
    lines = [f"- id: {question.id}", f"  text: {quoted(question.text)}", "  options:"]
    for option in question.options:
        lines += [
            f"    - id: {option.id}",
            f"      label: {quoted(option.label)}",
            f"      leads_to: {{skills: [{', '.join(option.leads_to.skills)}]}}",
        ]
    return lines


def _make_sure(learned: Learned, new: Path, folder: Path) -> None:
    """Read what is to be written, and compare it with what was learned."""
    for skill in learned.pack.file.skills:  # documents stay where they are
        if skill.document and (folder / skill.document).is_file():
            (new / skill.document).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / skill.document, new / skill.document)
    pack, faults = check_pack(new)
    if pack is None or faults or pack != learned.pack:
        listed = "".join(f"\n{fault.description}" for fault in faults)
        raise PackError(
            f"{folder}: not the pack that has learned, or one that can't be added to; nothing was"
            f" written; learn again with --pack {folder}{listed}"
        )
