"""Whether a run that a power cut stops goes on to the right end.

`evaluate` runs over a small log while a model of a disk watches: it knows what was synchronised,
file by file and folder by folder. At every synchronisation, renaming and removal the power is cut
in thought, several times: what was synchronised is there, and of the rest each name may be the old
or the new one, and each content may be there, empty, cut off or full of zeros. The run goes on from
each such folder and must end in the bytes of a run that never stopped.

    python benchmarks/power_cut.py [--cuts 3]
"""

import argparse
import json
import os
import random
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zlib import crc32

import numpy as np

from router import Router, evaluate
from router.encoders.callable import CallableEncoder
from router.text import words_of

ROUTES = {
    "order": ["where is my parcel", "has my order been sent", "when will the parcel arrive"],
    "return": ["send the shoes back", "return a jacket for a refund", "how do I return shoes"],
    "hours": ["when do you open on sunday", "opening hours of the store", "is the store open"],
}
LINES, CHUNK = 400, 40
FILES = ("decisions.jsonl", "rejected.jsonl", "metrics.json")
EVENTS = ("fsync", "replace", "rename", "unlink", "mkdir")


def vectors_of(texts: list[str]) -> np.ndarray:
    """Count words in 64 places."""
    vectors = np.zeros((len(texts), 64), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in words_of(text):
            vectors[row, crc32(word.encode()) % 64] += 1.0
    return vectors


class Disk:
    """What a folder would hold after a power cut.

    Files and folders are known by their inode, and kept open so that no inode is used twice.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.open_as: dict[int, int] = {}  # the descriptor of each inode
        self.contents: dict[int, bytes] = {}  # synchronised
        self.names: dict[int, dict[str, int]] = {}  # synchronised
        self.names[self._hold(root)] = {}

    def _hold(self, path: Path) -> int:
        inode = path.lstat().st_ino
        if inode not in self.open_as:
            self.open_as[inode] = os.open(path, os.O_RDONLY)
        return inode

    def _entries(self, inode: int) -> dict[str, int]:
        descriptor = self.open_as[inode]
        folder = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        return {name: self._hold(folder / name) for name in os.listdir(descriptor)}

    def _content(self, inode: int) -> bytes:
        descriptor = self.open_as[inode]
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)

    def synchronise(self, inode: int) -> None:
        """Keep what a file or a folder holds now."""
        if inode not in self.open_as:
            return  # outside of the folder
        if stat.S_ISDIR(os.fstat(self.open_as[inode]).st_mode):
            self.names[inode] = self._entries(inode)
        else:
            self.contents[inode] = self._content(inode)

    def look(self, inode: int | None = None) -> None:
        """Hold everything that is there now."""
        inode = self._hold(self.root) if inode is None else inode
        for child in self._entries(inode).values():
            if stat.S_ISDIR(os.fstat(self.open_as[child]).st_mode):
                self.look(child)

    def cut(self, target: Path, draw: random.Random, inode: int | None = None) -> None:
        """Write what a power cut might leave."""
        inode = self._hold(self.root) if inode is None else inode
        target.mkdir()
        now, kept = self._entries(inode), self.names.get(inode, {})
        for name in sorted({*now, *kept}):
            child = draw.choice((now.get(name), kept.get(name)))
            if child is None:
                continue
            if stat.S_ISDIR(os.fstat(self.open_as[child]).st_mode):
                self.cut(target / name, draw, child)
                continue
            content = self._content(child)
            if child in self.contents and draw.random() < 0.5:
                content = self.contents[child]
            elif self.contents.get(child) != content:
                part = content[: draw.randrange(len(content) + 1)]
                content = draw.choice((content, b"", part, bytes(len(content))))
            (target / name).write_bytes(content)

    def close(self) -> None:
        """Let go of all files."""
        for descriptor in self.open_as.values():
            os.close(descriptor)


@contextmanager
def watched(disk: Disk, before: Callable[[], None]) -> Iterator[None]:
    """Call something before each event of a disk, and tell the disk what is synchronised."""
    busy = False

    def watch(name: str) -> Any:  # noqa: ANN401 - a patch
        real = getattr(os, name)

        def event(*args: Any, **options: Any) -> Any:  # noqa: ANN401
            nonlocal busy
            if not busy:
                busy = True  # the files of a cut are no event
                disk.look()
                before()
                busy = False
            result = real(*args, **options)
            if name == "fsync":
                disk.synchronise(os.fstat(args[0]).st_ino)
            return result

        return patch.object(os, name, event)

    patches = [watch(name) for name in EVENTS]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()


def main() -> int:
    """Cut the power at every event, and go on from there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=3, help="cuts at each event")
    n_cuts, draw = parser.parse_args().cuts, random.Random(20_261_129)
    router = Router.from_exemplars(ROUTES, encoder=CallableEncoder(vectors_of, key="words-64"))
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = [text for lines in ROUTES.values() for text in lines]
        log = folder / "log.jsonl"
        rows = [
            {"text": f"{draw.choice(texts)} {i}"} if i % 50 else {"no": i} for i in range(LINES)
        ]
        log.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

        def run(out: Path) -> dict[str, bytes]:
            evaluate(router, log, out, chunk_lines=CHUNK, cache=False)
            return {file: (out / file).read_bytes() for file in FILES}

        right, states = run(folder / "whole"), folder / "states"
        states.mkdir()
        out = folder / "out"
        out.mkdir()
        disk = Disk(out)

        def cut() -> None:
            for _ in range(n_cuts):
                disk.cut(states / str(sum(1 for _ in states.iterdir())), draw)

        with watched(disk, cut):
            run(out)
        disk.close()
        for state in sorted(states.iterdir(), key=lambda path: int(path.name)):
            outcomes["the right end" if run(state) == right else "ANOTHER END"] += 1
    print(f"{outcomes.total()} power cuts: {dict(outcomes)}")
    return int(outcomes["ANOTHER END"] > 0)


if __name__ == "__main__":
    sys.exit(main())
