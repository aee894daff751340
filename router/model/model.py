"""Everything that is fitted from a pack, and the evidence that it finds in a batch of texts."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import msgspec
import numpy as np

from router.arrays import Bools, Floats, Indices, Probabilities, Similarities, Vectors
from router.encoders.encoder import Encoder
from router.encoders.paired import second_of
from router.heads.discriminant_head import DiscriminantHead
from router.heads.document_head import DocumentHead
from router.heads.kernel_head import KernelHead
from router.heads.scores import Scores
from router.heads.similarity import Centroids, cosines
from router.model.concerns import (
    ClauseEvidence,
    ClauseGate,
    Concerns,
    clauses_of,
    gate_features,
)
from router.model.exemplar_statistics import ExemplarStatistics
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
class Mentions:
    """What the clauses of texts tell of skills; zeros where no clause was read.

    :param places: The clause that speaks most for each skill. Shape: (n_texts, n_skills).
    :param probabilities: What it says. Shape: (n_texts, n_skills).
    """

    places: Indices
    probabilities: Probabilities


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
    :param mentions: Where each skill is mentioned; None if skills are not ordered by mention.
    :param foreign: Whether the text seems to be in another language than the exemplars. Shape:
        (n_texts,).
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
    pairs: Mapping[int, Pair] = field(default_factory=dict)
    mentions: "Mentions | None" = None

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

    def evidence(
        self, texts: Sequence[str], encoder: Encoder, *, further_concerns: bool = True
    ) -> Evidence:
        """Gather all evidence on a batch of texts.

        :param further_concerns: Whether to look for skills that are further concerns.
        """
        words = words_in(texts)
        scores = self.scores(texts, words, encoder)
        asked = scores.probabilities[:, self.layout.questions]
        questions = self.questions.evidence(words, scores.vectors, asked)
        mentions: Mentions | None = None
        extra, pairs = np.zeros((len(texts), len(self.layout.skills))), dict[int, Pair]()
        if further_concerns and isinstance(self.head, DocumentHead) and not self.head.of_tools:
            pairs = self._pairs(texts, scores, encoder)
            for row, pair in pairs.items():
                extra[row, list(pair.skills)] = pair.probability
        elif further_concerns:
            extra, mentions = self._extra_skills(texts, words, scores, encoder)
        return Evidence(
            texts=texts,
            words=words,
            scores=scores,
            nearest_similarity=self._nearest_in_scope(scores.nearest),
            centroid_similarity=_closest(scores.vectors, self._target_centroids),
            questions=questions,
            missing_detail=self.missing_detail.probability(questions),
            extra_skills=extra,
            mentions=mentions if self._is_ordered_by_mention else None,
            foreign=foreign(texts, words, lambda: self._vocabulary),
            pairs=pairs,
        )

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        """The words of all exemplars, and English ones."""
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

    def restricted(self, evidence: Evidence, allowed: Collection[str]) -> Evidence:
        """Leave out what can't be decided: the other targets share its probability.

        :param allowed: Ids of the skills and neighbours that can be decided.
        """
        left = np.array([name.partition(":")[2] in allowed for name in self.names])
        left |= ~np.isin(np.arange(len(self.names)), self.layout.targets)
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
    def _is_ordered_by_mention(self) -> bool:
        """Whether the order of mention is the best guess: tools have no order of their own."""
        return isinstance(self.head, DocumentHead) and self.head.of_tools

    def _extra_skills(
        self, texts: Sequence[str], words: Words, scores: Scores, encoder: Encoder
    ) -> tuple[Probabilities, Mentions]:
        """Judge each skill as a further concern.

        The clauses of a text are encoded for it, if the text as a whole leaves room for a further
        concern: for most texts it does not.

        :return: The probabilities, shape (n_texts, n_skills), and what the clauses tell.
        """
        skills = self.layout.skills
        extra = np.zeros((len(texts), len(skills)))
        mentions = Mentions(np.zeros(extra.shape, dtype=np.intp), np.zeros(extra.shape))
        # Skills come first among what needs no question.
        unasked = scores.probabilities[:, self.layout.unasked]
        routed = unasked.argmax(axis=1) < len(skills)
        if not routed.any():
            return extra, mentions
        whole = scores.probabilities[:, skills]
        if self.label_sets is not None:
            extra[routed] = self.label_sets.probabilities(scores.vectors[routed], whole[routed])
            extra[np.arange(len(extra)), whole.argmax(axis=1)] = 0.0
            return extra, mentions
        rows = (routed & self.concerns.possible(whole)).nonzero()[0]
        rows, clauses, votes = self._worth_encoding(texts, words, rows, whole)
        if len(rows):
            flat = [clause for group in clauses for clause in group]
            vectors = encoder.encode(flat)
            evidence = ClauseEvidence.of(
                [words[row] for row in rows],
                clauses,
                self.head.probabilities(flat, vectors, votes)[:, skills],
                self.head.nearest(vectors)[:, skills],
            )
            extra[rows] = self.concerns.extra_skills(evidence, whole[rows])
            mentions.places[rows] = evidence.probabilities.argmax(axis=1)
            mentions.probabilities[rows] = evidence.probabilities.max(axis=1)
        return extra, mentions

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

    def _worth_encoding(
        self, texts: Sequence[str], words: Words, rows: Indices, whole: Probabilities
    ) -> tuple[Indices, list[list[str]], Floats]:
        """Choose, among rows, those whose clauses may tell of a further concern.

        :return: The rows, their clauses, and what the words of each clause say for each target.
            Shapes: (n_rows,), (n_rows, n_clauses), (n_clauses, n_targets).
        """
        clauses = {row: parts for row in rows.tolist() if (parts := clauses_of(texts[row]))}
        if not clauses:
            return np.empty(0, dtype=np.intp), [], np.empty((0, len(self.names)))
        several, groups = np.array(list(clauses)), list(clauses.values())
        votes = self.head.word_votes(words_in(clause for group in groups for clause in group))
        features = gate_features(
            [words[row] for row in clauses], groups, votes[:, self.layout.skills], whole[several]
        )
        opened = self.gate.opens(features)
        kept = opened.repeat([len(group) for group in groups])
        return several[opened], [groups[index] for index in opened.nonzero()[0]], votes[kept]

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
