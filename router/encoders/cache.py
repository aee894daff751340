"""Vectors on disk, keyed by encoder and text: what was embedded once is not embedded again."""

import logging
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from router.arrays import Bools, Vectors

if TYPE_CHECKING:
    from router.encoders.encoder import Encoder, TokenVectors

log = logging.getLogger(__name__)

GIB = 1 << 30
CHUNK = 500  # texts looked up in one statement
PATIENCE = 30.0  # seconds to wait for others
LOGS = "logs"
"""Folder, below the cache folder, of the vectors of logs."""


def cache_folder() -> Path:
    """Where models and vectors are kept: ROUTER_CACHE, or a folder of the user's cache."""
    if chosen := os.environ.get("ROUTER_CACHE"):
        return Path(chosen)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "router"
    return Path.home() / ".cache" / "router"


class VectorCache:
    """Vectors in one SQLite file, safe under threads and processes; the oldest leave first.

    A row holds a checksum, so that a damaged vector counts as absent. A file that SQLite can't
    read is started afresh, and where no file can be written, nothing is kept: both are logged.
    """

    def __init__(self, folder: str | Path, max_bytes: int = 2 * GIB) -> None:
        if max_bytes <= 0:
            raise ValueError(f"max_bytes is at least 1, was: {max_bytes}")
        self.path = Path(folder) / "vectors-1.sqlite"
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._off = False

    def get(self, key: str, texts: Sequence[str], width: int) -> tuple[Vectors, Bools]:
        """Look up a batch.

        :return: Vectors, shape (n_texts, width), and which of them were found, shape (n_texts,).
        """
        vectors = np.zeros((len(texts), width), dtype=np.float32)
        found = np.zeros(len(texts), dtype=np.bool_)
        digests = _digests(key, texts)
        with self._lock:
            try:
                for start in range(0, len(digests), CHUNK):
                    self._get_chunk(digests[start : start + CHUNK], start, vectors, found)
            except sqlite3.DatabaseError as error:
                self._give_up_or_rebuild(error)
        return vectors, found

    def put(self, key: str, texts: Sequence[str], vectors: Vectors) -> None:
        """Keep a batch; the oldest vectors make room for it."""
        if not len(texts):
            return
        rows = (
            (digest, zlib.crc32(row, zlib.crc32(digest)), row)
            for digest, row in zip(_digests(key, texts), _bytes_of(vectors), strict=True)
        )
        with self._lock:
            try:
                connection = self._open()
                if connection is not None:
                    with connection:
                        connection.executemany(
                            "INSERT OR REPLACE INTO vectors VALUES (?,?,?)", rows
                        )
                    self._make_room(connection)
            except sqlite3.DatabaseError as error:
                self._give_up_or_rebuild(error)

    def room(self, width: int) -> int:
        """Say how many vectors of this width there is room for, surely."""
        return self.max_bytes // (5 * width)  # 4 bytes a number, and what a row takes besides

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection | None:
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

    def _give_up_or_rebuild(self, error: sqlite3.DatabaseError) -> None:
        """Start a damaged file afresh; leave alone what is merely locked, full or read-only."""
        self._close()
        if isinstance(error, sqlite3.OperationalError):
            self._turn_off(error)
            return
        log.warning("%s: damaged (%s), started afresh", self.path, error)
        try:
            for name in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + name).unlink(missing_ok=True)
        except OSError as failure:
            self._turn_off(failure)

    def _get_chunk(self, digests: list[bytes], start: int, vectors: Vectors, found: Bools) -> None:
        connection = self._open()
        if connection is None:
            return
        marks = ",".join("?" * len(digests))
        query = f"SELECT digest, checksum, vector FROM vectors WHERE digest IN ({marks})"
        size = vectors.shape[1] * 4
        rows = {
            digest: row
            for digest, checksum, row in connection.execute(query, digests)
            if len(row) == size and zlib.crc32(row, zlib.crc32(digest)) == checksum
        }
        for place, digest in enumerate(digests, start):
            row = rows.get(digest)
            if row is not None:
                vectors[place] = np.frombuffer(row, dtype=np.float32)
                found[place] = True

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Drop the oldest tenth until the pages in use fit in `max_bytes`."""
        while _bytes_in_use(connection) > self.max_bytes:
            with connection:
                connection.execute(
                    "DELETE FROM vectors WHERE rowid IN (SELECT rowid FROM vectors ORDER BY rowid"
                    " LIMIT (SELECT count(*) / 10 + 1 FROM vectors))"
                )


class CachedEncoder:
    """An encoder that embeds only what its cache does not hold.

    :param most: After so many texts no more are kept: of a log that is too long its beginning
        stays, and does not make room for its end. All are kept if None.
    """

    def __init__(self, encoder: "Encoder", cache: VectorCache, most: int | None = None) -> None:
        self.encoder = encoder
        self.cache = cache
        self.most = most
        self._passed = 0

    @property
    def key(self) -> str:
        """The key of the encoder behind it: the vectors are the same."""
        return self.encoder.key

    @property
    def width(self) -> int:
        """The width of the encoder behind it."""
        return self.encoder.width

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch: from the cache, the rest with the encoder, which the cache then keeps."""
        vectors, found = self.cache.get(self.key, texts, self.width)
        missing = np.flatnonzero(~found).tolist()
        self._passed += len(texts) - len(missing)
        if missing:
            vectors[missing] = self.encoder.encode([texts[place] for place in missing])
            kept = missing if self.most is None else missing[: max(self.most - self._passed, 0)]
            self.cache.put(self.key, [texts[place] for place in kept], vectors[kept])
            self._passed += len(missing)
        return vectors

    def made_once(
        self, kind: str, texts: Sequence[str], width: int, make: Callable[[list[int]], Vectors]
    ) -> Vectors:
        """Give a row of numbers for each text: from the cache, the rest is made, and kept then.

        :param kind: What is made; with other settings, another kind.
        :param make: Takes places in `texts`, gives their rows. Shape: (n_places, width).
        """
        key = f"{self.key}:{kind}"
        rows, found = self.cache.get(key, texts, width)
        missing = np.flatnonzero(~found).tolist()
        if missing:
            rows[missing] = made = make(missing)
            self.cache.put(key, [texts[place] for place in missing], made)
        return rows

    def encode_with_tokens(
        self, texts: Sequence[str]
    ) -> "tuple[Vectors, list[TokenVectors] | None]":
        """Encode a batch with its tokens' vectors, of which none are kept."""
        from router.encoders.encoder import encode_with_tokens

        return encode_with_tokens(self.encoder, texts)


def remembering_exemplars(encoder: "Encoder") -> CachedEncoder:
    """Keep the vectors of exemplars in the cache folder, so that no text is embedded twice."""
    return CachedEncoder(encoder, VectorCache(cache_folder() / "exemplars"))


def remembering_log(encoder: "Encoder") -> CachedEncoder:
    """Keep the vectors of a log in the cache folder, for when it is evaluated again."""
    if isinstance(encoder, CachedEncoder):
        return encoder
    cache = VectorCache(cache_folder() / LOGS)
    return CachedEncoder(encoder, cache, most=cache.room(encoder.width))


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=PATIENCE, check_same_thread=False)
    connection.execute("PRAGMA page_size = 8192")  # 5 vectors of 384 floats a page, 2 in 4096
    _log_ahead(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS vectors (digest BLOB UNIQUE, checksum INTEGER, vector BLOB)"
    )
    return connection


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Let readers go on beside a writer; SQLite itself waits for nobody who does this just now."""
    end = time.monotonic() + PATIENCE
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
    start = blake2b(key.encode() + b"\0", digest_size=16)
    digests = []
    for text in texts:
        digest = start.copy()
        digest.update(text.encode("utf-8", "surrogatepass"))
        digests.append(digest.digest())
    return digests


def _bytes_of(vectors: Vectors) -> Iterator[bytes]:
    return (row.tobytes() for row in np.asarray(vectors, dtype=np.float32))
