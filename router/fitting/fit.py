"""From a pack's exemplars to a fitted model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from router.arrays import Bools, Floats, Indices, Probabilities, Similarities, Vectors
from router.encoders.encoder import Encoder
from router.encoders.paired import PairedEncoder, second_of
from router.fitting.exemplar_statistics import statistics_of
from router.fitting.fitter_choice import fitter_for, fitter_of
from router.fitting.head_fitter import HeadFitter, HeldOut
from router.fitting.joined_queries import join_exemplars
from router.fitting.label_sets import fit_label_sets
from router.fitting.parts_of_exemplars import halves_in_turn, halves_of
from router.fitting.second_look import SecondFit, refit_second_look
from router.heads.scores import Head
from router.heads.similarity import Centroids, unit_rows
from router.model.concerns import (
    FOUND,
    ClauseEvidence,
    ClauseGate,
    Concerns,
    clauses_of,
    gate_features,
)
from router.model.layout import Layout
from router.model.missing_detail import MissingDetail, QuestionIndex
from router.model.model import Model, model_hash
from router.model.replies import ANY_ANSWER, ReplyHead, general_replies, reply_exemplars
from router.model.request_words import RequestWords
from router.packs.pack import Pack
from router.text import Words, words_in

_N_JOINED = 800
"""Queries joined from two exemplars on which the judgement of further concerns is fitted, besides
exemplars of several skills. They are shorter than what people write."""

_MAX_PLAIN = 500
"""Single exemplars of each half that it is fitted on, at most; each then stands for several."""

_SURELY_NAMED = 0.4
"""From this probability on a clause surely names its likeliest skill."""

_SHORT_EXEMPLARS, _MAX_ANSWERS = 5, 2_000
"""So many short exemplars of each target, and so many of these and all replies together, show what
an answer is."""


def fit_model(pack: Pack, encoder: Encoder) -> Model:
    """Fit everything on the pack's exemplars.

    The judgements on top of the head (whether a detail is missing, further concerns) are fitted on
    what a head says of exemplars that it has not seen.
    """
    key, second = encoder.key, second_of(encoder)
    encoder = encoder.first if isinstance(encoder, PairedEncoder) else encoder
    rows = sorted(pack.fitted_exemplars())
    labels, texts = [label for label, _ in rows], [text for _, text in rows]
    fitter, vectors = fitter_for(pack, encoder), encoder.encode(texts)
    fitted = fitter.fit_held_out(texts, vectors, labels)
    head, judged, held_out = fitted.head, fitted.judged, fitted.probabilities
    layout = Layout.of(pack, head.names)
    questions = _question_index(pack, encoder)
    again = None if second is None else SecondFit.of(pack, second, texts, labels, held_out)
    if pack.is_made_of_documents and not pack.is_made_of_tools:
        missing_detail, concerns = MissingDetail(None), Concerns.typical()
        gate = ClauseGate.typical()
        if pack.questions:
            words = words_in(texts[row] for row in judged)
            asked = questions.evidence(words, vectors[judged], held_out[:, layout.questions])
            truth = np.char.startswith(np.asarray(labels)[judged], "question:")
            missing_detail = MissingDetail.fit(asked.features(), truth)
    else:
        missing_detail, concerns, gate = _fit_judgements(
            pack, encoder, fitter.like(head), fitted, texts, vectors, labels, questions, again
        )
    held_out = held_out if again is None else again.held_out
    return Model(
        encoder_key=key,
        pack_hash=model_hash(pack),
        head=fitter.for_queries(head, encoder),
        centroids=Centroids.of(vectors, labels),
        categories=category_centroids(pack, vectors, labels),
        exemplar_labels=tuple(labels),
        exemplar_texts=tuple(texts),
        layout=layout,
        questions=questions,
        missing_detail=missing_detail,
        concerns=concerns,
        gate=gate,
        replies=_fit_replies(pack, encoder),
        statistics=statistics_of(
            head, layout, texts, labels, judged, held_out, joined=again is not None
        ),
        second_look=None if again is None else again.look,
        label_sets=fit_label_sets(pack, texts, vectors, judged, held_out[:, layout.skills]),
    )


def refit_on(pack: Pack, model: Model, kept: Indices) -> Model:
    """Fit the head on some of a model's exemplars, each target among them; embeds nothing.

    The judgements on top of the head have few parameters, were fitted on held-out exemplars, and
    stay as they are.
    """
    labels = [model.exemplar_labels[i] for i in kept]
    texts = [model.exemplar_texts[i] for i in kept]
    vectors = model.head.exemplars[kept]
    fitter = fitter_of(pack, model.head)
    fitted = fitter.fit_held_out(texts, vectors, labels)
    head, judged, held_out = fitted.head, fitted.judged, fitted.probabilities
    look = model.second_look
    if look is not None:
        look, held_out = refit_second_look(pack, look, kept, texts, labels, held_out)
    layout = Layout.of(pack, head.names)
    centroids = [
        vectors[[label == f"question:{question}" for label in labels]].mean(axis=0)
        for question in pack.questions
    ]
    width = vectors.shape[1]
    questions = replace(
        model.questions, centroids=unit_rows(np.array(centroids).reshape(-1, width))
    )
    return replace(
        model,
        head=head,
        centroids=Centroids.of(vectors, labels),
        exemplar_labels=tuple(labels),
        exemplar_texts=tuple(texts),
        questions=questions,
        statistics=statistics_of(
            head, layout, texts, labels, judged, held_out, joined=look is not None
        ),
        second_look=look,
    )


def category_centroids(pack: Pack, vectors: Vectors, labels: Sequence[str]) -> Centroids:
    """Average the exemplars of the skills of each category."""
    category = {f"skill:{skill.id}": skill.category for skill in pack.skills.values()}
    of_skills = [index for index, label in enumerate(labels) if label in category]
    if len(of_skills) < len(labels):  # a copy may take gigabytes
        vectors = vectors[of_skills]
    return Centroids.of(vectors, [category[labels[index]] for index in of_skills])


def _question_index(pack: Pack, encoder: Encoder) -> QuestionIndex:
    means = [encoder.encode(lines).mean(axis=0) for lines in pack.exemplars.questions.values()]
    replies = {
        question: encoder.encode([line for lines in options.values() for line in lines])
        for question, options in pack.exemplars.options.items()
    }
    centroids = unit_rows(np.array(means).reshape(len(means), encoder.width))
    return QuestionIndex.of(list(pack.questions.values()), centroids, replies)


def _fit_replies(pack: Pack, encoder: Encoder) -> dict[str, ReplyHead]:
    rows = {
        question.id: reply_exemplars(question, pack.exemplars.options[question.id])
        for question in pack.questions.values()
    }
    rows[ANY_ANSWER] = general_reply_exemplars(pack)
    return {
        name: ReplyHead.fit(of_head, encoder.encode([text for _, text in of_head]))
        for name, of_head in rows.items()
    }


def general_reply_exemplars(pack: Pack) -> list[tuple[str, str]]:
    """List (meaning, reply) for a question that no pack words: an answer, or a general reply."""
    titles = [skill.title for skill in pack.file.skills]
    titles += [neighbour.title for neighbour in pack.file.neighbours]
    groups = [*pack.exemplars.skills.values(), *pack.exemplars.neighbours.values()]
    shortest = [
        line
        for lines in groups
        for line in sorted(lines, key=lambda line: (len(line), line))[:_SHORT_EXEMPLARS]
    ]
    replies = [
        line
        for group in pack.exemplars.options.values()
        for lines in group.values()
        for line in lines
    ]
    general = [(meaning, line) for meaning, lines in general_replies().items() for line in lines]
    known = {line.casefold() for _, line in general}
    answers = list(dict.fromkeys((*titles, *shortest, *replies)))
    answers = answers[:: -(-len(answers) // _MAX_ANSWERS)]
    return [*((ANY_ANSWER, line) for line in answers if line.casefold() not in known), *general]


def _fit_judgements(
    pack: Pack,
    encoder: Encoder,
    fitter: HeadFitter[Any],
    fitted: HeldOut[Any],
    texts: Sequence[str],
    vectors: Vectors,
    labels: Sequence[str],
    questions: QuestionIndex,
    again: SecondFit | None,
) -> tuple[MissingDetail, Concerns, ClauseGate]:
    typical = pack.has_typical_judgements
    if typical and not pack.questions:
        return MissingDetail(None), Concerns.typical(), ClauseGate.typical()
    features, needs_question, clauses = [], [], []
    for side, (seen, unseen) in enumerate(_sides(fitted, labels, texts)):
        head: Head = fitted.without or fitter.fit(
            [texts[i] for i in seen], vectors[seen], [labels[i] for i in seen]
        )
        layout = Layout.of(pack, head.names)
        held_out = [texts[i] for i in unseen]
        whole = head.probabilities(held_out, vectors[unseen])
        if again is not None:
            whole = again.of_unseen(texts, labels, seen, unseen, whole)
        evidence = questions.evidence(
            words_in(held_out), vectors[unseen], whole[:, layout.questions]
        )
        features.append(evidence.features())
        needs_question.append(np.array([labels[i].startswith("question:") for i in unseen]))
        truth = {texts[i]: labels[i].removeprefix("skill:") for i in unseen}
        if not typical:
            clauses.append(_judge_clauses(pack, encoder, head, layout, truth, side))
    missing_detail = MissingDetail(None)
    if pack.questions:
        missing_detail = MissingDetail.fit(np.vstack(features), np.concatenate(needs_question))
    if typical:
        return missing_detail, Concerns.typical(), ClauseGate.typical()
    return missing_detail, *_fit_concerns(clauses, fitter.overlooked)


def _sides(
    fitted: HeldOut[Any], labels: Sequence[str], texts: Sequence[str]
) -> list[tuple[list[int], list[int]]]:
    """Give (seen, unseen) twice: halves of all exemplars, or of those that a head has not seen."""
    if fitted.without is None:
        return halves_in_turn(labels, texts)
    seen, judged = np.delete(np.arange(len(texts)), fitted.judged).tolist(), fitted.judged
    of_judged = halves_of([labels[i] for i in judged], [texts[i] for i in judged])
    return [(seen, judged[of_judged == side].tolist()) for side in (0, 1)]


@dataclass(frozen=True)
class _JudgedClauses:
    """What one head says of exemplars that it has not seen, plain and joined, and their clauses."""

    words: Words
    clauses: Sequence[Sequence[str]]
    probabilities: Probabilities  # (n_clauses, n_skills)
    nearest: Similarities  # (n_clauses, n_skills)
    whole: Probabilities  # (n_texts, n_skills)
    wanted: Bools  # (n_texts, n_skills): is a concern of the text
    count: Indices  # (n_texts,): the texts that each one stands for
    several: Indices  # (n_several,): texts of two clauses and more
    gate_features: Floats  # (n_several, 8)

    def evidence(self, request_words: RequestWords) -> ClauseEvidence:
        """Lay out what is known of the clauses."""
        requests = request_words.log_odds(self._flat)
        return ClauseEvidence.of(
            self.words, self.clauses, self.probabilities, self.nearest, requests
        )

    def request_words(self) -> RequestWords:
        """Learn how requests are worded, from clauses that surely name a skill."""
        owner = np.repeat(np.arange(len(self.clauses)), [len(group) for group in self.clauses])
        sure = np.flatnonzero(self.probabilities.max(axis=1, initial=0.0) >= _SURELY_NAMED)
        named = self.probabilities[sure].argmax(axis=1)
        return RequestWords.fit(
            [self._flat[index] for index in sure.tolist()],
            self.wanted[owner[sure], named],
            self.count[owner[sure]].astype(np.float64),
        )

    @property
    def _flat(self) -> list[str]:
        return [clause for group in self.clauses for clause in group]


def _judge_clauses(
    pack: Pack,
    encoder: Encoder,
    head: Head,
    layout: Layout,
    truth: Mapping[str, str],
    seed: int,
) -> _JudgedClauses:
    skills = list(pack.skills)
    unseen = {
        skill: sorted(text for text in lines if truth.get(text) == skill)
        for skill, lines in pack.exemplars.skills.items()
    }
    plain = [(text, frozenset((skill,))) for skill, lines in unseen.items() for text in lines]
    plain = plain[:: max(-(-len(plain) // _MAX_PLAIN), 1)]
    n_lines = sum(len(lines) for lines in pack.exemplars.skills.values())
    each = round(n_lines / 2 / max(len(plain), 1))  # there are two sides
    shared = [(line.text, frozenset(line.targets)) for line in pack.exemplars.several]
    if not pack.learns_label_sets:  # no head was fitted on them
        shared = shared[seed::2]
    rows = [*plain, *shared, *join_exemplars(unseen, _N_JOINED // 2, seed)]
    texts = [text for text, _ in rows]
    words = words_in(texts)
    clauses = [clauses_of(text) for text in texts]
    flat = [clause for group in clauses for clause in group]
    vectors = encoder.encode([*texts, *flat])
    word_votes = head.word_votes([*words, *words_in(flat)])
    probabilities = head.probabilities([*texts, *flat], vectors, word_votes)
    whole = probabilities[: len(texts), layout.skills]
    several = np.array(
        [i for i, group in enumerate(clauses) if group and skills[1:]], dtype=np.intp
    )
    return _JudgedClauses(
        words=words,
        clauses=clauses,
        probabilities=probabilities[len(texts) :, layout.skills],
        nearest=head.nearest(vectors[len(texts) :])[:, layout.skills],
        whole=whole,
        wanted=np.array([[skill in wanted for skill in skills] for _, wanted in rows]),
        count=np.where(np.arange(len(rows)) < len(plain), each, 1),
        several=several,
        gate_features=gate_features(
            [words[i] for i in several],
            [clauses[i] for i in several],
            word_votes[len(texts) :, layout.skills],
            whole[several],
        ),
    )


def _fit_concerns(
    sides: Sequence[_JudgedClauses], overlooked: float
) -> tuple[Concerns, ClauseGate]:
    """Fit the judgement of further concerns, then the guess when it has something to find.

    The clauses of each side are read with what the other side tells of the wording of requests.
    """
    rows, extra = [], []
    words = [side.request_words() for side in sides]
    evidence = [side.evidence(other) for side, other in zip(sides, reversed(words), strict=True)]
    for side, of_side in zip(sides, evidence, strict=True):
        features, possible = of_side.features(side.whole)
        text, skill = np.nonzero(possible)
        text, skill = (np.repeat(index, side.count[text]) for index in (text, skill))
        rows.append((features[text, skill], side.wanted[text, skill], side.whole[text, skill]))
    features, wanted, whole = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    concerns = Concerns.fit(features, wanted, whole, RequestWords.mean(words))
    for side, of_side in zip(sides, evidence, strict=True):
        found = concerns.extra_skills(of_side, side.whole)[side.several].max(axis=1) >= FOUND
        extra.append(np.repeat(found, side.count[side.several]))
    gate = [np.repeat(side.gate_features, side.count[side.several], axis=0) for side in sides]
    return concerns, ClauseGate.fit(np.concatenate(gate), np.concatenate(extra), overlooked)
