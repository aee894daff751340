"""What a turn may lean on: the turns before it, back to the one that began the topic."""

from collections.abc import Sequence
from dataclasses import dataclass

from router.conversations.cues import CUES, cues, is_acknowledgement
from router.conversations.history import Turn
from router.conversations.turn_model import TurnModel
from router.text import words_of

_LEAST = 0.15
"""An earlier turn that counts for less than this is not read."""

_FADING = 0.8
"""How much less an earlier turn counts for each turn that followed it."""


@dataclass(frozen=True)
class Topic:
    """The turns that began and carried the topic, the oldest first, with the weight of each.

    :param weights: How much each turn counts, in (0, 1]; the last counts for 1.
    """

    turns: tuple[Turn, ...] = ()
    weights: tuple[float, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """What was said."""
        return tuple(turn.text for turn in self.turns)


def topic_of(history: Sequence[Turn], model: TurnModel) -> Topic:
    """Go back from the last turn, as far as the turns lean on those before them.

    Thanks and goodbyes are passed over.
    """
    chosen: list[tuple[Turn, float]] = []
    weight = 1.0
    for turn in reversed(history):
        words = words_of(turn.text)
        if is_acknowledgement(turn.text, words):
            continue
        chosen.append((turn, weight))
        weight *= _FADING * float(model.leaning.probabilities(cues(words)[None], CUES)[0])
        if weight < _LEAST:
            break
    chosen.reverse()
    return Topic(tuple(turn for turn, _ in chosen), tuple(weight for _, weight in chosen))
