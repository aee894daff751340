"""A router in one folder: its pack, its fitted model and its calibration, hashed, and no pickle."""

import hashlib
from pathlib import Path

import msgspec
from msgspec import Struct

from router.calibration.calibration import Calibration
from router.encoders.encoder import Encoder
from router.errors import RouterError
from router.files import DamagedError, read_json, replacing, write_whole
from router.model import storage
from router.model.model import Model, model_hash
from router.packs.pack import Pack
from router.packs.pack_file import check_pack, save_pack

_NOTE, _PACK, _MODEL, _CALIBRATION = "router.json", "pack", "model", "calibration.json"
_FORMAT = 2
_REDO = "save it again: Router.load(PACK).save(FOLDER)"


class _Note(Struct, frozen=True, kw_only=True):
    """What lies beside it. The hashes are those of the values, not of the files' bytes."""

    format: int = _FORMAT
    encoder: str
    pack: str
    calibration: str | None


def is_saved_router(folder: Path) -> bool:
    """Tell whether a router was saved into this folder."""
    return (folder / _NOTE).is_file()


def saved_encoder_key(folder: Path) -> str:
    """Give the key of the encoder that a saved router was fitted with."""
    return _read_note(folder).encoder


def save_router(
    folder: Path, pack: Pack, encoder: Encoder, model: Model, calibration: Calibration | None
) -> None:
    """Write the parts of a router, or replace those of a router that was saved there before.

    :raises RouterError: The folder holds something else.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        try:
            read_json(folder / _NOTE, _Note)
        except DamagedError as error:
            raise RouterError(
                f"{folder}: a router is saved into a new folder, or over a router that was saved;"
                " this folder holds something else; cure: name a new folder"
            ) from error
    note = _Note(
        encoder=encoder.key,
        pack=_hash(pack),
        calibration=None if calibration is None else _hash(calibration),
    )
    with replacing(folder, (_PACK, _MODEL, _CALIBRATION, _NOTE)) as new:
        save_pack(pack, new / _PACK)
        storage.save(model, new / _MODEL)
        if calibration is not None:
            calibration.write(new / _CALIBRATION)
        write_whole(new / _NOTE, msgspec.json.format(msgspec.json.encode(note)))


def read_saved_router(
    folder: Path, encoder: Encoder
) -> tuple[Pack, Encoder, Model, Calibration | None]:
    """Read the parts of a router; nothing is embedded.

    :raises RouterError: A part is missing, was changed, or is not for this encoder.
    """
    note = _read_note(folder)
    if note.encoder != encoder.key:
        raise RouterError(
            f"{folder}: fitted with the encoder {note.encoder}, this is {encoder.key}; load it"
            " with that encoder (and second_look=..., if two are named), or fit the pack for this"
            " one: Router.load(PACK, encoder=...)"
        )
    # Documents are files beside the pack that it came from; a router decides without them.
    pack, faults = check_pack(folder / _PACK)
    faults = [fault for fault in faults if not fault.key.endswith(".document")]
    if pack is None or faults or _hash(pack) != note.pack:
        listed = "".join(f"\n{fault}" for fault in faults)
        raise RouterError(
            f"{folder / _PACK}: not the pack that was saved; load {folder / _PACK} itself to fit"
            f" what it says now, or {_REDO}{listed}"
        )
    model = storage.load(Model, folder / _MODEL)
    if (model.pack_hash, model.encoder_key) != (model_hash(pack), encoder.key):
        raise RouterError(
            f"{folder / _MODEL}: not fitted on this pack, or by another version; {_REDO}"
        )
    return pack, encoder, model, _read_calibration(folder, note, pack, encoder)


def _read_note(folder: Path) -> _Note:
    try:
        note = read_json(folder / _NOTE, _Note)
    except DamagedError as error:
        raise RouterError(f"{error}; it is no saved router; {_REDO}") from error
    if note.format != _FORMAT:
        raise RouterError(
            f"{folder / _NOTE}: format is {_FORMAT}, was: {note.format}, of another version; carry"
            f" it over by fitting its pack again: Router.load({str(folder / _PACK)!r}).save(FOLDER)"
        )
    return note


def _read_calibration(
    folder: Path, note: _Note, pack: Pack, encoder: Encoder
) -> Calibration | None:
    if note.calibration is None:
        return None
    calibration = Calibration.read(folder / _CALIBRATION)
    if _hash(calibration) != note.calibration:
        raise RouterError(f"{folder / _CALIBRATION}: not the calibration that was saved; {_REDO}")
    calibration.check(pack, encoder)
    return calibration


def _hash(value: Pack | Calibration) -> str:
    content = msgspec.json.encode(value, order="deterministic")
    return hashlib.sha256(content).hexdigest()
