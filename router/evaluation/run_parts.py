"""A run on disk while it goes on: one part a chunk, written whole, and then all of them as one.

A chunk counts as done once its checkpoint is there, which is written last. Killed at any time, a
run goes on behind the last checkpoint, and ends in the same bytes as one that never stopped.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct

from router.decisions.outcome import Action
from router.errors import LogError
from router.evaluation.decided import Fresh
from router.evaluation.run_rows import Form
from router.evaluation.tally import Tally
from router.files import explain_write_errors, write_whole
from router.logs.formats import Rejected
from router.logs.labels import Gold

WORK, OVER = ".unfinished", ".over"
STARTED, REJECTED = "run.json", "rejected.jsonl"
DIFFERS = {
    "format": "another form of its files",
    "log_sha256": "another log",
    "versions": "another pack, encoder, calibration or release",
    "columns": "other columns",
    "form": "another format",
    "chunk_lines": "other chunks",
}
"""Settings that must be the same for a run to go on, and how a person is told."""


class Query(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line worth showing: the start of its text and what was decided."""

    line: int
    text: str
    action: Action
    skills: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    question: str | None = None
    confidence: float
    gold: Gold | None = None
    count: int = 1


class Checkpoint(Struct, frozen=True):
    """What one chunk came to.

    `remembered` counts the texts remembered by its end, of the whole run so far.
    """

    read: int
    decided: int
    rejected: int
    remembered: int
    share: float
    tally: Tally
    least_certain: list[Query]
    mistakes: list[Query]


@dataclass(frozen=True)
class Parts:
    """The parts of a run in a folder of their own, beside what earlier runs left."""

    out: Path
    form: Form

    @property
    def work(self) -> Path:
        """Where the parts are until the run is over."""
        return self.out / WORK

    def start(self, settings: dict[str, Any]) -> None:
        """Begin a run, or make sure that what is done is of the same.

        :raises LogError: The folder holds an unfinished run of something else.
        """
        content = pretty(settings)
        kept = self.work / STARTED
        before = msgspec.json.decode(kept.read_bytes()) if kept.is_file() else settings
        other = [DIFFERS[name] for name in DIFFERS if settings[name] != before.get(name)]
        if other:
            raise LogError(
                f"{self.out}: an unfinished run is here, with {' and '.join(other)};"
                " cure: the command as it was goes on with it, --restart drops it,"
                " another --out leaves it alone"
            )
        with explain_write_errors(self.out):
            write_whole(kept, content)

    def checkpoints(self) -> Iterator[Checkpoint]:
        """Give what is done, chunk by chunk."""
        number = 0
        while (path := self._file(number, "json")).is_file():
            yield msgspec.json.decode(path.read_bytes(), type=Checkpoint)
            number += 1

    def add(
        self, number: int, rows: bytes, rejected: list[Rejected], fresh: Fresh, done: Checkpoint
    ) -> None:
        """Write one chunk, its checkpoint last; all of it, or nothing where there is no room."""
        contents = {
            "rows": rows,
            "rejected": msgspec.json.Encoder().encode_lines(rejected),
            "fresh": msgspec.msgpack.encode(fresh),
            "json": msgspec.json.encode(done),
        }
        try:
            for kind, content in contents.items():
                write_whole(self._file(number, kind), content, sync=False)
        except OSError:
            for kind in contents:
                self._file(number, kind).unlink(missing_ok=True)
            raise

    def fresh(self, number: int) -> Fresh:
        """What a chunk added to the texts remembered."""
        return msgspec.msgpack.decode(self._file(number, "fresh").read_bytes(), type=Fresh)

    def rejected(self, number: int) -> list[Rejected]:
        """The lines of a chunk that can't be read."""
        return msgspec.json.Decoder(Rejected).decode_lines(
            self._file(number, "rejected").read_bytes()
        )

    def assemble(self, count: int, others: dict[str, bytes]) -> None:
        """Join the parts, and give the files their names only when all of them are whole.

        :param others: Contents of further files, by name.
        """
        parts = {kind: self._contents(count, kind) for kind in ("rows", "rejected")}
        whole: dict[str, Path] = {}
        try:
            whole[self.form.name] = self._written(lambda file: self.form.join(parts["rows"], file))
            whole[REJECTED] = self._written(lambda file: file.writelines(parts["rejected"]))
            for name, content in others.items():
                whole[name] = self._written(partial(_write, content))
            for name, path in whole.items():
                path.replace(self.out / name)
        finally:
            for path in whole.values():
                path.unlink(missing_ok=True)

    def drop(self) -> None:
        """Drop the parts: at once by their folder's name, then one by one."""
        over = self.out / OVER
        shutil.rmtree(over, ignore_errors=True)  # of a run that was killed in here
        if self.work.exists():
            self.work.rename(over)
            shutil.rmtree(over)

    def _written(self, write: Callable[[BinaryIO], object]) -> Path:
        handle, temporary = tempfile.mkstemp(dir=self.work)
        path = Path(temporary)
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
            path.chmod(0o644)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def _contents(self, count: int, kind: str) -> Iterator[bytes]:
        return (self._file(number, kind).read_bytes() for number in range(count))

    def _file(self, number: int, kind: str) -> Path:
        return self.work / f"{number:06}.{kind}"


def _write(content: bytes, file: BinaryIO) -> None:
    file.write(content)


def pretty(value: object) -> bytes:
    """Write JSON that a person can read too."""
    return msgspec.json.format(msgspec.json.encode(value)) + b"\n"
