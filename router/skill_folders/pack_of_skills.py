"""Write the pack of a folder of skills as files, which a person can improve."""

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from router.encoders.encoder import Encoder
from router.errors import PackError
from router.packs.pack import Pack, Skill
from router.packs.pack_file import PACK_FILE, load_pack, save_pack
from router.skill_folders.folder import pack_of, read_folder

_COPIES = "documents"
"""The folder of copied documents, below a pack that is not written beside them."""


def init_pack(
    folder: Path, out: Path | None, encoder: Encoder, force: bool, notify: Callable[[str], None]
) -> tuple[Pack, list[str]]:
    """Write the pack of a folder of skills into `out`, or into the folder itself if None.

    :return: The pack as it is read back, and warnings about the folder.
    :raises PackError: No skill can be read, or there is a pack already and `force` is not given.
    """
    out = folder if out is None else out
    if (out / PACK_FILE).exists() and not force:
        raise PackError(
            f"{out / PACK_FILE}: a pack is there already; cure: --force writes over it and its"
            " exemplars, --out names another folder"
        )
    pack, warnings = pack_of(read_folder(folder), encoder, notify)
    skills = tuple(_with_document(skill, folder, out) for skill in pack.file.skills)
    if any(skill.document.startswith(f"{_COPIES}/") for skill in skills):
        warnings.append(
            f"the documents are outside {out}, so they were copied into {out / _COPIES}, each"
            f" without the files beside it; leave --out away to keep the pack in {folder}"
        )
    notify("writing the pack")
    for exemplar_file in (out / "exemplars").rglob("*.txt"):  # of the pack that `force` replaces
        exemplar_file.unlink()
    save_pack(Pack(replace(pack.file, skills=skills), pack.exemplars, pack.documents), out)
    return load_pack(out), warnings


def _with_document(skill: Skill, folder: Path, out: Path) -> Skill:
    """Name the document as it lies below the pack, or as it will be copied there."""
    path, root = (folder / skill.document).resolve(), out.resolve()
    is_inside = path.is_relative_to(root)
    document = path.relative_to(root).as_posix() if is_inside else f"{_COPIES}/{skill.document}"
    return replace(skill, document=document)
