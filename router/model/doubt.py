"""How doubtful a text is: does it say too little to decide, and does it belong here at all?

Both judgements have fixed weights, which were fitted once on small bots of many domains
(`benchmarks/doubt_weights.py`), so that a pack has a sense of both on its first day. What a pack's
own exemplars add, each judged with itself left out, weighs more the more of them there are.

A text says too little if it is short and if several targets share its probability. It belongs
nowhere if it lies far from every exemplar and every centroid, or near the exemplars of "none".
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from router.arrays import Floats, Probabilities
from router.text import Words

_LENGTH, _ENTROPY, _AMBIGUITY_BIAS = -1.44, 2.97, 1.43
"""Weights of log(1 + words) and of the entropy in nats."""

_ALONE = (-0.99, -0.69, 0.0, 0.0, -0.61)
_BESIDE_NONE = (-0.97, -0.63, 3.37, 10.57, -6.09)
"""Weights of the standardised cosines with the closest exemplar and the closest centroid, of the
probability of "none", and of the cosine with the closest exemplar of "none"; then the bias. The
second row holds for packs with exemplars of "none"."""

_TYPICAL_SCALE = np.array([[0.590, 0.637], [0.065, 0.063]])
_TYPICAL_WEIGHT = 30
"""Mean and standard deviation of the two cosines over the bots. They weigh as much as so many
exemplars: a handful of exemplars that resemble each other says little of how far queries lie."""

_RATES = (0.02, 0.05, 0.10, 0.15, 0.20, 0.30, 0.50)
_AMBIGUITY_AT = (2.24, 1.32, 0.38, -0.3, -0.57, -1.1, -1.81)
"""The ambiguity that 1.5 times this share of the clear queries of the bots exceeds: their users
write unlike the exemplars."""

_REFUSED_AT, _BORDER_AT = (1.74, 1.47), (0.84, 0.35)
"""The strangeness that 1 % and 3 % of the clear queries exceed, without and with "none"."""

_REFUSED_SHARE, _BORDER_SHARE = 0.001, 0.05
"""The share of the exemplars that is refused, and that is strange enough to be asked about."""

_OWN_WEIGHT, _OWN_WEIGHT_OF_REFUSING = 1_000, 100
"""With so many exemplars, what they say of a threshold weighs as much as what the bots say."""

_FEWEST_DOUBTFUL = 10
"""With fewer doubtful exemplars the options of questions are judged by all exemplars."""


@dataclass(frozen=True)
class DoubtThresholds:
    """From which ambiguity and strangeness on the router asks, and from which strangeness it
    refuses.
    """

    ambiguity: float
    border: float
    refused: float


def _standard() -> Floats:
    return np.array([[0.0, 0.0], [1.0, 1.0]])


@dataclass(frozen=True)
class Doubt:
    """What the exemplars of a pack say of doubt, each of them judged with itself left out.

    :param scale: Mean, and standard deviation, of the cosine with the closest other exemplar and
        with the closest centroid. Shape: (2, 2).
    :param ambiguity: Of exemplars that were held out. Shape: (n,).
    :param strangeness: Of the same exemplars. Shape: (n,).
    :param true_share: The share of the true target among skills and neighbours, for the same.
    :param n_exemplars: How many in-scope exemplars the pack has.
    :param has_none: Whether the pack has exemplars of "none".
    """

    scale: Floats = field(default_factory=_standard)
    ambiguity: Floats = field(default_factory=lambda: np.empty(0))
    strangeness: Floats = field(default_factory=lambda: np.empty(0))
    true_share: Floats = field(default_factory=lambda: np.empty(0))
    n_exemplars: int = 0
    has_none: bool = False

    def strangeness_of(
        self, nearest: Floats, centroid: Floats, none: Floats, nearest_none: Floats
    ) -> Floats:
        """Compute the log odds that texts belong nowhere, among as many strangers as others.

        :param nearest: The cosine with the closest in-scope exemplar. All shapes: (n_texts,).
        :param centroid: The cosine with the closest centroid of an in-scope target.
        :param none: The probability of "none".
        :param nearest_none: The cosine with the closest exemplar of "none"; 0 if there is none.
        """
        weights = _BESIDE_NONE if self.has_none else _ALONE
        (mean_nearest, mean_centroid), (sd_nearest, sd_centroid) = self.scale
        return np.asarray(
            weights[0] * (nearest - mean_nearest) / sd_nearest
            + weights[1] * (centroid - mean_centroid) / sd_centroid
            + weights[2] * none
            + weights[3] * nearest_none
            + weights[4]
        )

    def thresholds(self, ask_rate: float) -> DoubtThresholds:
        """Find the thresholds for a share of texts to ask about; 0 never asks."""
        if ask_rate <= 0.0:
            return DoubtThresholds(np.inf, np.inf, self._refused)
        expected = float(np.interp(ask_rate, _RATES, _AMBIGUITY_AT))
        rest = self.ambiguity[self.strangeness < self._border]
        share = ask_rate - (1.0 - len(rest) / max(len(self.ambiguity), 1))
        wanted = share * len(self.ambiguity) / max(len(rest), 1)
        own = float(np.quantile(rest, 1.0 - np.clip(wanted, 0.0, 1.0))) if len(rest) else expected
        return DoubtThresholds(self._blend(expected, own), self._border, self._refused)

    @cached_property
    def _border(self) -> float:
        return self._blend(_BORDER_AT[self.has_none], self._own_strangeness(_BORDER_SHARE))

    @cached_property
    def _refused(self) -> float:
        own = self._own_strangeness(_REFUSED_SHARE)
        return self._blend(_REFUSED_AT[self.has_none], own, _OWN_WEIGHT_OF_REFUSING)

    def _own_strangeness(self, share: float) -> float:
        if not len(self.strangeness):
            return 0.0
        return float(np.quantile(self.strangeness, 1.0 - share))

    def _blend(self, expected: float, own: float, weight: int = _OWN_WEIGHT) -> float:
        """Weigh what the bots say against what the pack's own exemplars say."""
        n = self.n_exemplars if len(self.strangeness) else 0
        return (weight * expected + n * own) / (weight + n)

    def option_threshold(self, ask_rate: float, alpha: float) -> float:
        """Find the share from which on a target is offered as an option of a question.

        Among the exemplars that would be asked about, the true target has this share in all but
        `alpha` of the cases (split conformal prediction, given that a question is asked).
        """
        limits = self.thresholds(ask_rate)
        doubtful = (self.ambiguity >= limits.ambiguity) | (self.strangeness >= limits.border)
        shares = self.true_share[doubtful]
        if len(shares) < _FEWEST_DOUBTFUL:
            shares = self.true_share
        return float(np.quantile(shares, alpha)) if len(shares) else 0.0


def scale_of(cosines: Floats) -> Floats:
    """Estimate mean and standard deviation of both cosines of the in-scope exemplars.

    :param cosines: With the closest other exemplar and the closest centroid. Shape: (n, 2).
    :return: Shape: (2, 2).
    """
    if not len(cosines):
        return _TYPICAL_SCALE
    own = np.stack([cosines.mean(axis=0), np.maximum(cosines.std(axis=0), 0.02)])
    weight = len(cosines) / (len(cosines) + _TYPICAL_WEIGHT)
    return np.asarray(weight * own + (1.0 - weight) * _TYPICAL_SCALE)


def ambiguity(in_scope: Probabilities, words: Words) -> Floats:
    """Compute the log odds that texts say too little, among as many clear ones as others.

    :param in_scope: Probabilities of skills and neighbours. Shape: (n_texts, n_targets).
    :param words: The words of each text.
    :return: Shape: (n_texts,).
    """
    shares = in_scope / np.maximum(in_scope.sum(axis=1, keepdims=True), 1e-12)
    entropy = -(shares * np.log(shares + 1e-12)).sum(axis=1)
    length = np.log1p([len(of_text) for of_text in words])
    return np.asarray(_LENGTH * length + _ENTROPY * entropy + _AMBIGUITY_BIAS)
