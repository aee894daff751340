"""Everything that is fitted from a pack, and what it reads in a batch of texts."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import floor

import msgspec
import numpy as np

from router.arrays import Floats, Indices, Probabilities, Similarities, Vectors
from router.encoders.encoder import Encoder, encode_with_tokens
from router.heads.centroids import Centroids
from router.heads.cosines import FEW
from router.heads.described import AnyHead
from router.heads.head import Head
from router.heads.late import Near
from router.model.asking import Asking, QuestionEvidence, QuestionIndex
from router.model.clause_gate import ClauseGate, gate_features
from router.model.concerns import ClauseView, Concerns, clauses_of
from router.model.parts import Heard, further_of
from router.model.replies import ReplyHead
from router.packs.pack import Pack
from router.statistics.logistic import Logistic, logit
from router.text import Words, words_in

FORMAT = 15
"""Raised whenever a model fitted by older code must not be used by newer."""


def model_hash(pack: Pack) -> str:
    """Name what a fitted model takes from a pack: exemplars and documents, not settings."""
    file = pack.file
    parts = [FORMAT, file.skills, file.neighbours, file.questions, pack.exemplars, pack.documents]
    content = msgspec.json.encode(parts, order="deterministic")
    return hashlib.sha256(content).hexdigest()[:16]


@dataclass(frozen=True)
class Layout:
    """Which column of the probabilities is which target, in the order of the pack's file."""

    skills: Indices
    neighbours: Indices
    questions: Indices
    none: Indices  # one column, or empty if the pack has no exemplars for "none"

    @cached_property
    def unasked(self) -> Indices:
        """Columns of what can be decided without a question: skills, neighbours, none."""
        return np.concatenate([self.skills, self.neighbours, self.none])

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


ANY_ANSWER = "=answer"
"""What a reply to a composed question means if it is an answer; and the name of that ReplyHead."""

FAR = 0.01
"""Share of our own exemplars that may lie as far from all others as what counts as outside."""

UNTOLD = 0.2
"""Least similarity where there are too few exemplars to tell."""

HIGHEST = 0.4
"""Least similarity at most: exemplars are written in one go and more alike than what users ask."""


def _empty() -> Floats:
    return np.empty(0)


@dataclass(frozen=True)
class Limits:
    """What the exemplars say of themselves, each of them with itself left out.

    `closest`: of all but those of "none", the cosine with the closest other, rising.
    `of_truth`: of all that need no question, the probability of their own target given that
    nothing is asked, rising. `outside`: from logit of P(none) and closest cosine to the probability
    of being nothing of ours; None if the pack has no exemplars of "none".
    """

    closest: Floats = field(default_factory=_empty)  # (n_ours,)
    of_truth: Floats = field(default_factory=_empty)  # (n_unasked,)
    outside: Logistic | None = None

    @cached_property
    def similarity_threshold(self) -> float:
        """The cosine below which a text is nothing of ours: 1 % of ours lie below it."""
        place = floor((len(self.closest) + 1) * FAR)
        return min(float(self.closest[place - 1]), HIGHEST) if place else UNTOLD

    def as_far(self, closest: Floats) -> Floats:
        """Probability that a text of ours lies as far as this, or farther. Shape: (n_texts,)."""
        below = np.searchsorted(self.closest, closest, side="right")
        return np.asarray((below + 1) / (len(self.closest) + 1))


@dataclass(frozen=True)
class Reading:
    """What was read in a batch of texts; every row is one text, in order."""

    texts: Sequence[str]
    said: Words  # the words of each text
    vectors: Vectors
    probabilities: Probabilities  # (n_texts, n_targets)
    closest: Floats  # (n_texts,): cosine with the closest exemplar of anything but "none"
    questions: QuestionEvidence
    ask: Floats  # (n_texts,): probability that the deciding detail is missing
    further: Probabilities  # (n_texts, n_skills): of being a further concern
    # (n_texts, n_targets): cosine with each target's closest exemplar
    near: Similarities = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32))
    # (n_texts, n_exemplars): with every exemplar; kept where the texts are few
    cosines: Similarities | None = None


@dataclass(frozen=True)
class Model:
    """Fitted on a pack's exemplars as one encoder sees them."""

    encoder_key: str
    pack_hash: str
    head: AnyHead
    centroids: Centroids
    categories: Centroids
    exemplar_labels: tuple[str, ...]
    exemplar_texts: tuple[str, ...]
    layout: Layout
    questions: QuestionIndex
    asking: Asking
    concerns: Concerns
    gate: ClauseGate
    replies: dict[str, ReplyHead]
    limits: Limits = field(default_factory=Limits)

    @property
    def names(self) -> tuple[str, ...]:
        """Targets in the order of the columns."""
        return self.head.names

    @cached_property
    def _starts(self) -> Indices:
        """Where each target's exemplars begin: they stand in the order of the columns."""
        return np.searchsorted(np.array(self.exemplar_labels), np.array(self.names))

    def exemplars_of(self, target: int) -> slice:
        """Where the exemplars of the target in this column are."""
        return slice(*self._bounds[target : target + 2])

    @cached_property
    def _bounds(self) -> list[int]:
        return [*self._starts.tolist(), len(self.exemplar_labels)]

    def read(self, texts: Sequence[str], encoder: Encoder) -> Reading:
        """Encode texts, and their clauses where these can matter, and weigh all evidence."""
        said = words_in(texts)
        near = np.empty((len(texts), len(self.names)), dtype=np.float32)
        cosines = None

        def seen(rows: slice, found: Similarities) -> None:
            nonlocal cosines
            np.maximum.reduceat(found, self._starts, axis=1, out=near[rows])
            if len(texts) <= FEW:
                cosines = found.copy()

        vectors, whole, heard = self._whole(texts, said, encoder, seen)
        evidence = self.questions.evidence(said, vectors, whole[:, self.layout.questions])
        return Reading(
            texts=texts,
            said=said,
            vectors=vectors,
            probabilities=whole,
            closest=near[:, self._ours].max(axis=1, initial=-1.0).astype(np.float64),
            questions=evidence,
            ask=self.asking.probability(evidence),
            further=self._further(texts, said, whole, encoder, heard),
            near=near,
            cosines=cosines,
        )

    def _whole(
        self,
        texts: Sequence[str],
        said: Words,
        encoder: Encoder,
        seen: Callable[[slice, Similarities], None],
    ) -> tuple[Vectors, Probabilities, dict[int, Heard] | None]:
        """Encode texts, and weigh each as a whole; by its tokens too where the head knows some."""
        head, words = self.head, self.head.word_votes(said)
        if isinstance(head, Head) or head.late is None:
            vectors = encoder.encode(texts)
            return vectors, head.probabilities(texts, vectors, seen, words=words), None
        vectors, tokens = encode_with_tokens(encoder, texts)
        heard: dict[int, Heard] = {}

        def hear(row: int, targets: Indices, near: Near) -> None:
            heard[row] = Heard(targets, near)

        whole = head.probabilities(texts, vectors, seen, tokens, hear, words)
        return vectors, whole, None if tokens is None else heard

    def _further(
        self,
        texts: Sequence[str],
        said: Words,
        whole: Probabilities,
        encoder: Encoder,
        heard: Mapping[int, Heard] | None,
    ) -> Probabilities:
        """Probability of each skill to be a further concern. Shape: (n_texts, n_skills).

        By tokens where they are known. Else only what is likeliest a skill, and not one alone, has
        its clauses encoded: of most texts the whole says enough.

        :param heard: By row, how near tokens are to documents.
        """
        skills = self.layout.skills
        further = np.zeros((len(texts), len(skills)))
        # Skills come first among what needs no question.
        routed = whole[:, self.layout.unasked].argmax(axis=1) < len(skills)
        if heard is not None:
            for row in heard.keys() & routed.nonzero()[0].tolist():
                further[row] = self._by_parts(heard[row], whole[row])
            return further
        rows = (routed & self.concerns.several(whole[:, skills])).nonzero()[0]
        rows, clauses, words = self._worth_encoding(texts, said, rows, whole)
        if not len(rows):
            return further
        flat = [clause for group in clauses for clause in group]
        parts = self.head.probabilities(flat, encoder.encode(flat), words=words)
        view = ClauseView.of([said[int(row)] for row in rows], clauses, parts[:, skills])
        further[rows] = self.concerns.further(view, whole[np.ix_(rows, skills)])
        return further

    def _by_parts(self, heard: Heard, whole: Probabilities) -> Probabilities:
        """Judge further concerns of one text by its tokens. Shape: (n_skills,)."""
        place = self._place_of_skill[heard.targets]
        ours = place >= 0
        none = float(whole[self.layout.none].sum())
        return further_of(Heard(place[ours], heard.near[ours]), whole[self.layout.skills], none)

    @cached_property
    def _place_of_skill(self) -> Indices:
        """Which skill each column is; -1 if none. Shape: (n_targets,)."""
        places = np.full(len(self.names), -1, dtype=np.intp)
        places[self.layout.skills] = np.arange(len(self.layout.skills))
        return places

    def _worth_encoding(
        self, texts: Sequence[str], said: Words, rows: Indices, whole: Probabilities
    ) -> tuple[Indices, list[list[str]], Floats]:
        """Choose, among rows, those whose clauses may tell of a further concern.

        :return: The rows, their clauses, and what the words of each clause in turn say for each
            target. Shapes: (n_rows,), (n_rows, n_clauses), (n_clauses, n_targets).
        """
        clauses = {row: found for row in rows.tolist() if (found := clauses_of(texts[row]))}
        if not clauses:
            return np.empty(0, dtype=np.intp), [], np.empty((0, len(self.names)))
        several, groups = np.array(list(clauses)), list(clauses.values())
        flat = [clause for group in groups for clause in group]
        skills, words = self.layout.skills, self.head.word_votes(words_in(flat))
        features = gate_features(
            [said[row] for row in clauses],
            groups,
            words[:, skills],
            whole[np.ix_(several, skills)],
        )
        opened = self.gate.opens(features)
        kept = opened.repeat([len(group) for group in groups])
        return several[opened], [groups[i] for i in opened.nonzero()[0]], words[kept]

    @cached_property
    def _ours(self) -> Indices:
        return np.setdiff1d(np.arange(len(self.names)), self.layout.none)

    def outside(self, reading: Reading) -> Floats:
        """How likely each text is nothing of ours, whatever is likeliest.

        :return: Shape: (n_texts,), in [0, 1]; without exemplars of "none" only its order counts.
        """
        if self.limits.outside is None:
            return np.asarray((1.0 - reading.closest) / 2.0)
        none = reading.probabilities[:, self.layout.none].sum(axis=1)
        return self.limits.outside.probabilities(np.column_stack([logit(none), reading.closest]))
