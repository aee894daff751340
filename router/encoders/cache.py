"""Vectors on disk, keyed by encoder and text: what was embedded once is not embedded again."""

import logging
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from router.arrays import Bools, Vectors
from router.paths import cache_folder

if TYPE_CHECKING:
    from router.arrays import TokenVectors
    from router.encoders.encoder import Encoder

log = logging.getLogger(__name__)

GIB = 1 << 30
CHUNK = 500  # texts looked up in one statement
PATIENCE = 30.0  # seconds to wait for others
PAGE = 8192  # bytes; 5 vectors of 384 floats a page, 2 in 4096
LOGS = "logs"
"""Folder, below the cache folder, of the vectors of logs."""


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
        nothing = bytes(4 * width)
        rows = [
            row if row is not None and len(row) == len(nothing) else nothing
            for row in self.get_rows(key, texts)
        ]
        vectors = np.frombuffer(bytearray(b"".join(rows)), dtype=np.float32)
        found = np.array([row is not nothing for row in rows], dtype=np.bool_)
        return vectors.reshape(len(texts), width), found

    def put(self, key: str, texts: Sequence[str], vectors: Vectors) -> None:
        """Keep a batch; the oldest vectors make room for it."""
        self.put_rows(key, texts, _bytes_of(vectors))

    def get_rows(self, key: str, texts: Sequence[str]) -> list[bytes | None]:
        """Look up what was kept of each text; None where that is nothing."""
        digests = _digests(key, texts)
        known: dict[bytes, bytes] = {}
        with self._lock:
            try:
                for start in range(0, len(digests), CHUNK):
                    known |= self._get_chunk(digests[start : start + CHUNK])
            except sqlite3.DatabaseError as error:
                self._give_up_or_rebuild(error)
        return [known.get(digest) for digest in digests]

    def put_rows(self, key: str, texts: Sequence[str], kept: Iterable[bytes]) -> None:
        """Keep some bytes of each text; the oldest rows make room for them."""
        if not len(texts):
            return
        rows = (
            (digest, zlib.crc32(row, zlib.crc32(digest)), row)
            for digest, row in zip(_digests(key, texts), kept, strict=True)
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

    def _get_chunk(self, digests: list[bytes]) -> dict[bytes, bytes]:
        connection = self._open()
        if connection is None:
            return {}
        marks = ",".join("?" * len(digests))
        query = f"SELECT digest, checksum, vector FROM vectors WHERE digest IN ({marks})"
        return {
            digest: row
            for digest, checksum, row in connection.execute(query, digests)
            if zlib.crc32(row, zlib.crc32(digest)) == checksum
        }

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Drop the oldest tenth until the pages in use fit in `max_bytes`."""
        while _bytes_in_use(connection) > self.max_bytes:
            with connection:
                connection.execute(
                    "DELETE FROM vectors WHERE rowid IN (SELECT rowid FROM vectors ORDER BY rowid"
                    " LIMIT (SELECT count(*) / 10 + 1 FROM vectors))"
                )


def taken_by(n_bytes: int) -> int:
    """Bytes of the file that a row takes at most: its place in the index, and a page's rest."""
    return n_bytes * 5 // 4 if n_bytes <= PAGE // 5 else n_bytes + min(n_bytes, PAGE) + 128


class CachedEncoder:
    """An encoder that embeds only what its cache does not hold.

    :param most: After so many bytes no more is kept: of a log that is too long its beginning
        stays, and does not make room for its end. All is kept if None.
    :param tokens: Keep the tokens' vectors too, ten times as much, where they are asked for.
    """

    def __init__(
        self,
        encoder: "Encoder",
        cache: VectorCache,
        most: int | None = None,
        *,
        tokens: bool = False,
    ) -> None:
        self.encoder = encoder
        self.cache = cache
        self.most = most
        self.tokens = tokens
        self._taken = 0

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
        self._taken += (len(texts) - len(missing)) * taken_by(4 * self.width)
        if missing:
            new = [texts[place] for place in missing]
            vectors[missing] = made = self.encoder.encode(new)
            self._keep(self.key, new, _bytes_of(made))
        return vectors

    def _keep(self, key: str, texts: Sequence[str], rows: Iterable[bytes]) -> None:
        """Keep rows until as many bytes as may be are taken."""
        kept = []
        for row in rows:
            self._taken += taken_by(len(row))
            if self.most is not None and self._taken > self.most:
                break
            kept.append(row)
        self.cache.put_rows(key, texts[: len(kept)], kept)

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
        """Encode a batch with its tokens' vectors, as `encode` does where these are kept."""
        from router.encoders.encoder import encode_with_tokens

        if not hasattr(self.encoder, "encode_with_tokens"):
            return self.encode(texts), None
        if not self.tokens:
            return encode_with_tokens(self.encoder, texts)
        key = f"{self.key}:tokens"
        rows = self.cache.get_rows(key, texts)
        self._taken += sum(taken_by(len(row)) for row in rows if row is not None)
        missing = [place for place, row in enumerate(rows) if row is None]
        if missing:
            new = [texts[place] for place in missing]
            vectors, tokens = encode_with_tokens(self.encoder, new)
            if tokens is None:  # of any text, so none is known
                return vectors, None
            made = [_packed(*pair) for pair in zip(vectors, tokens, strict=True)]
            self._keep(key, new, made)
            for place, row in zip(missing, made, strict=True):
                rows[place] = row
        pairs = [_unpacked(row, self.width) for row in rows if row is not None]
        whole = np.array([vector for vector, _ in pairs], dtype=np.float32)
        return whole.reshape(-1, self.width), [part for _, part in pairs]


def _packed(vector: Vectors, tokens: "TokenVectors") -> bytes:
    """Put a text's vector and its tokens' into one row of bytes, the tokens' width before them."""
    return np.uint32(tokens.shape[1]).tobytes() + vector.tobytes() + tokens.tobytes()


def _unpacked(row: bytes, width: int) -> "tuple[Vectors, TokenVectors]":
    each = int(np.frombuffer(row, np.uint32, 1)[0])
    vector = np.frombuffer(row, np.float32, width, offset=4)
    tokens = np.frombuffer(row, np.float16, offset=4 + 4 * width)
    return vector, tokens.reshape(-1, each)


def remembering_exemplars(encoder: "Encoder") -> CachedEncoder:
    """Keep the vectors of exemplars in the cache folder, so that no text is embedded twice."""
    return CachedEncoder(encoder, VectorCache(cache_folder() / "exemplars"))


def remembering_log(encoder: "Encoder") -> CachedEncoder:
    """Keep the vectors of a log in the cache folder, for when it is evaluated again."""
    if isinstance(encoder, CachedEncoder):
        return encoder
    cache = VectorCache(cache_folder() / LOGS)
    return CachedEncoder(encoder, cache, most=cache.max_bytes, tokens=True)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=PATIENCE, check_same_thread=False)
    connection.execute(f"PRAGMA page_size = {PAGE}")
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
