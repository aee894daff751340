"""Write the pack of a folder of skills, so that a person can go on from there."""

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from router.encoders.encoder import Encoder
from router.errors import PackError
from router.packs.pack import Pack, Skill
from router.packs.pack_file import PACK_FILE, load_pack, save_pack
from router.skill_folders.folder import pack_of, read_folder

COPIED = "documents"
"""Where documents are copied to, below a pack that does not lie beside them."""


def init_pack(
    folder: Path, out: Path | None, encoder: Encoder, force: bool, notify: Callable[[str], None]
) -> tuple[Pack, list[str]]:
    """Write the pack of a folder of skills into `out`, the folder itself if None.

    :return: The pack as it is read back, and what was not as it should be.
    :raises PackError: No skill can be read, or a pack is there and `force` is not given.
    """
    where = folder if out is None else out
    if (where / PACK_FILE).exists() and not force:
        raise PackError(
            f"{where / PACK_FILE}: a pack is there already; cure: --force writes over it and its"
            " exemplars, --out names another folder"
        )
    pack, warnings = pack_of(read_folder(folder), encoder, notify)
    skills = tuple(_with_document(skill, folder, where) for skill in pack.file.skills)
    if any(skill.document.startswith(f"{COPIED}/") for skill in skills):
        warnings.append(
            f"the documents lie outside {where}, so they were copied into {where / COPIED}, each"
            f" without what lies beside it; leave --out away to keep the pack in {folder}"
        )
    notify("writing the pack")
    for old in (where / "exemplars").rglob("*.txt"):  # there are some only if `force` is given
        old.unlink()
    save_pack(Pack(replace(pack.file, skills=skills), pack.exemplars, pack.documents), where)
    return load_pack(where), warnings


def _with_document(skill: Skill, folder: Path, where: Path) -> Skill:
    """Name the document as it lies below the pack, or where it will be copied to."""
    path, root = (folder / skill.document).resolve(), where.resolve()
    inside = path.is_relative_to(root)
    document = path.relative_to(root).as_posix() if inside else f"{COPIED}/{skill.document}"
    return replace(skill, document=document)
