"""A database of vectors on disk, keyed by encoder and text, so that no text is embedded twice."""

import logging
import os
import sqlite3
import time
import zlib
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path

from router.threads import ProcessLock

log = logging.getLogger(__name__)

_GIB = 1 << 30
_LOOK_UP = 500  # texts that one statement looks up
_PATIENCE = 30.0  # seconds to wait for other processes
_PAGE = 8192  # bytes; a page holds 5 vectors of 384 floats, one of 4096 bytes only 2

_UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What SQLite raises for a damaged file; its message may quote bytes that are no UTF-8."""


class VectorStore:
    """Rows of bytes in one SQLite file, safe under threads and processes.

    When the file is full, the oldest rows are deleted. Each row has a checksum, so that a damaged
    row counts as absent. A file that SQLite can't read is replaced by a new one. Where no file can
    be written, nothing is kept. Both are logged.
    """

    def __init__(self, folder: str | Path, max_bytes: int = 2 * _GIB) -> None:
        if max_bytes <= 0:
            raise ValueError(f"max_bytes is at least 1, was: {max_bytes}")
        self.path = Path(folder) / "vectors-2.sqlite"
        self.max_bytes = max_bytes
        self._lock = ProcessLock()
        self._connection: sqlite3.Connection | None = None
        self._process = os.getpid()
        self._off = False

    def __reduce__(self) -> tuple[type["VectorStore"], tuple[Path, int]]:
        """Be pickled without the connection."""
        return type(self), (self.path.parent, self.max_bytes)

    def get(self, key: str, texts: Sequence[str]) -> list[bytes | None]:
        """Look up the row of each text; None where there is none."""
        digests = _digests(key, texts)
        rows: dict[bytes, bytes] = {}
        with self._lock:
            try:
                for start in range(0, len(digests), _LOOK_UP):
                    rows |= self._look_up(digests[start : start + _LOOK_UP])
            except _UNREADABLE as error:
                self._give_up_or_rebuild(error)
        return [rows.get(digest) for digest in digests]

    def put(self, key: str, texts: Sequence[str], rows: Iterable[bytes]) -> None:
        """Store a row for each text; the oldest rows are deleted to make room."""
        if not len(texts):
            return
        entries = (
            (digest, zlib.crc32(row, zlib.crc32(digest)), row)
            for digest, row in zip(_digests(key, texts), rows, strict=True)
        )
        with self._lock:
            try:
                connection = self._open()
                if connection is not None:
                    with connection:
                        connection.executemany(
                            "INSERT OR REPLACE INTO vectors VALUES (?,?,?)", entries
                        )
                    self._make_room(connection)
            except _UNREADABLE as error:
                self._give_up_or_rebuild(error)

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection | None:
        if self._process != os.getpid():
            # In a forked child, not even closing the parent's connection is safe: it is kept open.
            self._of_parent, self._connection = self._connection, None
            self._process = os.getpid()
        if self._connection is None and not self._off:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = _connect(self.path)
            except OSError as error:
                self._turn_off(error)
        return self._connection

    def _turn_off(self, error: Exception) -> None:
        log.warning("%s: no vectors are kept, the file can't be used: %s", self.path, error)
        self._off = True
        self._close()

    def _give_up_or_rebuild(self, error: Exception) -> None:
        """Replace a damaged file; never touch one that is merely locked, full or read-only."""
        self._close()
        if isinstance(error, sqlite3.OperationalError):
            self._turn_off(error)
            return
        log.warning("%s: the file is damaged (%s), starting a new one", self.path, error)
        try:
            for suffix in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        except OSError as failure:
            self._turn_off(failure)

    def _look_up(self, digests: list[bytes]) -> dict[bytes, bytes]:
        connection = self._open()
        if connection is None:
            return {}
        marks = ",".join("?" * len(digests))
        query = f"SELECT digest, checksum, vector FROM vectors WHERE digest IN ({marks})"
        return {
            digest: row
            for digest, checksum, row in connection.execute(query, digests)
            if isinstance(row, bytes) and zlib.crc32(row, zlib.crc32(digest)) == checksum
        }

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Delete the oldest tenth until the pages in use fit in `max_bytes`."""
        while _bytes_in_use(connection) > self.max_bytes:
            with connection:
                connection.execute(
                    "DELETE FROM vectors WHERE rowid IN (SELECT rowid FROM vectors ORDER BY rowid"
                    " LIMIT (SELECT count(*) / 10 + 1 FROM vectors))"
                )


def row_bytes(n_bytes: int) -> int:
    """Bound the bytes of the file that a row takes, with its index entry and unused page rest."""
    return n_bytes * 5 // 4 if n_bytes <= _PAGE // 5 else n_bytes + min(n_bytes, _PAGE) + 128


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_PATIENCE, check_same_thread=False)
    connection.execute(f"PRAGMA page_size = {_PAGE}")
    _use_write_ahead_log(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS vectors (digest BLOB UNIQUE, checksum INTEGER, vector BLOB)"
    )
    return connection


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Let processes read while another one writes.

    SQLite's own timeout does not apply while two processes switch the mode at the same time, so
    this waits itself.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


def _bytes_in_use(connection: sqlite3.Connection) -> int:
    size, pages, free = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count")
    )
    return int(size * (pages - free))


def _digests(key: str, texts: Sequence[str]) -> list[bytes]:
    prefix = key.encode() + b"\0"
    contents = (prefix + text.encode("utf-8", "surrogatepass") for text in texts)
    return [blake2b(content, digest_size=16).digest() for content in contents]
