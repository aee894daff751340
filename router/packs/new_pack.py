"""Write a pack as the folder that a person goes on editing: what they edit, with comments."""

from pathlib import Path

import msgspec

from router.errors import PackError
from router.files import replacing, write_whole
from router.packs.exemplar_file import write_exemplars
from router.packs.pack import Pack
from router.packs.pack_file import PACK_FILE, SHARED_FILE, TWINS_FILE, load_pack, without_defaults
from router.packs.parts import Wording
from router.packs.policy import DEFAULT_ASK_RATE
from router.packs.shared_exemplar import write_shared_exemplars
from router.packs.yaml_lines import quoted

_INTRODUCTION = """\
# A pack, made of {source}. Edit it, and `router check` names every fault with its line.
# `router check --schema` prints all keys that can stand here."""

_CATEGORIES = """
# Skills of a common concern form a category. With many skills, give each group its own."""

_SKILLS = """
# What a query can be routed to. Users read the titles where the router asks which one they mean, so
# word them for users. The exemplars are in exemplars/skills/ID.txt: queries as users write them."""

_QUESTION = """
# A question for a missing detail. To have one, remove the "# " before these lines and change them.
# questions:
# - id: which-of-them
#   text: Which of these do you need?
#   options:
#   - id: first
#     label: {first}
#     leads_to: {{skills: [{first_id}]}}
#   - id: second
#     label: {second}
#     leads_to: {{skills: [{second_id}]}}
#   exemplars:
#   - a query that may mean either of them
#   - another one, at least three in all
#   - and more in exemplars/questions/which-of-them.txt
"""

_SETTINGS = """
# The share of queries to ask about, and the words of a question that the router composes itself.
# policy: {{ask_rate: {rate}}}
# wording: {{question: {question}, none: {none}}}
"""


def write_new_pack(pack: Pack, out: Path, source: Path, force: bool) -> Pack:
    """Write a pack of routes into a new folder, without the keys that only hold defaults.

    :param source: The file that it was read from.
    :param force: Write over a pack that is there.
    :return: The pack as it is read back.
    :raises PackError: The pack has faults, there is a pack already and `force` is not given, or
        `out` holds anything else.
    """
    refuse_to_overwrite(out, source, force)
    if faults := pack.faults():
        listed = "".join(f"\n{fault}" for fault in faults)
        raise PackError(f"{source}: nothing was written, because these have to be mended:{listed}")
    with replacing(out, ("exemplars", PACK_FILE)) as new:
        write_whole(new / PACK_FILE, _pack_text(pack, source))
        for skill in pack.file.skills:
            comment = f"Queries that ask for {skill.title!r}, as users write them, one a line."
            path = new / "exemplars" / "skills" / f"{skill.id}.txt"
            write_exemplars(path, pack.exemplars.skills[skill.id], comment)
        comment = "Queries that belong to no skill, one a line: other subjects, greetings, jokes."
        write_exemplars(new / "exemplars" / "none.txt", pack.exemplars.none, comment)
        if pack.exemplars.several:
            write_shared_exemplars(new / "exemplars" / SHARED_FILE, pack.exemplars.several)
    return load_pack(out)


def refuse_to_overwrite(out: Path, source: Path, force: bool) -> None:
    """Refuse a folder that holds a pack, unless `force` is given, or files of somebody else.

    :param source: What the pack is made of; it may lie within `out`.
    """
    exemplars = out / "exemplars"
    if (out / PACK_FILE).exists():
        if not force:
            raise PackError(
                f"{out / PACK_FILE}: a pack is there already; cure: --force writes over it and its"
                " exemplars, --out names another folder"
            )
        files = [] if exemplars.is_symlink() else [*exemplars.rglob("*")]
        foreign = [
            path
            for path in files
            if path.suffix != ".txt"
            and path.name not in (SHARED_FILE, TWINS_FILE)
            and not path.is_dir()
        ]
    else:
        holds_source = source.resolve().is_relative_to(out.resolve())
        foreign = [*(exemplars if holds_source else out).glob("*")]
    if foreign:
        raise PackError(
            f"{foreign[0]}: the folder of a new pack is empty, and this file is no part of a pack;"
            " cure: move it away, or name another folder with --out"
        )


def _pack_text(pack: Pack, source: Path) -> str:
    """Give the content of `pack.yaml`, with comments."""
    file = pack.file
    head = {"format": file.format, "id": file.id, "title": file.title, "summary": file.summary}
    parts = [
        _INTRODUCTION.format(source=source.name.replace("\n", " ")),
        _yaml(head),
        _CATEGORIES,
        _yaml({"categories": [without_defaults(category) for category in file.categories]}),
        _SKILLS,
        _yaml({"skills": [without_defaults(skill) for skill in file.skills]}),
    ]
    if len(file.skills) > 1:
        first, second, *_ = file.skills
        labels = {"first": quoted(first.title), "second": quoted(second.title)}
        parts.append(_QUESTION.format(first_id=first.id, second_id=second.id, **labels))
    if changed := without_defaults(file.policy):
        parts.append(_yaml({"policy": changed}))
    wording = Wording()
    words = {"question": quoted(wording.question), "none": quoted(wording.none)}
    parts.append(_SETTINGS.format(rate=DEFAULT_ASK_RATE, **words))
    return "\n".join(part.rstrip("\n") for part in parts) + "\n"


def _yaml(value: object) -> str:
    return msgspec.yaml.encode(value).decode()
