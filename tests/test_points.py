import numpy as np
from conftest import shared_encoder
from router.model.points import document_points

from router.encoders.cached import CachedEncoder
from router.encoders.encoder import encode_with_tokens
from router.encoders.vector_store import VectorStore
from router.heads import late

SHORT, LONG = ["bake bread"], [f"step {number}: fold the dough once more" for number in range(60)]


class Counting:
    """An encoder that remembers which lines it was given."""

    def __init__(self):
        self.encoder = shared_encoder()
        self.key, self.width = self.encoder.key, self.encoder.width
        self.lines = []

    def encode(self, texts):
        return self.encoder.encode(texts)

    def encode_with_tokens(self, texts):
        self.lines += texts
        return encode_with_tokens(self.encoder, texts)


def test_points_come_from_the_cache_as_they_were_made(tmp_path):
    counting, cache = Counting(), VectorStore(tmp_path)
    encoder = CachedEncoder(counting, cache)
    plain = document_points([SHORT, LONG, []], counting, counting.width)
    counting.lines.clear()
    first = document_points([SHORT, LONG, []], encoder, counting.width)
    assert counting.lines == [*SHORT, *LONG]
    again = document_points([LONG, ["sweep"], SHORT], encoder, counting.width)
    assert counting.lines == [*SHORT, *LONG, "sweep"]  # only what is new is encoded
    assert [len(one) for one in first] == [3, late.POINTS, 1]
    for one, other in zip(plain, first, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(again[0], first[1])
    np.testing.assert_array_equal(again[2], first[0])
    cache.close()
