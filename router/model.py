"""Everything that is fitted from a pack, and what it reads in a batch of texts."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from router.arrays import Bools, Floats, Probabilities, Similarities, Vectors
from router.asking import Asking, QuestionEvidence, QuestionIndex
from router.centroids import Centroids
from router.concerns import ClauseView, Concerns, clauses_of
from router.encoder import Encoder
from router.head import Head
from router.pack import Pack
from router.replies import ReplyHead

Indices: TypeAlias = NDArray[np.intp]

FORMAT = 2
"""Raised whenever a model fitted by older code must not be used by newer."""


def model_hash(pack: Pack) -> str:
    """Name what a fitted model takes from a pack: its ids, questions and exemplars, not settings."""
    parts = [FORMAT, pack.file.skills, pack.file.neighbours, pack.file.questions, pack.exemplars]
    content = msgspec.json.encode(parts, order="deterministic")
    return hashlib.sha256(content).hexdigest()[:16]


@dataclass(frozen=True)
class Layout:
    """Which column of the probabilities is which target, in the order of the pack's file."""

    skills: Indices
    neighbours: Indices
    questions: Indices
    none: Indices  # one column, or empty if the pack has no exemplars for "none"

    @classmethod
    def of(cls, pack: Pack, names: Sequence[str]) -> "Layout":
        """Find the columns of the pack's targets."""
        place = {name: i for i, name in enumerate(names)}

        def columns(kind: str, ids: Sequence[str]) -> Indices:
            return np.array([place[f"{kind}:{one}"] for one in ids], dtype=np.intp)

        return cls(
            skills=columns("skill", list(pack.skills)),
            neighbours=columns("neighbour", list(pack.neighbours)),
            questions=columns("question", list(pack.questions)),
            none=np.array([place["none"]] if "none" in place else [], dtype=np.intp),
        )


@dataclass(frozen=True)
class Reading:
    """What was read in a batch of texts; every row is one text, in order."""

    texts: Sequence[str]
    vectors: Vectors
    similarities: Similarities  # (n_texts, n_targets): with each target's centroid
    probabilities: Probabilities  # (n_texts, n_targets)
    closest: Floats  # (n_texts,): cosine with the closest exemplar of anything but "none"
    questions: QuestionEvidence
    ask: Floats  # (n_texts,): probability that the deciding detail is missing
    further: Probabilities  # (n_texts, n_skills): of being a further concern


@dataclass(frozen=True)
class Model:
    """Fitted on a pack's exemplars as one encoder sees them."""

    encoder_key: str
    pack_hash: str
    head: Head
    centroids: Centroids
    categories: Centroids
    exemplar_labels: tuple[str, ...]
    exemplar_texts: tuple[str, ...]
    layout: Layout
    questions: QuestionIndex
    asking: Asking
    concerns: Concerns
    replies: dict[str, ReplyHead]

    @property
    def names(self) -> tuple[str, ...]:
        """Targets in the order of the columns."""
        return self.head.names

    @cached_property
    def _ours(self) -> Bools:
        return np.array([label != "none" for label in self.exemplar_labels])

    def read(self, texts: Sequence[str], encoder: Encoder) -> Reading:
        """Encode texts and their clauses, and weigh all evidence there is."""
        clauses = [clauses_of(text) for text in texts]
        flat = [clause for group in clauses for clause in group]
        vectors = encoder.encode([*texts, *flat])
        probabilities = self.head.probabilities([*texts, *flat], vectors)
        return self.weigh(texts, vectors[: len(texts)], probabilities, clauses)

    def weigh(
        self,
        texts: Sequence[str],
        vectors: Vectors,
        probabilities: Probabilities,
        clauses: Sequence[Sequence[str]],
    ) -> Reading:
        """Weigh texts whose rows, and those of their clauses behind them, are known."""
        whole, parts = probabilities[: len(texts)], probabilities[len(texts) :]
        skills = self.layout.skills
        view = ClauseView.of(texts, clauses, parts[:, skills])
        evidence = self.questions.evidence(texts, vectors, whole[:, self.layout.questions])
        similarities = vectors @ self.head.exemplars[self._ours].T
        return Reading(
            texts=texts,
            vectors=vectors,
            similarities=self.centroids.similarities(vectors),
            probabilities=whole,
            closest=similarities.max(axis=1, initial=-1.0).astype(np.float64),
            questions=evidence,
            ask=self.asking.probability(evidence),
            further=self.concerns.further(view, whole[:, skills]),
        )
