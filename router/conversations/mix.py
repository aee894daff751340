"""Both readings of a turn become one, by how much the turn needs what came before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from router.arrays import Bools, Floats, Probabilities
from router.conversations.history import Turn
from router.conversations.readings import Readings, features_of, read_turns
from router.conversations.turn_model import FEATURES, TurnModel, turn_model
from router.encoders.encoder import Encoder
from router.heads.scores import Scores
from router.heads.similarity import unit_rows
from router.model.layout import Layout
from router.model.missing_detail import QuestionEvidence
from router.model.model import Evidence, Model

_EDGE = 1e-4
"""No probability that is multiplied is less."""

_DOUBT = 0.02
"""What was decided before can be wrong: it speaks against no target more than this does."""


@dataclass(frozen=True)
class TurnsInContext:
    """A batch of turns, read with what came before as far as they need it.

    :param evidence: Both readings mixed: what the policy decides by.
    :param weights: How much of the reading in context is in it. Shape: (n_texts,), in [0, 1].
    :param in_context: The probability of each target, read in context. Shape: (n_texts, n_targets).
    """

    readings: Readings
    evidence: Evidence
    weights: Floats
    in_context: Probabilities

    @property
    def acknowledged(self) -> Bools:
        """Whether the turn only thanks, agrees or says goodbye. Shape: (n_texts,)."""
        return self.readings.acknowledged


def in_context(
    model: Model,
    encoder: Encoder,
    texts: Sequence[str],
    histories: Sequence[Sequence[Turn]],
    turns: TurnModel | None = None,
) -> TurnsInContext:
    """Read turns alone and with their histories, and mix both readings.

    A turn without a history is read alone, to the last digit.

    :param histories: What was said before each text, the oldest first.
    :param turns: How much a turn needs what came before; the package's own weights if None.
    """
    turns = turns or turn_model()
    readings = read_turns(model, encoder, texts, histories, turns)
    features = features_of(readings, model, turns)
    weights = turns.needing.probabilities(features, FEATURES) * readings.english
    staying = turns.staying.probabilities(features, FEATURES)
    likely = context_probabilities(readings, model.layout, staying, turns)
    evidence = mixed(readings, weights, likely, model.layout)
    return TurnsInContext(readings, evidence, weights, likely)


def mixed(
    readings: Readings, weights: Floats, in_context: Probabilities, layout: Layout
) -> Evidence:
    """Mix the reading of each turn alone with the one in context.

    :param weights: How much the reading in context counts. Shape: (n_texts,), in [0, 1].
    :param in_context: As `context_probabilities` gives them.
    """
    alone, joined = readings.alone, readings.joined
    share = weights[:, None]

    def mix(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        of_row = share if first.ndim == 2 else weights
        return np.asarray((1.0 - of_row) * first + of_row * second)

    probabilities = mix(alone.probabilities, in_context)
    nearer = np.maximum(alone.nearest, joined.nearest)
    nearer[:, layout.none] = joined.nearest[:, layout.none]
    nearest = mix(alone.nearest, nearer).astype(np.float32)
    vectors = unit_rows(mix(alone.vectors, joined.vectors))
    vectors[weights == 0.0] = alone.vectors[weights == 0.0]
    return replace(
        alone,
        words=[
            _latest(first, second, weight)
            for first, second, weight in zip(
                alone.words, joined.words, weights.tolist(), strict=True
            )
        ],
        scores=Scores(vectors, probabilities, nearest, alone.scores.looks),
        nearest_similarity=mix(
            alone.nearest_similarity,
            np.maximum(alone.nearest_similarity, joined.nearest_similarity),
        ),
        centroid_similarity=mix(
            alone.centroid_similarity,
            np.maximum(alone.centroid_similarity, joined.centroid_similarity),
        ),
        questions=QuestionEvidence(
            mix(alone.questions.probabilities, joined.questions.probabilities),
            np.where(weights < 0.5, alone.questions.triggered, joined.questions.triggered),
            mix(alone.questions.answered, joined.questions.answered),
            mix(alone.questions.n_words, joined.questions.n_words),
        ),
        missing_detail=mix(
            alone.missing_detail, np.minimum(readings.instead.missing_detail, joined.missing_detail)
        ),
        extra_skills=mix(alone.extra_skills, np.zeros_like(alone.extra_skills)),
    )


def context_probabilities(
    readings: Readings, layout: Layout, staying: Floats, turns: TurnModel
) -> Probabilities:
    """Compute the probabilities of turns that need what came before.

    What the turn says alone and what it says with its topic are multiplied, so that a turn may
    change the concern; so is what the topic alone says, as far as the turn stays with it. A
    correction takes away from what was decided before. That a turn belongs nowhere counts only if
    it does so with its topic.

    :param staying: How likely each turn stays with what was decided. Shape: (n_texts,).
    :return: Shape: (n_texts, n_targets).
    """
    joined = readings.joined.probabilities
    alone = readings.instead.probabilities.copy()
    alone[:, layout.none] = joined[:, layout.none]
    stays = (staying * (1.0 - readings.correcting))[:, None]
    logs = turns.alone_power * (1.0 - stays) * np.log(np.maximum(alone, _EDGE))
    logs += turns.joined_power * np.log(np.maximum(joined, _EDGE))
    logs += turns.before_power * stays * np.log(np.maximum(readings.before, _DOUBT))
    ruled_out = np.minimum(readings.correcting[:, None] * readings.before, 1.0 - _EDGE)
    logs += turns.ruling_out * np.log1p(-ruled_out)
    logs -= logs.max(axis=1, keepdims=True)
    likely = np.exp(logs)
    return np.asarray(likely / likely.sum(axis=1, keepdims=True))


def _latest(alone: Sequence[str], joined: Sequence[str], weight: float) -> Sequence[str]:
    """Give the last words of both readings, as many as the two have on average."""
    n_words = round((1.0 - weight) * len(alone) + weight * len(joined))
    return alone if n_words <= len(alone) else joined[len(joined) - n_words :]
