"""The tokens of documents, kept in the cache: only a document that changed is encoded again."""

import hashlib
from collections.abc import Sequence

import numpy as np

from router.arrays import Floats, TokenVectors, Vectors
from router.encoders.cached import CachedEncoder
from router.encoders.encoder import Encoder, encode_with_tokens
from router.heads.late_interaction import MAX_TOKENS, first_tokens, mean_closeness

_TELLING = 16
"""Lines of a document whose tokens are kept beside those of the description: the first ones, which
state what it is for. With the lines of the whole document queries find nothing more."""

_KIND = f"tokens-{MAX_TOKENS}"
"""The kind of rows in the cache; other settings are another kind."""

_HALVES = 2
"""Numbers in half precision that fit into one in single precision."""


def telling_lines(description: str, lines: Sequence[str]) -> list[str]:
    """Give what a document says of itself first."""
    return [*filter(None, [description]), *lines[:_TELLING]]


def document_tokens(
    documents: Sequence[Sequence[str]], encoder: Encoder
) -> list[TokenVectors] | None:
    """Compute the first tokens of each document, which is given by its lines.

    A `CachedEncoder` keeps them, and the vectors of the lines as well: nothing is encoded twice.

    :return: None if the encoder gives no tokens.
    """
    _, tokens = encode_with_tokens(encoder, ["any text, for its width"])
    if tokens is None:
        return None
    width = tokens[0].shape[1]
    if not isinstance(encoder, CachedEncoder):
        return _compute(documents, encoder, width)

    def compute(indices: list[int]) -> Vectors:
        return _pack_rows(_compute([documents[index] for index in indices], encoder, width))

    texts = ["\n".join(lines) for lines in documents]
    row_width = MAX_TOKENS * width // _HALVES
    return _unpack_rows(encoder.get_or_compute(_KIND, texts, row_width, compute), width)


def everyday_closeness(
    documents: Sequence[Sequence[str]],
    tokens: Sequence[TokenVectors],
    everyday: Sequence[str],
    encoder: Encoder,
) -> Floats:
    """Compute the `mean_closeness` of everyday queries to each document. Shape: (n_documents,).

    A `CachedEncoder` keeps it.

    :param documents: The lines of each document.
    :param tokens: See `document_tokens`.
    """

    def compute(indices: Sequence[int]) -> Floats:
        _, of_queries = encode_with_tokens(encoder, everyday)
        return mean_closeness((tokens[index] for index in indices), of_queries or [])

    if not isinstance(encoder, CachedEncoder):
        return compute(range(len(tokens)))
    queries = hashlib.sha256("\n".join(everyday).encode()).hexdigest()
    texts = ["\n".join(lines) for lines in documents]
    rows = encoder.get_or_make(
        f"closeness-{MAX_TOKENS}-{queries}",
        texts,
        lambda missing: [one.tobytes() for one in compute(missing)],
    )
    return np.frombuffer(b"".join(rows), np.float64)


def _compute(
    documents: Sequence[Sequence[str]], encoder: Encoder, width: int
) -> list[TokenVectors]:
    distinct = list(dict.fromkeys(line for lines in documents for line in lines))
    _, tokens = encode_with_tokens(encoder, distinct)
    of_line = dict(zip(distinct, tokens or [], strict=True))
    return [first_tokens([of_line[line] for line in lines], width) for lines in documents]


def _pack_rows(tokens: Sequence[TokenVectors]) -> Vectors:
    """Put the tokens of each document into one row, with zeros after them."""
    width = tokens[0].shape[1]
    padded = np.zeros((len(tokens), MAX_TOKENS, width), dtype=np.float16)
    for row, of_document in zip(padded, tokens, strict=True):
        row[: len(of_document)] = of_document
    return padded.reshape(len(tokens), -1).view(np.float32)


def _unpack_rows(rows: Vectors, width: int) -> list[TokenVectors]:
    padded = rows.view(np.float16).reshape(len(rows), MAX_TOKENS, width)
    is_token = padded.view(np.uint16).any(axis=2)  # five times as fast as of half precision
    counts = np.maximum(is_token.sum(axis=1), 1)
    return [row[:count].copy() for row, count in zip(padded, counts, strict=True)]
