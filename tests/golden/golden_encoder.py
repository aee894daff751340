"""A deterministic encoder in plain numpy: the same vectors on every machine, in no time.

Words and the three-character pieces of words are hashed to signed positions of a vector. The
counts are whole numbers, and a square root is rounded correctly everywhere, so that not even the
last bit depends on the machine.
"""

import functools
import re
import zlib
from collections.abc import Sequence

import numpy as np

WIDTH = 256
WORD_WEIGHT = 3
PIECE_WEIGHT = 1
_WORDS = re.compile(r"[^\W_]+")
_STOP_WORDS = frozenset(
    ("a", "an", "and", "at", "for", "from", "i", "in", "is", "it", "me", "my", "of", "on", "or")
    + ("our", "the", "to", "we", "with")
)


class GoldenEncoder:
    """Hashes words and pieces of words, as the `Encoder` protocol asks."""

    key = "golden-hash-256"
    width = WIDTH

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Encode a batch. Shape: (n_texts, width); unit rows, a zero row for an empty text."""
        counts = np.zeros((len(texts), WIDTH), dtype=np.int64)
        for row, text in enumerate(texts):
            for word in _words(text):
                _count(counts[row], word, 1 if word in _STOP_WORDS else WORD_WEIGHT)
        return _units(counts).astype(np.float32)

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Encode a batch, and give a unit row for every word of each text."""
        tokens = []
        for text in texts:
            words = _words(text)
            counts = np.zeros((len(words), WIDTH), dtype=np.int64)
            for row, word in enumerate(words):
                _count(counts[row], word, WORD_WEIGHT)
            tokens.append(_units(counts).astype(np.float16))
        return self.encode(texts), tokens


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.casefold())


def _count(counts: np.ndarray, word: str, weight: int) -> None:
    positions, signs, is_word = _pieces(word)
    np.add.at(counts, positions, signs * np.where(is_word, 2 * weight, PIECE_WEIGHT))


@functools.cache
def _pieces(word: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions and signs of a word and of its pieces, and which of these is the word."""
    framed = f"<{word}>"
    pieces = [word, *(framed[start : start + 3] for start in range(len(framed) - 2))]
    numbers = np.array([zlib.crc32(piece.encode()) for piece in pieces], dtype=np.int64)
    signs = np.where(numbers & 0x8000_0000, 1, -1)
    return numbers % WIDTH, signs, np.arange(len(pieces)) == 0


def _units(counts: np.ndarray) -> np.ndarray:
    lengths = np.sqrt((counts * counts).sum(axis=1, keepdims=True).astype(np.float64))
    return counts / np.where(lengths > 0.0, lengths, 1.0)
