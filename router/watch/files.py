"""The files of a pack that is being edited: when they change, and what they hold."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from router.errors import PackError
from router.packs.document import documents_to_read
from router.packs.exemplar_file import read_exemplars
from router.packs.pack_file import PACK_FILE, SHARED_FILE, check_pack
from router.watch.changes import DecideQueries, FilesRead, WatchEvent, WatchState, next_event

FileStamps: TypeAlias = frozenset[tuple[str, int, int]]
"""Name, size and modification time of each file: cheap to take, and different after a save."""


def watch_pack(
    folder: Path, queries: Path, decide: DecideQueries, *, interval_s: float = 0.3
) -> Iterator[WatchEvent]:
    """Look at the files again and again, without end, and give each change.

    Changed files are read once two looks in a row agree, because an editor may still be writing.
    """
    state: WatchState | None = None
    read: FileStamps | None = None
    previous: FileStamps | None = None
    documents: list[Path] = []
    while True:
        stamps = file_stamps(folder, queries, documents)
        settled = read is None or stamps == previous
        previous = stamps
        if settled and stamps != read:
            read = stamps
            files = read_files(folder, queries)
            if files.pack is not None:
                documents = [path for _, path in documents_to_read(folder, files.pack.file.skills)]
            state, event = next_event(state, files, decide)
            if event is not None:
                yield event
        time.sleep(interval_s)


def file_stamps(folder: Path, queries: Path, documents: Iterable[Path] = ()) -> FileStamps:
    """Stamp the pack's files, its documents and the file of queries, without reading them."""
    exemplars = folder / "exemplars"
    files = (folder / PACK_FILE, queries, exemplars / SHARED_FILE, *exemplars.rglob("*.txt"))
    stamps = []
    for path in (*files, *documents):
        try:
            stat = path.stat()
        except FileNotFoundError:  # some editors delete a file before they write it again
            continue
        stamps.append((str(path), stat.st_size, stat.st_mtime_ns))
    return frozenset(stamps)


def read_files(folder: Path, queries: Path) -> FilesRead:
    """Read the pack and the queries; faults are returned, not raised."""
    if not queries.exists():
        fault = f"{queries}: no such file; it holds one query a line, and comments begin with #"
        return FilesRead(None, (fault,), ())
    try:
        lines = read_exemplars(queries)
    except PackError as error:
        return FilesRead(None, (str(error),), ())
    try:
        pack, faults = check_pack(folder)
    except OSError as error:  # a file was deleted while the pack was read
        return FilesRead(None, (str(error),), lines)
    return FilesRead(pack, tuple(map(str, faults)), lines)
