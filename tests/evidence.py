"""Encoders whose vectors a test knows, and vectors to make them of."""

import numpy as np


def random_units(count, width=16, seed=0):
    """Random unit rows. Shape: (count, width)."""
    rows = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class TableEncoder:
    """Looks the vector of each text up."""

    key = "table"

    def __init__(self, texts, vectors):
        self.vectors = np.asarray(vectors, dtype=np.float32)
        self.rows = {text: row for row, text in enumerate(texts)}
        self.width = self.vectors.shape[1]

    def encode(self, texts):
        return self.vectors[[self.rows[text] for text in texts]]


class TokenTableEncoder(TableEncoder):
    """Looks the tokens of each text up, too."""

    def __init__(self, texts, vectors, tokens):
        super().__init__(texts, vectors)
        self.tokens = tokens

    def encode_with_tokens(self, texts):
        return self.encode(texts), [self.tokens[self.rows[text]] for text in texts]


class RecordingEncoder:
    """Records the batches of texts that another encoder is given; it gives no tokens."""

    def __init__(self, encoder):
        self.encoder, self.key, self.width = encoder, encoder.key, encoder.width
        self.batches = []

    def encode(self, texts):
        self.batches.append(list(texts))
        return self.encoder.encode(texts)
