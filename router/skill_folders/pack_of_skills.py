"""The pack of a folder of skills: kept in the cache folder, or written for a person to improve."""

import contextlib
import hashlib
import posixpath
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from router.encoders.encoder import Encoder
from router.files import DamagedError, read_json, replacing, write_whole
from router.fitting.code_hash import code_hash
from router.packs.new_pack import refuse_to_overwrite
from router.packs.pack import Pack
from router.packs.pack_file import PACK_FILE, load_pack, save_pack
from router.paths import cache_folder
from router.skill_folders.folder import pack_of, pack_of_folder, read_folder, skill_paths

_COPIES = "documents"
"""The folder of copied documents, below a pack that is not written beside them."""


class _KeptPack(Struct, frozen=True):
    """The pack of a folder, and a hash of all that it was made of."""

    made_of: str
    pack: Pack
    warnings: list[str]


def cached_pack(
    folder: Path, encoder: Encoder, notify: Callable[[str], None] | None = None
) -> tuple[Pack, list[str]]:
    """Make a pack of a folder of skills as `pack_of_folder` does, or take it from the cache folder.

    It is made anew when a document or the code that reads them has changed.
    """
    name = hashlib.sha256(f"{folder.resolve()}:{encoder.key}".encode()).hexdigest()[:24]
    kept, made_of = cache_folder() / "folders" / f"{name}.json", _hash_of(folder)
    with contextlib.suppress(DamagedError):
        found = read_json(kept, _KeptPack)
        if found.made_of == made_of:
            return found.pack, found.warnings
    pack, warnings = pack_of_folder(folder, encoder, notify)
    with contextlib.suppress(OSError):  # the folder is read at every start
        write_whole(kept, msgspec.json.encode(_KeptPack(made_of, pack, warnings)))
    return pack, warnings


def _hash_of(folder: Path) -> str:
    """Hash the documents of a folder, their paths, and the code that makes a pack of them."""
    digest = hashlib.sha256(code_hash().encode())
    for path in skill_paths(folder):
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            digest.update(f"{path}:{len(content)}:".encode() + content)
    return digest.hexdigest()


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
