"""The readings of a turn: alone, joined with its topic, and the topic without the turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import Bools, Floats, Probabilities
from router.conversations.cues import (
    CUES,
    corrects,
    cues,
    english_share,
    instead_of,
    is_acknowledgement,
)
from router.conversations.given_vectors import Given, GivenVectors, KeptVectors
from router.conversations.history import Turn
from router.conversations.topic import Topic, topic_of
from router.conversations.turn_model import TurnModel
from router.encoders.encoder import NO_TOKENS, Encoder
from router.heads.document_head import DocumentHead
from router.heads.similarity import unit_rows
from router.model.model import Evidence, Model
from router.statistics.probability import logit
from router.text import words_in, words_of

_DECIDED = 0.9
"""The probability of what was decided on an earlier turn, where the history tells."""


@dataclass(frozen=True)
class Readings:
    """What is known of a batch of turns; each row is one turn, in order.

    :param topics: The earlier turns that each was read with.
    :param alone: The turn alone, as without a history.
    :param instead: What a correction says instead; the turn itself if it is none.
    :param joined: That with the topic before it.
    :param before: The probability of each target for the topic; zeros where there is none. Shape:
        (n_texts, n_targets).
    :param cosine: Of the turn with its topic. Shape: (n_texts,).
    :param correcting: How much the turn sounds like a correction, in [0, 1]. Shape: (n_texts,).
    :param english: How sure it is that the conversation is in English, and 0 where nothing was said
        before: so far the words can be trusted. Shape: (n_texts,), in [0, 1].
    :param acknowledged: Whether the turn only thanks, agrees or says goodbye. Shape: (n_texts,).
    """

    topics: Sequence[Topic]
    alone: Evidence
    instead: Evidence
    joined: Evidence
    before: Probabilities
    cosine: Floats
    correcting: Floats
    english: Floats
    acknowledged: Bools


def read_turns(
    model: Model,
    encoder: Encoder,
    texts: Sequence[str],
    histories: Sequence[Sequence[Turn]],
    turn_model: TurnModel,
    kept: KeptVectors | None = None,
) -> Readings:
    """Read each text alone and with its topic; all texts are embedded in one batch.

    :param kept: Vectors of texts that came lately.
    """
    kept = kept or KeptVectors(encoder)
    topics = [topic_of(history, turn_model) for history in histories]
    said = [text for topic in topics for text in topic.texts]
    reads_tokens = isinstance(model.head, DocumentHead) and model.head.late is not None
    correcting = np.array([corrects(words_of(text)) for text in texts])
    instead = [
        instead_of(text) if topic.turns and corrected else text
        for text, topic, corrected in zip(texts, topics, correcting.tolist(), strict=True)
    ]
    given = kept.given([*texts, *instead, *said], reads_tokens)
    known = GivenVectors(encoder, given)
    alone = model.evidence(texts, known)
    corrected = (
        model.evidence(instead, known, further_concerns=False) if correcting.any() else alone
    )
    of_topics = [_of_topic(topic, given, encoder.width) for topic in topics]
    topic_texts = ["\n".join(topic.texts) for topic in topics]
    before = model.scores(
        topic_texts,
        words_in(topic_texts),
        GivenVectors(encoder, dict(zip(topic_texts, of_topics, strict=True))),
    )
    joined_texts = [
        "\n".join((*topic.texts, text)) for topic, text in zip(topics, instead, strict=True)
    ]
    of_joined = [
        _weighed([of_topic, given[text]], [turn_model.topic_share, 1.0])
        for text, of_topic in zip(instead, of_topics, strict=True)
    ]
    joined = model.evidence(
        joined_texts,
        GivenVectors(encoder, dict(zip(joined_texts, of_joined, strict=True))),
        further_concerns=False,
    )
    words = alone.words
    topical = np.array([bool(topic.turns) for topic in topics])
    said_words = [words_of(text) for text in joined_texts]
    return Readings(
        topics=topics,
        alone=alone,
        instead=corrected,
        joined=joined,
        before=_with_decisions(model, before.probabilities, topics) * topical[:, None],
        cosine=np.einsum("ij,ij->i", alone.vectors, before.vectors).astype(np.float64),
        correcting=correcting,
        english=np.array([english_share(of_all) for of_all in said_words]) * topical,
        acknowledged=np.array(
            [
                bool(history) and is_acknowledgement(text, of_text)
                for history, text, of_text in zip(histories, texts, words, strict=True)
            ],
            dtype=np.bool_,
        ),
    )


def _of_topic(topic: Topic, given: Mapping[str, Given], width: int) -> Given:
    """Give the vector of a topic; zeros where there is none."""
    if not topic.turns:
        return Given(np.zeros(width, dtype=np.float32), NO_TOKENS)
    return _weighed([given[text] for text in topic.texts], topic.weights)


def _weighed(parts: Sequence[Given], weights: Sequence[float]) -> Given:
    """Add up vectors to one of length 1, and put their tokens one after another."""
    total = np.sum([w * part.vector for w, part in zip(weights, parts, strict=True)], axis=0)
    tokens = [part.tokens for part in parts if part.tokens is not None and len(part.tokens)]
    known = all(part.tokens is not None for part in parts)
    joined = np.concatenate(tokens) if tokens else NO_TOKENS
    return Given(unit_rows(total[None])[0], joined if known else None)


def _with_decisions(model: Model, read: Probabilities, topics: Sequence[Topic]) -> Probabilities:
    """Trust what was decided on the last turn of a topic more than what it reads like."""
    columns = {name.partition(":")[2]: i for i, name in enumerate(model.names) if ":" in name}
    before = read.copy()
    for row, topic in enumerate(topics):
        decided = (
            [columns[t] for t in topic.turns[-1].targets if t in columns] if topic.turns else []
        )
        if decided:
            before[row] *= 1.0 - _DECIDED
            before[row, decided] += _DECIDED / len(decided)
    return before


def features_of(readings: Readings, model: Model, turn_model: TurnModel) -> Floats:
    """Describe each turn by its words and readings, in the order of `FEATURES`.

    :return: Shape: (n_texts, n_features).
    """
    layout, alone, joined = model.layout, readings.alone, readings.joined
    of_alone, of_joined, of_before = (
        _shares(probabilities[:, layout.targets])
        for probabilities in (alone.probabilities, joined.probabilities, readings.before)
    )
    of_words = np.array([cues(words) for words in alone.words]).reshape(-1, len(CUES))
    leaning = turn_model.leaning_of(of_words)
    none = alone.probabilities[:, layout.none].sum(axis=1)
    columns = [
        logit(leaning, 0.02),
        readings.cosine,
        logit(of_alone.max(axis=1, initial=0.0), 0.02),
        none * leaning,
        none * (1.0 - leaning),
        alone.nearest_similarity * leaning,
        alone.nearest_similarity * (1.0 - leaning),
        logit(of_joined.max(axis=1, initial=0.0), 0.02),
        joined.nearest_similarity - alone.nearest_similarity,
        (of_alone * of_before).sum(axis=1),
        (of_joined * of_before).sum(axis=1),
    ]
    return np.hstack([of_words, np.column_stack(columns)])


def _shares(probabilities: Probabilities) -> Probabilities:
    return np.asarray(probabilities / np.maximum(probabilities.sum(axis=1, keepdims=True), 1e-12))
