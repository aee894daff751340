"""The further concerns of texts: which skills a text asks for besides its likeliest, and where."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import Floats, Indices, Probabilities
from router.encoders.encoder import Encoder
from router.heads.scores import Head, Scores
from router.model.concerns import (
    ClauseEvidence,
    ClauseGate,
    Concerns,
    clauses_of,
    gate_features,
)
from router.model.halves import execution_places
from router.model.label_sets import LabelSets
from router.model.layout import Layout
from router.text import Words, words_in

_SEVERAL = 0.5
"""From this probability on a skill is so likely a further concern that its place is looked for."""


@dataclass(frozen=True)
class Mentions:
    """What the clauses of texts tell of skills; zeros where no clause was read.

    :param places: The clause that speaks most for each skill, numbered in the order in which what
        they ask for is to be done. Shape: (n_texts, n_skills).
    :param probabilities: What it says. Shape: (n_texts, n_skills).
    """

    places: Indices
    probabilities: Probabilities


@dataclass(frozen=True)
class FurtherConcerns:
    """Judges the skills that are further concerns, by the clauses of a text or by label sets."""

    head: Head
    layout: Layout
    concerns: Concerns
    gate: ClauseGate
    label_sets: LabelSets | None

    def judge(
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
            several = np.flatnonzero((extra >= _SEVERAL).any(axis=1))
            rows, clauses, votes = self._with_clauses(texts, several)
            self._read_clauses(texts, words, rows, clauses, votes, encoder, mentions)
            return extra, mentions
        rows = (routed & self.concerns.possible(whole)).nonzero()[0]
        rows, clauses, votes = self._worth_encoding(texts, words, rows, whole)
        evidence = self._read_clauses(texts, words, rows, clauses, votes, encoder, mentions)
        if evidence is not None:
            extra[rows] = self.concerns.extra_skills(evidence, whole[rows])
        return extra, mentions

    def _worth_encoding(
        self, texts: Sequence[str], words: Words, rows: Indices, whole: Probabilities
    ) -> tuple[Indices, list[list[str]], Floats]:
        """Choose, among rows, those whose clauses may tell of a further concern.

        :return: The rows, their clauses, and what the words of each clause say for each target.
            Shapes: (n_rows,), (n_rows, n_clauses), (n_clauses, n_targets).
        """
        several, groups, votes = self._with_clauses(texts, rows)
        if not len(several):
            return several, groups, votes
        features = gate_features(
            [words[row] for row in several], groups, votes[:, self.layout.skills], whole[several]
        )
        opened = self.gate.opens(features)
        kept = opened.repeat([len(group) for group in groups])
        return several[opened], [groups[index] for index in opened.nonzero()[0]], votes[kept]

    def _with_clauses(
        self, texts: Sequence[str], rows: Indices
    ) -> tuple[Indices, list[list[str]], Floats]:
        """Choose the rows that have clauses, and give those, as `_worth_encoding` does."""
        clauses = {row: parts for row in rows.tolist() if (parts := clauses_of(texts[row]))}
        if not clauses:
            return np.empty(0, dtype=np.intp), [], np.empty((0, len(self.head.names)))
        groups = list(clauses.values())
        votes = self.head.word_votes(words_in(clause for group in groups for clause in group))
        return np.array(list(clauses)), groups, votes

    def _read_clauses(
        self,
        texts: Sequence[str],
        words: Words,
        rows: Indices,
        clauses: Sequence[Sequence[str]],
        votes: Floats,
        encoder: Encoder,
        mentions: Mentions,
    ) -> ClauseEvidence | None:
        """Encode the clauses of some rows, and write down what they mention."""
        if not len(rows):
            return None
        skills, flat = self.layout.skills, [clause for group in clauses for clause in group]
        vectors = encoder.encode(flat)
        evidence = ClauseEvidence.of(
            [words[row] for row in rows],
            clauses,
            self.head.probabilities(flat, vectors, votes)[:, skills],
            self.head.nearest(vectors)[:, skills],
            self.concerns.requests(flat),
        )
        mentions.probabilities[rows] = evidence.probabilities.max(axis=1)
        mentioned = evidence.probabilities.argmax(axis=1)
        for row, parts, places in zip(rows.tolist(), clauses, mentioned, strict=True):
            mentions.places[row] = execution_places(texts[row], parts)[places]
        return evidence
