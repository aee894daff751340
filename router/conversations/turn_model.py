"""The fitted weights that tell how much a turn needs what came before it.

They were fitted once, on authored conversations of several domains and on queries that follow any
other query (`benchmarks/turn_weights.py`), and hold for every pack and encoder.
"""

from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from router.arrays import Floats
from router.conversations.cues import CUES
from router.files import read_json
from router.statistics.probability import Logistic

WEIGHTS_FILE = Path(__file__).with_name("turn_weights.json")

READING_FEATURES = (
    "cosine_with_topic",
    "sure_alone",
    "none_alone",
    "near_alone",
    "sure_joined",
    "nearer_joined",
    "topic_alone",
    "topic_joined",
)
"""What the readings tell beside the words: how near the turn lies to its topic, how sure each
reading is and how near it lies to exemplars, and how much each says for what was decided before."""

FEATURES = (*CUES, *READING_FEATURES)

_Positive = Annotated[float, Meta(ge=0.0)]


class TurnModel(Struct, frozen=True, forbid_unknown_fields=True):
    """Weights of two logistic models, and how the reading in context is put together.

    :param by_words: Weights of `CUES`: does a turn need what came before, by its words alone? With
        these the earlier turns are judged, to find where the topic begins.
    :param by_readings: Weights of `FEATURES`: the same, by words and readings.
    :param alone_power: The power of the probabilities of the turn alone in the reading in context.
    :param joined_power: The power of the probabilities of the turn joined with its topic.
    :param topic_share: The length of the topic's vector in the joined one, beside the turn's 1.
    :param ruling_out: How strongly a correction rules out what was decided before.
    """

    by_words: dict[str, float]
    words_bias: float
    by_readings: dict[str, float]
    readings_bias: float
    alone_power: _Positive
    joined_power: _Positive
    topic_share: _Positive
    ruling_out: _Positive

    def leaning(self, cues: Floats) -> float:
        """Estimate from the words of one turn whether it needs what came before; in [0, 1]."""
        return float(_logistic(self.by_words, CUES, self.words_bias).probabilities(cues[None])[0])

    def weights(self, features: Floats) -> Floats:
        """Estimate how likely turns need what came before.

        :param features: In the order of `FEATURES`. Shape: (n_texts, n_features).
        :return: Shape: (n_texts,), in [0, 1].
        """
        model = _logistic(self.by_readings, FEATURES, self.readings_bias)
        return model.probabilities(features)


def _logistic(weights: dict[str, float], names: tuple[str, ...], bias: float) -> Logistic:
    return Logistic(np.array([weights[name] for name in names]), bias)


@cache
def turn_model() -> TurnModel:
    """Read the weights that the package has."""
    return read_json(WEIGHTS_FILE, TurnModel)
