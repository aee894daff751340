"""An unfinished run on disk: the decisions and a checkpoint of each chunk, written whole.

A chunk is done once its checkpoint exists, which is written last. A run that is killed at any time
goes on behind its last checkpoint, and ends in the same bytes as a run that never stopped.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from router.errors import LogError
from router.evaluation.decision_memo import NewDecisions
from router.evaluation.decisions_file import DecisionsFormat
from router.evaluation.metrics import pretty_json
from router.evaluation.totals import RunTotals
from router.files import explain_write_errors, write_whole
from router.logs.formats import Rejected

_WORK, _DROPPED = ".unfinished", ".over"
_SETTINGS = "run.json"
_DIFFERENCES = {
    "format": "another form of its files",
    "log_sha256": "another log",
    "versions": "another pack, encoder, calibration or release",
    "columns": "other columns",
    "form": "another format",
    "chunk_lines": "other chunks",
}
"""The settings that must be the same for a run to go on, and how a message names a difference."""


class Checkpoint(Struct, frozen=True):
    """The state after a chunk. `share`, in [0, 1], is how much of the log has been read."""

    share: float
    totals: RunTotals
    rejected: list[Rejected]
    new: NewDecisions


@dataclass(frozen=True)
class UnfinishedRun:
    """The chunks of a run, in a hidden folder beside the results of earlier runs."""

    out: Path
    format: DecisionsFormat

    @property
    def work(self) -> Path:
        """The hidden folder."""
        return self.out / _WORK

    def start(self, settings: Mapping[str, Any]) -> None:
        """Begin a run, or make sure that the chunks already here are of the same run.

        :raises LogError: The folder holds an unfinished run of something else.
        """
        path = self.work / _SETTINGS
        before = msgspec.json.decode(path.read_bytes()) if path.is_file() else settings
        differences = [
            difference
            for name, difference in _DIFFERENCES.items()
            if settings[name] != before.get(name)
        ]
        if differences:
            raise LogError(
                f"{self.out}: an unfinished run is here, with {' and '.join(differences)};"
                " cure: the command as it was goes on with it, --restart drops it,"
                " another --out leaves it alone"
            )
        with explain_write_errors(self.out):
            write_whole(path, pretty_json(settings))

    def checkpoints(self) -> Iterator[Checkpoint]:
        """Give the checkpoints of the chunks that are done, in order."""
        number = 0
        while self._file(number, "checkpoint").is_file():
            yield self.checkpoint(number)
            number += 1

    def checkpoint(self, number: int) -> Checkpoint:
        """Read the checkpoint of a chunk."""
        content = self._file(number, "checkpoint").read_bytes()
        return msgspec.msgpack.decode(content, type=Checkpoint)

    def add(self, number: int, decisions: bytes, checkpoint: Checkpoint) -> None:
        """Write a chunk, its checkpoint last; nothing of it is left where there is no room."""
        contents = {"decisions": decisions, "checkpoint": msgspec.msgpack.encode(checkpoint)}
        try:
            for kind, content in contents.items():
                write_whole(self._file(number, kind), content, sync=False)
        except OSError:
            for kind in contents:
                self._file(number, kind).unlink(missing_ok=True)
            raise

    def assemble(self, count: int, contents: Mapping[str, bytes]) -> None:
        """Join the chunks, and give the files their names only when all of them are whole.

        :param count: The number of chunks.
        :param contents: The contents of further files, by name.
        """
        decisions = (self._file(number, "decisions").read_bytes() for number in range(count))
        encoder = msgspec.json.Encoder()
        names = (self.format.file_name, "rejected.jsonl", *contents)
        paths = {name: self.work / f"whole-{name}" for name in names}
        try:
            with paths[self.format.file_name].open("wb") as file:
                self.format.join(decisions, file)
            with paths["rejected.jsonl"].open("wb") as file:
                for done in self.checkpoints():
                    file.write(encoder.encode_lines(done.rejected))
            for name, content in contents.items():
                paths[name].write_bytes(content)
            for name, path in paths.items():
                path.replace(self.out / name)
        finally:
            for path in paths.values():
                path.unlink(missing_ok=True)

    def drop(self) -> None:
        """Drop the chunks: first by renaming their folder, which happens at once."""
        dropped = self.out / _DROPPED
        shutil.rmtree(dropped, ignore_errors=True)  # left by a run that was killed in here
        if self.work.exists():
            self.work.rename(dropped)
            shutil.rmtree(dropped)

    def _file(self, number: int, kind: str) -> Path:
        return self.work / f"{number:06}.{kind}"
