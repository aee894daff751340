"""Write the pack of a folder of skills as files, which a person can improve."""

import posixpath
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from router.encoders.encoder import Encoder
from router.files import replacing
from router.packs.new_pack import refuse_to_overwrite
from router.packs.pack import Pack
from router.packs.pack_file import PACK_FILE, load_pack, save_pack
from router.skill_folders.folder import pack_of, read_folder

_COPIES = "documents"
"""The folder of copied documents, below a pack that is not written beside them."""


def init_pack(
    folder: Path, out: Path | None, encoder: Encoder, force: bool, notify: Callable[[str], None]
) -> tuple[Pack, list[str]]:
    """Write the pack of a folder of skills into `out`, or into the folder itself if None.

    :return: The pack as it is read back, and warnings about the folder.
    :raises PackError: No skill can be read, there is a pack already and `force` is not given, or
        `out` holds anything else.
    """
    out = folder if out is None else out
    refuse_to_overwrite(out, folder, force)
    pack, warnings = pack_of(read_folder(folder), encoder, notify)
    below = folder.resolve(), out.resolve()
    is_inside = below[0].is_relative_to(below[1])
    prefix = below[0].relative_to(below[1]).as_posix() if is_inside else _COPIES
    skills = tuple(
        replace(skill, document=posixpath.normpath(f"{prefix}/{skill.document}"))
        for skill in pack.file.skills
    )
    parts = ["exemplars", PACK_FILE]
    if not is_inside:
        parts.insert(0, _COPIES)
        warnings.append(
            f"the documents are outside {out}, so they were copied into {out / _COPIES}, each"
            f" without the files beside it; leave --out away to keep the pack in {folder}"
        )
    notify("writing the pack")
    with replacing(out, parts) as new:
        save_pack(Pack(replace(pack.file, skills=skills), pack.exemplars, pack.documents), new)
    return load_pack(out), warnings
