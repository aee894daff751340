"""Encoders and evidence that a test knows by heart."""

from dataclasses import replace

import numpy as np

from router.calibration.cases import Cases
from router.decisions.policy import CompiledPolicy
from router.heads.scores import Scores
from router.model.layout import Layout
from router.model.missing_detail import QuestionEvidence
from router.model.model import Evidence
from router.packs.policy import Policy
from router.statistics.probability import PlattScaling
from router.text import words_in


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


NAMES = (
    "neighbour:bus-lines",
    "none",
    "question:repair-or-buy",
    "question:which-part",
    "skill:fix-brakes",
    "skill:fix-tyres",
    "skill:sell-bikes",
)
"""The targets of the tiny pack, in the order of the columns."""


def policy_of(pack, names=NAMES, **settings):
    """Compile the pack's policy with other settings."""
    policy = Policy(**{"ask_threshold": 0.5, **settings})
    return CompiledPolicy.of(pack, Layout.of(pack, names), policy=policy)


def evidence_of(*rows):
    """Make the evidence on a batch; what a row leaves out is that of a clear query about brakes.

    Each row is a mapping: `p` gives probabilities by id, `extra` those of further concerns by
    skill, `missing` that of a missing detail, `nearest` the cosine with the closest exemplar.
    """
    shares = [{"fix-brakes": 0.8, **row.get("p", {})} for row in rows]
    probabilities = np.array(
        [[share.get(name.split(":")[-1], 0.0) for name in NAMES] for share in shares]
    )
    count = len(rows)
    texts = [row.get("text", "my brakes squeal") for row in rows]
    return Evidence(
        texts=texts,
        words=words_in(texts),
        scores=Scores(
            vectors=np.zeros((count, 2), dtype=np.float32),
            probabilities=probabilities,
            nearest=np.full((count, len(NAMES)), 0.7, dtype=np.float32),
        ),
        nearest_similarity=np.array([row.get("nearest", 0.7) for row in rows]),
        centroid_similarity=np.array([row.get("centroid", 0.7) for row in rows]),
        questions=QuestionEvidence(
            probabilities=probabilities[:, 2:4],
            triggered=np.zeros(count, dtype=bool),
            answered=np.zeros(count),
            n_words=np.full(count, 4.0),
        ),
        missing_detail=np.array([row.get("missing", 0.1) for row in rows]),
        extra_skills=np.array(
            [[row.get("extra", {}).get(i, 0.0) for i in range(3)] for row in rows]
        ),
        foreign=np.array([row.get("foreign", False) for row in rows]),
        truncated=np.array([row.get("truncated", False) for row in rows]),
    )


def with_scores(evidence, **scores):
    """Change what the head says."""
    return replace(evidence, scores=replace(evidence.scores, **scores))


def cases_of(confidence, correct, ask_probability=None, **given):
    n = len(confidence)
    yes, no = np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
    asks = np.full(n, 0.01) if ask_probability is None else ask_probability
    plain = {
        "action": np.zeros(n, dtype=np.int8),
        "confidence": np.asarray(confidence, dtype=float),
        "ask_probability": np.asarray(asks, dtype=float),
        "correct": np.asarray(correct, dtype=bool),
        "may_ask": no,
        "must_ask": no,
        "in_scope": yes,
        "has_alternatives": yes,
        "truth_rank": np.zeros(n, dtype=np.intp),
        "truth_probability": np.ones(n),
        "outside": np.zeros(n),
        "is_outside": no,
        "doubtful": no,
    }
    return Cases(**(plain | given))


def drawn(chance, n):
    """Texts whose confidence overstates: right as often as its odds to the power 1/2, times 2."""
    sure = chance.uniform(0.2, 0.99, n)
    return cases_of(sure, chance.random(n) < PlattScaling(0.5, np.log(2.0)).transform(sure))
