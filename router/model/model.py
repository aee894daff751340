"""Everything that is fitted from a pack, and the evidence that it finds in a batch of texts."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import msgspec
import numpy as np

from router.arrays import Bools, Floats, Indices, Probabilities, Similarities, Vectors
from router.encoders.encoder import Encoder, truncated
from router.encoders.paired import second_of
from router.heads.discriminant_head import DiscriminantHead
from router.heads.document_head import DocumentHead
from router.heads.kernel_head import KernelHead
from router.heads.scores import Scores
from router.heads.similarity import Centroids, cosines
from router.model.concerns import (
    ClauseGate,
    Concerns,
)
from router.model.exemplar_statistics import ExemplarStatistics
from router.model.further_concerns import FurtherConcerns, Mentions
from router.model.halves import Pair, pair_of, splits_of
from router.model.label_sets import LabelSets
from router.model.language import foreign, vocabulary_of
from router.model.layout import Layout
from router.model.missing_detail import MissingDetail, QuestionEvidence, QuestionIndex
from router.model.replies import ReplyHead
from router.model.second_look import SecondLook
from router.packs.pack import Pack
from router.packs.parts import Question
from router.statistics.probability import logit
from router.text import Words, words_in


def model_hash(pack: Pack) -> str:
    """Name what a fitted model takes from a pack: exemplars and documents, but no thresholds."""
    file = pack.file
    parts = [
        file.skills,
        file.neighbours,
        _without_sections(file.questions),
        pack.exemplars,
        pack.documents,
        pack.ask_rate is None,  # it decides which head is fitted
    ]
    content = msgspec.json.encode(parts, order="deterministic")
    return hashlib.sha256(content).hexdigest()[:16]


def _without_sections(questions: Sequence[Question]) -> msgspec.Raw:
    """Leave out sections, which are read and never fitted: naming one needs no new fit."""
    plain = msgspec.to_builtins(questions)
    for option in (option for question in plain for option in question["options"]):
        del option["leads_to"]["section"]
    return msgspec.Raw(msgspec.json.encode(plain))


@dataclass(frozen=True)
class Evidence:
    """What is known of a batch of texts; each row is one text, in order.

    :param words: The words of each text.
    :param scores: What the head says.
    :param nearest_similarity: The cosine with the closest in-scope exemplar. Shape: (n_texts,).
    :param centroid_similarity: The cosine with the closest centroid of a skill or neighbour. Shape:
        (n_texts,).
    :param questions: What speaks for and against the likeliest question of each text.
    :param missing_detail: The probability that the deciding detail is missing. Shape: (n_texts,).
    :param extra_skills: The probability that each skill is a further concern. Shape: (n_texts,
        n_skills).
    :param mentions: Where each skill is mentioned; None if no clauses are read.
    :param foreign: Whether the text seems to be in another language than the exemplars. Shape:
        (n_texts,).
    :param truncated: Whether part of the text was left out, being too long. Shape: (n_texts,).
    :param pairs: By row, two skills of a folder of documents that the halves of a text ask for.
    """

    texts: Sequence[str]
    words: Words
    scores: Scores
    nearest_similarity: Floats
    centroid_similarity: Floats
    questions: QuestionEvidence
    missing_detail: Floats
    extra_skills: Probabilities
    foreign: Bools
    truncated: Bools
    pairs: Mapping[int, Pair] = field(default_factory=dict)
    mentions: Mentions | None = None

    @property
    def vectors(self) -> Vectors:
        """Shape: (n_texts, width)."""
        return self.scores.vectors

    @property
    def probabilities(self) -> Probabilities:
        """The probability of each target. Shape: (n_texts, n_targets)."""
        return self.scores.probabilities

    @property
    def nearest(self) -> Similarities:
        """The cosine with each target's closest exemplar. Shape: (n_texts, n_targets)."""
        return self.scores.nearest


@dataclass(frozen=True)
class Model:
    """Fitted on a pack's exemplars as one encoder sees them."""

    encoder_key: str
    pack_hash: str
    head: KernelHead | DiscriminantHead | DocumentHead
    centroids: Centroids
    categories: Centroids
    exemplar_labels: tuple[str, ...]
    exemplar_texts: tuple[str, ...]
    layout: Layout
    questions: QuestionIndex
    missing_detail: MissingDetail
    concerns: Concerns
    gate: ClauseGate
    replies: dict[str, ReplyHead]
    statistics: ExemplarStatistics = field(default_factory=ExemplarStatistics)
    label_sets: LabelSets | None = None
    second_look: SecondLook | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Targets in the order of the columns."""
        return self.head.names

    def exemplars_of(self, column: int) -> slice:
        """Tell which exemplars belong to the target in this column."""
        return slice(*self._bounds[column : column + 2])

    @cached_property
    def _bounds(self) -> list[int]:
        starts = np.searchsorted(np.array(self.exemplar_labels), np.array(self.names))
        return [*starts.tolist(), len(self.exemplar_labels)]

    def evidence(self, texts: Sequence[str], encoder: Encoder) -> Evidence:
        """Gather all evidence on a batch of texts."""
        return self.with_further_concerns(self.plain_evidence(texts, encoder), encoder)

    def plain_evidence(self, texts: Sequence[str], encoder: Encoder) -> Evidence:
        """Gather the evidence on a batch of texts, but for skills that are further concerns."""
        words = words_in(texts)
        scores = self.scores(texts, words, encoder)
        asked = scores.probabilities[:, self.layout.questions]
        questions = self.questions.evidence(words, scores.vectors, asked)
        return Evidence(
            texts=texts,
            words=words,
            scores=scores,
            nearest_similarity=self._nearest_in_scope(scores.nearest),
            centroid_similarity=_closest(scores.vectors, self._target_centroids),
            questions=questions,
            missing_detail=self.missing_detail.probability(questions),
            extra_skills=np.zeros((len(texts), len(self.layout.skills))),
            foreign=foreign(texts, words, lambda: self.vocabulary),
            truncated=truncated(encoder, texts),
        )

    def with_further_concerns(self, evidence: Evidence, encoder: Encoder) -> Evidence:
        """Look for skills that are further concerns, too."""
        texts, scores = evidence.texts, evidence.scores
        if not isinstance(self.head, DocumentHead) or self.head.of_tools:
            extra, mentions = self._further_concerns.judge(texts, evidence.words, scores, encoder)
            return replace(evidence, extra_skills=extra, mentions=mentions)
        pairs = self._pairs(texts, scores, encoder)
        extra = evidence.extra_skills.copy()
        for row, pair in pairs.items():
            extra[row, list(pair.skills)] = pair.probability
        return replace(evidence, extra_skills=extra, pairs=pairs)

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The words of all exemplars, and the commonest English ones."""
        return vocabulary_of(self.exemplar_texts)

    def scores(self, texts: Sequence[str], words: Words, encoder: Encoder) -> Scores:
        """Score texts, with a second look at those that need it if there is a second encoder.

        :param words: The words of each text.
        """
        scores = self.head.score(texts, words, encoder)
        second = None if self.second_look is None else second_of(encoder)
        if self.second_look is None or second is None:
            return scores
        return self.second_look.over(scores, texts, words, second)

    def restricted(
        self, evidence: Evidence, allowed: Collection[str], *, none: bool = True
    ) -> Evidence:
        """Leave out what can't be decided: the other targets share its probability.

        :param allowed: Ids of the skills and neighbours that can be decided.
        :param none: Whether "none" can be decided.
        """
        left = np.array([name.partition(":")[2] in allowed for name in self.names])
        left |= ~np.isin(np.arange(len(self.names)), self.layout.targets)
        left[self.layout.none] = none
        probabilities = np.where(left, evidence.probabilities, 0.0)
        probabilities /= np.maximum(probabilities.sum(axis=1, keepdims=True), 1e-12)
        nearest = np.where(left, evidence.nearest, np.float32(-1.0))
        scores = replace(evidence.scores, probabilities=probabilities, nearest=nearest)
        return replace(
            evidence,
            scores=scores,
            nearest_similarity=self._nearest_in_scope(nearest),
            centroid_similarity=_closest(
                scores.vectors, self._target_centroids[left[self.layout.targets]]
            ),
            extra_skills=evidence.extra_skills * left[self.layout.skills],
            pairs={
                row: pair
                for row, pair in evidence.pairs.items()
                if left[self.layout.skills[list(pair.skills)]].all()
            },
        )

    def _nearest_in_scope(self, nearest: Similarities) -> Floats:
        in_scope = nearest[:, self._in_scope]
        return np.asarray(in_scope.max(axis=1, initial=-1.0), dtype=np.float64)

    @cached_property
    def _target_centroids(self) -> Vectors:
        return self.centroids.vectors[self.layout.targets]

    @cached_property
    def _in_scope(self) -> Indices:
        return np.setdiff1d(np.arange(len(self.names)), self.layout.none)

    @cached_property
    def _further_concerns(self) -> FurtherConcerns:
        return FurtherConcerns(self.head, self.layout, self.concerns, self.gate, self.label_sets)

    @cached_property
    def is_made_of_tools(self) -> bool:
        """Whether the skills are tools, which rank by what each clause of a text asks for."""
        return isinstance(self.head, DocumentHead) and self.head.of_tools

    def _pairs(self, texts: Sequence[str], scores: Scores, encoder: Encoder) -> dict[int, Pair]:
        """Find the texts whose halves ask for two skills."""
        skills = self.layout.skills
        if len(skills) < 2:
            return {}
        whole = self._shares(scores.probabilities)
        splits = {
            row: found
            for row, text in enumerate(texts)
            if (found := splits_of(text, float(whole[row].max())))
        }
        flat = [half for found in splits.values() for s in found for half in (s.first, s.second)]
        if not flat:
            return {}
        of_halves = self._shares(self.head.score(flat, words_in(flat), encoder).probabilities)
        pairs, start = {}, 0
        for row, found in splits.items():
            end = start + 2 * len(found)
            if (pair := pair_of(found, of_halves[start:end], whole[row])) is not None:
                pairs[row] = pair
            start = end
        return pairs

    def _shares(self, probabilities: Probabilities) -> Probabilities:
        """Give the probabilities of the skills, given that nothing is asked."""
        unasked = probabilities[:, self.layout.unasked].sum(axis=1, keepdims=True)
        return np.asarray(probabilities[:, self.layout.skills] / np.maximum(unasked, 1e-12))

    def out_of_scope(self, evidence: Evidence) -> Floats:
        """Tell how likely each text is out of scope, whatever is likeliest.

        :return: Shape: (n_texts,), in [0, 1]; without exemplars of "none" only its order counts.
        """
        if self.statistics.out_of_scope is None:
            return np.asarray((1.0 - evidence.nearest_similarity) / 2.0)
        none = evidence.probabilities[:, self.layout.none].sum(axis=1)
        features = np.column_stack([logit(none), evidence.nearest_similarity])
        return self.statistics.out_of_scope.probabilities(features)


def _closest(vectors: Vectors, centroids: Vectors) -> Floats:
    """Compute the cosine of each text with the closest centroid. Shape: (n_texts,)."""
    return np.asarray(cosines(vectors, centroids).max(axis=1, initial=-1.0), dtype=np.float64)
