"""The readings of a turn: alone, joined with its topic, and the topic without the turn."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from router.arrays import Bools, Floats, Indices, Probabilities
from router.conversations.cues import (
    CUES,
    corrects,
    cues,
    english_share,
    instead_of,
    is_acknowledgement,
)
from router.conversations.given_vectors import Given, GivenVectors, given_vectors
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
) -> Readings:
    """Read each text alone and with its topic; all texts are embedded in one batch.

    What was said before is read only where it can count: not before a thank, and not in a
    conversation in another language.
    """
    words = words_in(texts)
    acknowledged = np.array(
        [
            bool(history) and is_acknowledgement(text, of_text)
            for history, text, of_text in zip(histories, texts, words, strict=True)
        ],
        dtype=np.bool_,
    )
    topics = [
        Topic() if thanks else topic_of(history, turn_model)
        for history, thanks in zip(histories, acknowledged.tolist(), strict=True)
    ]
    english = np.array([_english(topic, text) for topic, text in zip(topics, texts, strict=True)])
    topics = [topic if share else Topic() for topic, share in zip(topics, english, strict=True)]
    correcting = np.array([corrects(of_text) for of_text in words])
    instead = [
        instead_of(text) if topic.turns and corrected else text
        for text, topic, corrected in zip(texts, topics, correcting.tolist(), strict=True)
    ]
    said = [text for topic in topics for text in topic.texts]
    reads_tokens = isinstance(model.head, DocumentHead) and model.head.late is not None
    given = given_vectors(encoder, [*texts, *instead, *said], with_tokens=reads_tokens)
    rows = _Rows(list(texts), given)
    of_instead, of_topic, of_joined = (
        np.array(
            [
                rows.of_turn(row, topic, text, turn_model.topic_share)
                for row, (topic, text) in enumerate(zip(topics, instead, strict=True))
            ],
            dtype=np.intp,
        )
        .reshape(-1, 3)
        .T
    )
    known = GivenVectors(encoder, rows.known)
    whole = model.plain_evidence(rows.texts, known)
    alone = _taken(whole, np.arange(len(texts)))
    before, topical = whole.probabilities[of_topic], english > 0
    return Readings(
        topics=topics,
        alone=model.with_further_concerns(alone, known),
        instead=_taken(whole, of_instead),
        joined=_taken(whole, of_joined),
        before=_with_decisions(model, before, topics) * topical[:, None],
        cosine=np.einsum("ij,ij->i", alone.vectors, whole.vectors[of_topic]) * topical,
        correcting=correcting,
        english=english,
        acknowledged=acknowledged,
    )


@dataclass
class _Rows:
    """The texts that are scored in one batch: first the turns, then what they are read with.

    :param known: The vector of each text.
    """

    texts: list[str]
    known: dict[str, Given]

    def of_turn(self, row: int, topic: Topic, instead: str, share: float) -> tuple[int, int, int]:
        """Add what a turn says instead, its topic, and both joined.

        :param share: The length of the topic's vector in the joined one, beside the turn's 1.
        :return: Their rows; that of the turn itself where there is no such text.
        """
        if not topic.turns:
            return row, row, row
        of_topic = _weighed([self.known[text] for text in topic.texts], topic.weights)
        of_joined = _weighed([of_topic, self.known[instead]], [share, 1.0])
        first = row if instead == self.texts[row] else self._add(instead)
        second = self._add("\n".join(topic.texts), of_topic)
        return first, second, self._add("\n".join((*topic.texts, instead)), of_joined)

    def _add(self, text: str, given: Given | None = None) -> int:
        if given is not None:
            self.known.setdefault(text, given)
        self.texts.append(text)
        return len(self.texts) - 1


def _taken(value: Any, rows: Indices) -> Any:  # noqa: ANN401 - evidence, and what it is made of
    """Give some rows of an array, of a list, or of all that a dataclass has."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = {part.name: _taken(getattr(value, part.name), rows) for part in fields(value)}
        return replace(value, **parts)
    if isinstance(value, np.ndarray):
        return value[rows]
    return [value[row] for row in rows.tolist()] if isinstance(value, list) else value


def _english(topic: Topic, text: str) -> float:
    """Tell how far the words of a conversation can be trusted; 0 where nothing was said before."""
    return english_share(words_of("\n".join((*topic.texts, text)))) if topic.turns else 0.0


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
    leaning = turn_model.leaning.probabilities(of_words, CUES)
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
