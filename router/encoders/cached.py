"""An encoder that looks texts up in a vector store and embeds only what is missing there."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np

from router.arrays import TokenVectors, Vectors
from router.encoders.encoder import Encoder, encode_with_tokens
from router.encoders.paired import PairedEncoder
from router.encoders.vector_store import VectorStore, row_bytes
from router.paths import cache_folder

LOG_VECTORS = "logs"
"""Folder for the vectors of logs, below the cache folder."""

_RECENT_BYTES = 16 << 20
"""What the vectors of texts that came lately take at most; then all are dropped."""


class RowStore(Protocol):
    """Keeps rows of bytes by encoder and text: on disk (`VectorStore`) or in memory."""

    def get(self, key: str, texts: Sequence[str]) -> list[bytes | None]:
        """Look up the row of each text; None where there is none."""
        ...

    def put(self, key: str, texts: Sequence[str], rows: Iterable[bytes]) -> None:
        """Store a row for each text."""
        ...


class RecentRows:
    """Rows of texts that came lately, in memory. It is pickled without them."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], bytes] = {}
        self._bytes = 0

    def __reduce__(self) -> tuple[type["RecentRows"], tuple[()]]:
        return type(self), ()

    def get(self, key: str, texts: Sequence[str]) -> list[bytes | None]:
        """Look up the row of each text; None where there is none."""
        return [self._rows.get((key, text)) for text in texts]

    def put(self, key: str, texts: Sequence[str], rows: Iterable[bytes]) -> None:
        """Store a row for each text; if there is no room, all others are dropped."""
        new = {(key, text): row for text, row in zip(texts, rows, strict=True)}
        size = sum(4 * len(text) + len(row) for (_, text), row in new.items())
        if self._bytes + size > _RECENT_BYTES:
            self._rows, self._bytes = {}, 0
        if size <= _RECENT_BYTES:
            self._rows.update(new)
            self._bytes += size


class CachedEncoder:
    """An encoder that embeds only the texts that its store does not hold.

    :param max_bytes: Store no more once the rows that this encoder has read and written take so
        many bytes. Without a limit the store deletes its oldest rows to make room: the end of a log
        that is too long would push out its beginning, and the next run would find nothing.
    :param tokens: Store the vectors of tokens as well, which take ten times as much.
    """

    def __init__(
        self,
        encoder: Encoder,
        store: RowStore,
        max_bytes: int | None = None,
        *,
        tokens: bool = False,
    ) -> None:
        self.encoder = encoder
        self.store = store
        self.max_bytes = max_bytes
        self.tokens = tokens
        self._used_bytes = 0

    @property
    def key(self) -> str:
        """The key of the encoder within: the vectors are the same."""
        return self.encoder.key

    @property
    def width(self) -> int:
        """Length of a vector."""
        return self.encoder.width

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch; new texts are embedded and stored."""
        return self._vectors(
            self.key,
            texts,
            self.width,
            lambda missing: self.encoder.encode([texts[index] for index in missing]),
        )

    def get_or_compute(
        self, kind: str, texts: Sequence[str], width: int, compute: Callable[[list[int]], Vectors]
    ) -> Vectors:
        """Give a row of numbers for each text; new rows are computed and stored.

        :param kind: Names what is computed, and with which settings.
        :param compute: Takes indices into `texts` and gives their rows. Shape: (n_indices, width).
        """
        return self._vectors(f"{self.key}:{kind}", texts, width, compute)

    def get_or_make(
        self, kind: str, texts: Sequence[str], make: Callable[[list[int]], Sequence[bytes]]
    ) -> list[bytes]:
        """Give some bytes for each text; what is missing is made and stored.

        :param kind: Names what is made, and with which settings.
        :param make: Takes indices into `texts` and gives the bytes of each.
        """
        key = f"{self.key}:{kind}"
        return self._complete(key, texts, self.store.get(key, texts), make)

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[TokenVectors] | None]:
        """Encode a batch with the vectors of its tokens, see `router.encoders.encoder`."""
        if encode_with_tokens(self.encoder, [])[1] is None:  # this encoder gives no tokens
            return self.encode(texts), None
        if not self.tokens:
            vectors, found = encode_with_tokens(self.encoder, texts)
            self._store(self.key, texts, [row.tobytes() for row in vectors])
            return vectors, found

        def compute(missing: list[int]) -> list[bytes]:
            vectors, tokens = encode_with_tokens(self.encoder, [texts[index] for index in missing])
            return [_pack(*pair) for pair in zip(vectors, tokens or (), strict=True)]

        pairs = [_unpack(row, self.width) for row in self.get_or_make("tokens", texts, compute)]
        vectors = np.array([vector for vector, _ in pairs], dtype=np.float32)
        return vectors.reshape(-1, self.width), [tokens for _, tokens in pairs]

    def _vectors(
        self, key: str, texts: Sequence[str], width: int, compute: Callable[[list[int]], Vectors]
    ) -> Vectors:
        n_bytes = 4 * width
        stored = [
            row if row is not None and len(row) == n_bytes else None
            for row in self.store.get(key, texts)
        ]
        rows = self._complete(
            key,
            texts,
            stored,
            lambda missing: [np.asarray(row, np.float32).tobytes() for row in compute(missing)],
        )
        return np.frombuffer(bytearray().join(rows), np.float32).reshape(len(texts), width)

    def _complete(
        self,
        key: str,
        texts: Sequence[str],
        rows: Sequence[bytes | None],
        compute: Callable[[list[int]], Sequence[bytes]],
    ) -> list[bytes]:
        """Compute and store the rows that are missing, and give all of them."""
        sizes = Counter(len(row) for row in rows if row is not None)
        self._used_bytes += sum(row_bytes(size) * count for size, count in sizes.items())
        missing = [index for index, row in enumerate(rows) if row is None]
        computed = dict(zip(missing, compute(missing), strict=True)) if missing else {}
        self._store(key, [texts[index] for index in missing], computed.values())
        return [computed[index] if row is None else row for index, row in enumerate(rows)]

    def _store(self, key: str, texts: Sequence[str], rows: Iterable[bytes]) -> None:
        """Store rows up to `max_bytes`."""
        kept = []
        for row in rows:
            self._used_bytes += row_bytes(len(row))
            if self.max_bytes is not None and self._used_bytes > self.max_bytes:
                break
            kept.append(row)
        self.store.put(key, texts[: len(kept)], kept)


def with_exemplar_cache(encoder: Encoder) -> CachedEncoder | PairedEncoder:
    """Keep the vectors of exemplars in the cache folder; of two encoders, those of both."""
    if isinstance(encoder, PairedEncoder):
        return PairedEncoder(
            with_exemplar_cache(encoder.first), with_exemplar_cache(encoder.second)
        )
    return CachedEncoder(encoder, VectorStore(cache_folder() / "exemplars"))


def with_log_cache(encoder: Encoder) -> CachedEncoder | PairedEncoder:
    """Keep the vectors of a log in the cache folder, for when it is evaluated again."""
    if isinstance(encoder, PairedEncoder):
        return PairedEncoder(with_log_cache(encoder.first), with_log_cache(encoder.second))
    if isinstance(encoder, CachedEncoder):
        return encoder
    store = VectorStore(cache_folder() / LOG_VECTORS)
    return CachedEncoder(encoder, store, max_bytes=store.max_bytes, tokens=True)


def with_recent_vectors(encoder: Encoder) -> CachedEncoder | PairedEncoder:
    """Keep the vectors of texts that came lately in memory: turns of a chat come again and again.

    An encoder that keeps vectors already is given as it is.
    """
    if isinstance(encoder, PairedEncoder):
        return PairedEncoder(
            with_recent_vectors(encoder.first), with_recent_vectors(encoder.second)
        )
    if isinstance(encoder, CachedEncoder):
        return encoder
    return CachedEncoder(encoder, RecentRows(), tokens=True)


def _pack(vector: Vectors, tokens: TokenVectors) -> bytes:
    """Put the width of the tokens, the vector of the text and those of its tokens into one row."""
    return np.uint32(tokens.shape[1]).tobytes() + vector.tobytes() + tokens.tobytes()


def _unpack(row: bytes, width: int) -> tuple[Vectors, TokenVectors]:
    token_width = int(np.frombuffer(row, np.uint32, 1)[0])
    vector = np.frombuffer(row, np.float32, width, offset=4)
    tokens = np.frombuffer(row, np.float16, offset=4 + 4 * width)
    return vector, tokens.reshape(-1, token_width)
