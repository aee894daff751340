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
    "leaning_by_words",
    "cosine_with_topic",
    "sure_alone",
    "none_leaning",
    "none_standing",
    "near_leaning",
    "near_standing",
    "sure_joined",
    "nearer_joined",
    "topic_alone",
    "topic_joined",
)
"""What the readings tell beside the words: how near the turn lies to its topic, how sure each
reading is and how near it lies to exemplars and to "none" (if the turn leans on something by its
words, and if not), and how much each says for what was decided before."""

FEATURES = (*CUES, *READING_FEATURES)

_Positive = Annotated[float, Meta(ge=0.0)]


class Weights(Struct, frozen=True, forbid_unknown_fields=True):
    """A logistic model with a weight for each name."""

    weights: dict[str, float]
    bias: float

    def probabilities(self, features: Floats, names: tuple[str, ...]) -> Floats:
        """Estimate how likely it is of each turn. Shape: (n_turns, n_names) to (n_turns,).

        :param names: The name of each feature.
        """
        weights = np.array([self.weights[name] for name in names])
        return Logistic(weights, self.bias).probabilities(features)


class TurnModel(Struct, frozen=True, forbid_unknown_fields=True):
    """Logistic models, and how the reading in context is put together.

    :param leaning: By `CUES`: does a turn need what came before, as far as its words alone tell?
        With these the earlier turns are judged, to find where the topic begins.
    :param needing: By `FEATURES`: the same, by words and readings.
    :param staying: By `FEATURES`: does a turn that needs what came before stay with what was
        decided?
    :param alone_power: The power of the probabilities of the turn alone in the reading in context,
        where it does not stay.
    :param joined_power: The power of the probabilities of the turn joined with its topic.
    :param before_power: The power of the probabilities of the topic alone, where the turn stays.
    :param topic_share: The length of the topic's vector in the joined one, beside the turn's 1.
    :param ruling_out: How strongly a correction rules out what was decided before.
    """

    leaning: Weights
    needing: Weights
    staying: Weights
    alone_power: _Positive
    joined_power: _Positive
    before_power: _Positive
    topic_share: _Positive
    ruling_out: _Positive


@cache
def turn_model() -> TurnModel:
    """Read the weights that the package has."""
    return read_json(WEIGHTS_FILE, TurnModel)
