import numpy as np
from conftest import shared_encoder

from router.encoders.cached import CachedEncoder
from router.encoders.encoder import encode_with_tokens
from router.encoders.vector_store import VectorStore
from router.fitting.document_tokens import document_tokens
from router.heads.late_interaction import MAX_TOKENS

SHORT, LONG = ["bake bread"], [f"step {number}: fold the dough once more" for number in range(60)]


class RecordingTokenEncoder:
    """An encoder that records the lines whose tokens it was asked for."""

    def __init__(self):
        self.encoder = shared_encoder()
        self.key, self.width = self.encoder.key, self.encoder.width
        self.lines = []

    def encode(self, texts):
        return self.encoder.encode(texts)

    def encode_with_tokens(self, texts):
        if texts != ["any text, for its width"]:
            self.lines += texts
        return encode_with_tokens(self.encoder, texts)


def test_tokens_come_from_the_cache_as_they_were_computed(tmp_path):
    recording, cache = RecordingTokenEncoder(), VectorStore(tmp_path)
    encoder = CachedEncoder(recording, cache)
    plain = document_tokens([SHORT, LONG, []], recording)
    recording.lines.clear()
    first = document_tokens([SHORT, LONG, []], encoder)
    assert recording.lines == [*SHORT, *LONG]
    again = document_tokens([LONG, ["sweep"], SHORT], encoder)
    assert recording.lines == [*SHORT, *LONG, "sweep"]  # only what is new is encoded
    assert [len(tokens) for tokens in first] == [3, MAX_TOKENS, 1]
    for computed, cached in zip(plain, first, strict=True):
        np.testing.assert_array_equal(computed, cached)
    np.testing.assert_array_equal(again[0], first[1])
    np.testing.assert_array_equal(again[2], first[0])
    cache.close()
