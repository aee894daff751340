"""An unfinished run on disk: the decided lines of each chunk, as a part that is written whole.

A part begins with the hash of the rest, and is on the disk before the next chunk is written. A run
that is stopped at any time, even by a power failure, goes on behind its last whole part, and ends
in the same bytes as a run that never stopped.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from router.errors import LogError
from router.evaluation.decisions_file import DecisionsFormat
from router.evaluation.metrics import pretty_json
from router.evaluation.rows import DecidedLine
from router.evaluation.turn_figures import TurnNote
from router.files import explain_write_errors, sync, write_whole
from router.logs.formats import Rejected

_WORK, _DROPPED, _LOCK = ".unfinished", ".over", ".lock"
_SETTINGS = "run.json"
_HASH_BYTES = 32
_DIFFERENCES = {
    "format": "files of another version",
    "log_sha256": "another log",
    "versions": "another pack, encoder, calibration or release",
    "columns": "other columns",
    "form": "another format",
    "chunk_lines": "other chunks",
    "turns": "other turns",
}
"""The settings that must be the same for a run to go on, and how a message names a difference."""


class Part(Struct, frozen=True):
    """What a chunk gave.

    `share`, in [0, 1], is how much of the log has been read by its end. `turns` has a note for each
    decided line where turns of conversations are decided.
    """

    share: float
    decided: list[DecidedLine]
    rejected: list[Rejected]
    turns: list[TurnNote] = []


@dataclass(frozen=True)
class UnfinishedRun:
    """The parts of a run, in a hidden folder beside the results of earlier runs."""

    out: Path

    @property
    def work(self) -> Path:
        """The hidden folder."""
        return self.out / _WORK

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out of the folder until the end of the block.

        :raises LogError: Another process is writing here; the message has its number.
        """
        path = self.out / _LOCK
        with explain_write_errors(self.out):
            self.out.mkdir(parents=True, exist_ok=True)
            file = path.open("a+")
        with file:
            if not _try_lock(file.fileno()) or not _is_at(path, file.fileno()):
                file.seek(0)
                raise LogError(
                    f"{self.out}: another process is writing here, with the number"
                    f" {file.read().strip() or 'unknown'}; cure: wait for its end, or name another"
                    " folder with --out"
                )
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            try:
                yield
            finally:
                path.unlink(missing_ok=True)

    def start(self, settings: Mapping[str, Any]) -> None:
        """Begin a run, or make sure that the parts already here are of the same run.

        :raises LogError: The folder holds an unfinished run of something else.
        """
        path = self.work / _SETTINGS
        try:
            before = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        except (OSError, msgspec.DecodeError):  # nothing says what the parts are of
            before = dict(settings)
            for part in self.work.glob("*.part"):
                part.unlink()
        differences = [
            difference
            for name, difference in _DIFFERENCES.items()
            if settings.get(name) != before.get(name)
        ]
        if differences:
            raise LogError(
                f"{self.out}: an unfinished run is here, with {' and '.join(differences)};"
                " cure: the command as it was goes on with it, --restart drops it,"
                " another --out leaves it alone"
            )
        with explain_write_errors(self.out):
            write_whole(path, pretty_json(settings))

    def parts(self) -> Iterator[Part]:
        """Give the parts that are whole, in order."""
        number = 0
        while part := self.part(number):
            yield part
            number += 1

    def part(self, number: int) -> Part | None:
        """Read a part; None if it is not there, or is not what was written."""
        try:
            content = self._file(number).read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(content[_HASH_BYTES:]).digest() != content[:_HASH_BYTES]:
            return None
        return msgspec.msgpack.decode(content[_HASH_BYTES:], type=Part)

    def add(self, number: int, part: Part) -> None:
        """Write a part; nothing of it is left where there is no room."""
        content = msgspec.msgpack.encode(part)
        write_whole(self._file(number), hashlib.sha256(content).digest() + content)

    def assemble(self, decisions: DecisionsFormat, contents: Mapping[str, bytes]) -> None:
        """Join the parts, and give the files their names only when all of them are whole.

        :param decisions: The format of the decisions.
        :param contents: The contents of further files, by name.
        """
        encoder = msgspec.json.Encoder()
        names = (decisions.file_name, "rejected.jsonl", *contents)
        paths = {name: self.work / f"whole-{name}" for name in names}
        try:
            with paths[decisions.file_name].open("wb") as file:
                decisions.write((part.decided for part in self.parts()), file)
            with paths["rejected.jsonl"].open("wb") as file:
                for part in self.parts():
                    file.write(encoder.encode_lines(part.rejected))
            for name, content in contents.items():
                paths[name].write_bytes(content)
            for path in paths.values():
                sync(path)
            for name, path in paths.items():
                path.replace(self.out / name)
            sync(self.out)
        finally:
            for path in paths.values():
                path.unlink(missing_ok=True)

    def drop(self) -> None:
        """Drop the parts: first by renaming their folder, which happens at once."""
        dropped = self.out / _DROPPED
        shutil.rmtree(dropped, ignore_errors=True)  # left by a run that was killed in here
        if self.work.exists():
            self.work.rename(dropped)
            shutil.rmtree(dropped)

    def _file(self, number: int) -> Path:
        return self.work / f"{number:06}.part"


def _try_lock(descriptor: int) -> bool:
    """Lock an open file for this process alone; the lock ends with the process."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # others may read what is before
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file still has its name, which the process that ends removes."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
