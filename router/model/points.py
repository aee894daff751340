"""The points of documents, kept in the cache: only a document that changed is encoded again."""

from collections.abc import Sequence

import numpy as np

from router.arrays import TokenVectors, Vectors
from router.encoders.cached import CachedEncoder
from router.encoders.encoder import Encoder, encode_with_tokens
from router.heads.late import POINTS, STEPS, points_of

HALVES = 2
"""Numbers in half precision that are kept as one."""

KIND = f"points-{POINTS}-{STEPS}"


def document_points(
    documents: Sequence[Sequence[str]], encoder: Encoder, width: int
) -> list[TokenVectors]:
    """Give the points of each document, told by its lines, see `points_of`.

    :param encoder: One that gives tokens, of this width.
    """
    if not isinstance(encoder, CachedEncoder):
        return _points(documents, encoder, width)

    def make(places: list[int]) -> Vectors:
        return _packed(_points([documents[place] for place in places], encoder, width))

    texts = ["\n".join(lines) for lines in documents]
    rows = encoder.get_or_compute(KIND, texts, POINTS * width // HALVES, make)
    return _unpacked(rows, width)


def _points(documents: Sequence[Sequence[str]], encoder: Encoder, width: int) -> list[TokenVectors]:
    distinct = list(dict.fromkeys(line for lines in documents for line in lines))
    _, tokens = encode_with_tokens(encoder, distinct)
    of_line = dict(zip(distinct, tokens or [], strict=True))
    return [points_of([of_line[line] for line in lines], width) for lines in documents]


def _packed(points: Sequence[TokenVectors]) -> Vectors:
    """Put the points of each document into one row, zeros after them."""
    width = points[0].shape[1]
    padded = np.zeros((len(points), POINTS, width), dtype=np.float16)
    for place, some in enumerate(points):
        padded[place, : len(some)] = some
    return padded.reshape(len(points), -1).view(np.float32)


def _unpacked(rows: Vectors, width: int) -> list[TokenVectors]:
    padded = rows.view(np.float16).reshape(len(rows), POINTS, width)
    counts = np.maximum(padded.any(axis=2).sum(axis=1), 1)
    return [some[:count].copy() for some, count in zip(padded, counts, strict=True)]
