"""From a pack's exemplars to a fitted model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from router.arrays import Bools, Floats, Indices, Probabilities, Vectors
from router.encoders.encoder import Encoder
from router.heads.centroids import Centroids, unit
from router.heads.described import AnyHead
from router.model.asking import Asking, QuestionIndex
from router.model.clause_gate import (
    FOUND,
    OVERLOOKED,
    OVERLOOKED_LINES,
    ClauseGate,
    gate_features,
)
from router.model.concerns import ClauseView, Concerns, clauses_of, join_exemplars
from router.model.fitting import Fitting, FromDescriptions, fitting_again, fitting_of, halved
from router.model.model import ANY_ANSWER, Layout, Limits, Model, model_hash
from router.model.replies import ReplyHead, general_replies, reply_exemplars
from router.packs.pack import Pack
from router.statistics.logistic import Logistic, logit
from router.text import words_in

JOINED = 800
"""Queries joined from two exemplars on which the judgement of further concerns is fitted."""


SHORTEST, MOST_REPLIES = 5, 300
"""Of each target so many short exemplars, and so many replies in all, show what an answer is."""


def fit_model(pack: Pack, encoder: Encoder) -> Model:
    """Fit everything on the pack's exemplars.

    The judgements on top of the head (whether to ask, further concerns) are fitted on what a head
    says of exemplars that it has not seen: two heads, each fitted on one half.
    """
    rows = sorted(pack.target_exemplars())
    labels, texts = [label for label, _ in rows], [text for _, text in rows]
    fitting, vectors = fitting_of(pack, encoder), encoder.encode(texts)
    head, held_out = fitting.fit_held_out(texts, vectors, labels)
    layout = Layout.of(pack, head.names)
    questions = _question_index(pack, encoder)
    asking, concerns, gate = _fit_judgements(
        pack, encoder, fitting, texts, vectors, labels, questions
    )
    return Model(
        encoder_key=encoder.key,
        pack_hash=model_hash(pack),
        head=fitting.for_queries(head, texts, encoder),
        centroids=Centroids.of(vectors, labels),
        categories=_category_centroids(pack, vectors, labels),
        exemplar_labels=tuple(labels),
        exemplar_texts=tuple(texts),
        layout=layout,
        questions=questions,
        asking=asking,
        concerns=concerns,
        gate=gate,
        replies=_fit_replies(pack, encoder),
        limits=_fit_limits(head, layout, held_out, labels),
    )


def refit_on(pack: Pack, model: Model, kept: Indices) -> Model:
    """Fit the head on some of a model's exemplars, each target among them; embeds nothing.

    The judgements on top (whether to ask, further concerns) have few numbers, were fitted on
    held-out exemplars, and stay.
    """
    labels = [model.exemplar_labels[i] for i in kept]
    texts = [model.exemplar_texts[i] for i in kept]
    vectors = model.head.exemplars[kept]
    fitting = fitting_again(pack, model.head)
    head, held_out = fitting.fit_held_out(texts, vectors, labels)
    layout = Layout.of(pack, head.names)
    needy = [
        vectors[[one == f"question:{q}" for one in labels]].mean(axis=0) for q in pack.questions
    ]
    width = vectors.shape[1]
    return replace(
        model,
        head=fitting.with_documents(head, texts),
        centroids=Centroids.of(vectors, labels),
        exemplar_labels=tuple(labels),
        exemplar_texts=tuple(texts),
        questions=replace(model.questions, needy=unit(np.array(needy).reshape(-1, width))),
        limits=_fit_limits(head, layout, held_out, labels),
    )


def _fit_limits(
    head: AnyHead, layout: Layout, held_out: Probabilities, labels: Sequence[str]
) -> Limits:
    """See what each exemplar is to the others."""
    place = {name: column for column, name in enumerate(head.names)}
    truth = np.array([place[label] for label in labels], dtype=np.intp)
    ours = ~np.isin(truth, layout.none)
    closest = _closest_others(head.exemplars, ours)
    unasked = np.flatnonzero(~np.isin(truth, layout.questions))
    needless = 1.0 - held_out[:, layout.questions].sum(axis=1)
    of_truth = held_out[unasked, truth[unasked]] / np.maximum(needless[unasked], 1e-12)
    outside = None
    if not ours.all():
        none = held_out[:, layout.none].sum(axis=1)
        outside = Logistic.fit(np.column_stack([logit(none), closest]), ~ours)
    return Limits(np.sort(closest[ours]), np.sort(of_truth), outside)


def _closest_others(vectors: Vectors, ours: Bools, chunk: int = 1_000) -> Floats:
    """Cosine of each exemplar with the closest other that is ours. Shape: (n,)."""
    closest = np.full(len(vectors), -1.0)
    for start in range(0, len(vectors), chunk):
        cosines = vectors[start : start + chunk] @ vectors.T
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -1.0
        closest[start : start + chunk] = cosines[:, ours].max(axis=1, initial=-1.0)
    return closest


def _category_centroids(pack: Pack, vectors: Vectors, labels: Sequence[str]) -> Centroids:
    category = {f"skill:{skill.id}": skill.category for skill in pack.skills.values()}
    ours = [i for i, label in enumerate(labels) if label in category]
    return Centroids.of(vectors[ours], [category[labels[i]] for i in ours])


def _question_index(pack: Pack, encoder: Encoder) -> QuestionIndex:
    needy = [encoder.encode(lines).mean(axis=0) for lines in pack.exemplars.questions.values()]
    replies = {
        q: encoder.encode([line for lines in options.values() for line in lines])
        for q, options in pack.exemplars.options.items()
    }
    centroids = unit(np.array(needy).reshape(len(needy), encoder.width))
    return QuestionIndex.of(list(pack.questions.values()), centroids, replies)


def _fit_replies(pack: Pack, encoder: Encoder) -> dict[str, ReplyHead]:
    heads = {}
    for question in pack.questions.values():
        rows = reply_exemplars(question, pack.exemplars.options[question.id])
        heads[question.id] = ReplyHead.fit(rows, encoder.encode([text for _, text in rows]))
    rows = general_reply_exemplars(pack)
    heads[ANY_ANSWER] = ReplyHead.fit(rows, encoder.encode([text for _, text in rows]))
    return heads


def general_reply_exemplars(pack: Pack) -> list[tuple[str, str]]:
    """Give (meaning, reply) for a question that no pack words: an answer, or a general one."""
    titled = [one.title for one in pack.file.skills]
    titled += [one.title for one in pack.file.neighbours]
    groups = [*pack.exemplars.skills.values(), *pack.exemplars.neighbours.values()]
    shortest = [line for lines in groups for line in sorted(lines, key=len)[:SHORTEST]]
    replies = [
        line
        for group in pack.exemplars.options.values()
        for lines in group.values()
        for line in lines
    ]
    general = [(meaning, line) for meaning, lines in general_replies().items() for line in lines]
    known = {line.casefold() for _, line in general}
    answers = dict.fromkeys((*titled, *shortest, *replies[:MOST_REPLIES]))
    return [*((ANY_ANSWER, one) for one in answers if one.casefold() not in known), *general]


def _fit_judgements(
    pack: Pack,
    encoder: Encoder,
    fitting: Fitting,
    texts: Sequence[str],
    vectors: Vectors,
    labels: Sequence[str],
    questions: QuestionIndex,
) -> tuple[Asking, Concerns, ClauseGate]:
    asked, judged = [], []
    for side, (seen, unseen) in enumerate(halved(labels)):
        head = fitting.fit([texts[i] for i in seen], vectors[seen], [labels[i] for i in seen])
        layout = Layout.of(pack, head.names)
        held_out = [texts[i] for i in unseen]
        whole = head.probabilities(held_out, vectors[unseen])
        evidence = questions.evidence(
            words_in(held_out), vectors[unseen], whole[:, layout.questions]
        )
        needs = np.array([labels[i].startswith("question:") for i in unseen])
        asked.append((evidence.features(), needs))
        truth = {texts[i]: labels[i].removeprefix("skill:") for i in unseen}
        judged.append(_read_clauses(pack, encoder, head, layout, truth, side))
    asking = Asking(
        Logistic.fit(np.vstack([f for f, _ in asked]), np.concatenate([n for _, n in asked]))
        if pack.questions
        else None
    )
    of_lines = isinstance(fitting, FromDescriptions)
    return asking, *_fit_concerns(judged, OVERLOOKED_LINES if of_lines else OVERLOOKED)


@dataclass(frozen=True)
class _ReadClauses:
    """What one head says of exemplars that it has not seen, plain and joined, and their clauses."""

    view: ClauseView
    whole: Probabilities  # (n_texts, n_skills)
    wanted: Bools  # (n_texts, n_skills): is a concern of the text
    several: Indices  # (n_several,): texts of two clauses and more
    hints: Floats  # (n_several, 8): what the gate goes by


def _read_clauses(
    pack: Pack,
    encoder: Encoder,
    head: AnyHead,
    layout: Layout,
    truth: Mapping[str, str],
    seed: int,
) -> _ReadClauses:
    skills = list(pack.skills)
    unseen = {
        skill: sorted(text for text in lines if truth.get(text) == skill)
        for skill, lines in pack.exemplars.skills.items()
    }
    plain = [(text, frozenset((skill,))) for skill, lines in unseen.items() for text in lines]
    rows = [*plain, *join_exemplars(unseen, JOINED // 2, seed)]
    texts = [text for text, _ in rows]
    said = words_in(texts)
    clauses = [clauses_of(text) for text in texts]
    flat = [clause for group in clauses for clause in group]
    probabilities = head.probabilities([*texts, *flat], encoder.encode([*texts, *flat]))
    whole = probabilities[: len(texts), layout.skills]
    several = np.array(
        [i for i, group in enumerate(clauses) if group and skills[1:]], dtype=np.intp
    )
    return _ReadClauses(
        view=ClauseView.of(said, clauses, probabilities[len(texts) :, layout.skills]),
        whole=whole,
        wanted=np.array([[skill in wanted for skill in skills] for _, wanted in rows]),
        several=several,
        hints=gate_features(
            [said[i] for i in several],
            [clauses[i] for i in several],
            head.word_votes(words_in(flat))[:, layout.skills],
            whole[several],
        ),
    )


def _fit_concerns(sides: Sequence[_ReadClauses], overlooked: float) -> tuple[Concerns, ClauseGate]:
    """Fit the judgement of further concerns, then the guess when it has something to find."""
    rows = []
    for one in sides:
        features, possible = one.view.features(one.whole)
        rows.append((features[possible], one.wanted[possible], one.whole[possible]))
    concerns = Concerns.fit(*(np.concatenate(parts) for parts in zip(*rows, strict=True)))
    found = [concerns.further(one.view, one.whole)[one.several].max(axis=1) for one in sides]
    hints = np.concatenate([one.hints for one in sides])
    return concerns, ClauseGate.fit(hints, np.concatenate(found) >= FOUND, overlooked)
