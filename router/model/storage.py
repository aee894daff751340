"""A fitted value on disk: JSON for what it says, npz for its arrays. No pickle, and hashed."""

import hashlib
import io
import zipfile
import zlib
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from router.files import DamagedError, read_json, write_whole

_T = TypeVar("_T")

VALUE, ARRAYS, HASHES = "value.json", "arrays.npz", "hashes.json"

_OTHER_CONTENT: tuple[type[Exception], ...] = (
    *(ValueError, LookupError, TypeError, OSError, EOFError, RecursionError, NotImplementedError),
    *(msgspec.MsgspecError, zipfile.BadZipFile, zlib.error),
)
"""What numpy and msgspec raise where a file with a right hash holds something else."""


def save(value: Any, folder: Path) -> None:  # noqa: ANN401 - any dataclass
    """Write a dataclass of arrays, numbers, text and the like into a folder."""
    arrays: list[np.ndarray] = []

    def keep(item: Any) -> Any:  # noqa: ANN401
        if not isinstance(item, np.ndarray):
            raise NotImplementedError
        arrays.append(item)
        return len(arrays) - 1

    content = msgspec.json.encode(value, enc_hook=keep)
    buffer = io.BytesIO()
    np.savez(buffer, *arrays)
    parts = {VALUE: content, ARRAYS: buffer.getvalue()}
    for name, part in parts.items():
        write_whole(folder / name, part)
    hashes = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
    write_whole(folder / HASHES, msgspec.json.encode(hashes))  # last: its presence says whole


def load(kind: type[_T], folder: Path) -> _T:
    """Read what `save` wrote, the same to the last bit.

    :raises DamagedError: A file is missing, or is not what was written.
    """
    hashes = read_json(folder / HASHES, dict[str, str])
    try:
        parts = {name: (folder / name).read_bytes() for name in (VALUE, ARRAYS)}
    except OSError as error:
        raise DamagedError(f"{folder}: not a stored value: {error}") from error
    for name, part in parts.items():
        if hashlib.sha256(part).hexdigest() != hashes.get(name):
            raise DamagedError(f"{folder / name}: its hash is not the one in {HASHES}; fit again")
    try:
        arrays = _read_arrays(parts[ARRAYS])

        def give(_: type, place: Any) -> Any:  # noqa: ANN401
            return arrays[place]

        return msgspec.json.decode(parts[VALUE], type=kind, dec_hook=give)
    except _OTHER_CONTENT as error:
        raise DamagedError(f"{folder}: written by another version: {error}") from error


def _read_arrays(content: bytes) -> list[np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return [stored[f"arr_{i}"] for i in range(len(stored.files))]
