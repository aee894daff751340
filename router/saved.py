"""A router in one folder: its pack, its fitted model and its calibration. Hashed; no pickle."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from router.calibration.calibration import Calibration
from router.encoders.encoder import Encoder
from router.errors import RouterError
from router.files import write_whole
from router.model import storage
from router.model.model import Model, model_hash
from router.packs.pack import Pack
from router.packs.pack_file import check_pack, save_pack

if TYPE_CHECKING:
    from router.router import Router

FILE, PACK, MODEL, CALIBRATION = "router.json", "pack", "model", "calibration.json"
FORMAT = 2
REDO = "save it again: Router.load(PACK).save(FOLDER)"


class Saved(Struct, frozen=True, kw_only=True):
    """What lies beside it. The hashes are of what was saved, not of the files' bytes."""

    format: int = FORMAT
    encoder: str
    pack: str
    calibration: str | None


def is_saved(folder: Path) -> bool:
    """Whether a router was saved into this folder."""
    return (folder / FILE).is_file()


def save_router(router: "Router", folder: Path) -> None:
    """Write a router's parts; the file that tells of them comes last: it says that all is whole."""
    (folder / FILE).unlink(missing_ok=True)
    save_pack(router.pack, folder / PACK)
    storage.save(router.model, folder / MODEL)
    fitted = router.calibration
    if fitted is not None:
        fitted.write(folder / CALIBRATION)
    saved = Saved(
        encoder=router.encoder.key,
        pack=_hash(router.pack),
        calibration=None if fitted is None else _hash(fitted),
    )
    write_whole(folder / FILE, msgspec.json.format(msgspec.json.encode(saved)))


def load_saved(folder: Path, encoder: Encoder) -> tuple[Pack, Encoder, Model, Calibration | None]:
    """Read a router's parts; nothing is embedded.

    :raises RouterError: A part is missing, was changed, or is not for this encoder.
    """
    try:
        saved = msgspec.json.decode((folder / FILE).read_bytes(), type=Saved)
    except msgspec.DecodeError as error:
        raise RouterError(f"{folder / FILE}: not a saved router: {error}; {REDO}") from error
    if saved.format != FORMAT:
        raise RouterError(f"{folder / FILE}: format is {FORMAT}, was: {saved.format}; {REDO}")
    if saved.encoder != encoder.key:
        raise RouterError(
            f"{folder}: fitted with the encoder {saved.encoder}, this is {encoder.key}; load it"
            " with that encoder, or fit the pack for this one: Router.load(PACK, encoder=...)"
        )
    # Documents are files beside the pack that it came from; a router decides without them.
    pack, faults = check_pack(folder / PACK)
    faults = [fault for fault in faults if not fault.key.endswith(".document")]
    if pack is None or faults or _hash(pack) != saved.pack:
        told = "".join(f"\n{fault}" for fault in faults)
        raise RouterError(
            f"{folder / PACK}: not the pack that was saved; load {folder / PACK} itself to fit what"
            f" it says now, or {REDO}{told}"
        )
    model = storage.load(Model, folder / MODEL)
    if (model.pack_hash, model.encoder_key) != (model_hash(pack), encoder.key):
        raise RouterError(
            f"{folder / MODEL}: not fitted on this pack, or by another version; {REDO}"
        )
    return pack, encoder, model, _calibration(folder, saved, pack, encoder)


def _calibration(folder: Path, saved: Saved, pack: Pack, encoder: Encoder) -> Calibration | None:
    if saved.calibration is None:
        return None
    calibration = Calibration.read(folder / CALIBRATION)
    if _hash(calibration) != saved.calibration:
        raise RouterError(f"{folder / CALIBRATION}: not the calibration that was saved; {REDO}")
    calibration.check(pack, encoder)
    return calibration


def _hash(value: Pack | Calibration) -> str:
    content = msgspec.json.encode(value, order="deterministic")
    return hashlib.sha256(content).hexdigest()
