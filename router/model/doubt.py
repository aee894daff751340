"""How doubtful a text is: does it say too little to decide, and does it belong here at all?

Both judgements have fixed weights, which were fitted once on small bots of many domains
(`benchmarks/doubt_weights.py`), so that a pack has a sense of both on its first day. What a pack's
own exemplars add, each judged with itself left out, weighs more the more of them there are.

A text says too little if it is short, if several targets share its probability, and if exemplars
of two targets lie equally near. It belongs nowhere if it lies far from every exemplar and every
centroid, or near the exemplars of "none".
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from router.arrays import Floats, Probabilities, Similarities
from router.model.layout import Layout
from router.statistics.probability import logit, margins_of
from router.text import Words

_AMBIGUITY = (-1.5, 1.6, -0.99, -0.58, 3.35)
"""Weights of log(1 + words), of the entropy in nats, of the standardised cosine with the closest
centroid, and of the lead of the closest exemplar over those of other targets in standard
deviations; then the bias."""

_ALONE = (-1.02, -0.71, 0.0, 0.0, -0.63)
_BESIDE_NONE = (-1.0, -0.66, 3.13, 10.92, -6.27)
"""Weights of the standardised cosines with the closest exemplar and the closest centroid, of the
probability of "none", and of the cosine with the closest exemplar of "none"; then the bias. The
second row holds for packs with exemplars of "none"."""

_TYPICAL_SCALE = np.array([[0.590, 0.637], [0.065, 0.063]])
_TYPICAL_WEIGHT = 30
"""Mean and standard deviation of the two cosines over the bots. They weigh as much as so many
exemplars: a handful of exemplars that resemble each other says little of how far queries lie."""

_RATES = (0.02, 0.05, 0.10, 0.15, 0.20, 0.30, 0.50)
_AMBIGUITY_AT = (2.4, 1.6, 0.8, 0.05, -0.45, -1.3, -2.55)
"""The ambiguity that 1.3 times this share of the clear queries of the bots exceeds: their users
write unlike the exemplars."""

_REFUSED_AT, _BORDER_AT = (1.91, 1.55), (1.22, 0.8)
"""The strangeness that 1 % and 2 % of the clear queries exceed, without and with "none"."""

_REFUSED_SHARE, _BORDER_SHARE = 0.001, 0.05
"""The share of the exemplars that is refused, and that is strange enough to be asked about."""

_HALFWAY, _HALFWAY_OF_REFUSING = 500, 100
"""With so many exemplars, what they say of a threshold weighs as much as what the bots say; with
twice as many four times as much."""

_CLEARNESS = (0.6, 2.3, -6.0)
"""Weights of the log odds of the likeliest skill in a folder of documents, and of log(1 + words);
then the bias. They were chosen on queries to the first three collections of
`benchmarks/skill_collections.py`; no script fits them again."""

_ENOUGH_WORDS = 14
"""A text of more words is no clearer for it."""

_MARGIN_WEIGHT = 2.0
"""Where two encoders decide, their joined margin tells more of doubt than anything else. This
weight of its log odds was chosen on validation splits of BANKING77 and CLINC150."""

MIN_OPTIONS, MAX_OPTIONS = 2, 4
"""Options of a composed question besides "none of these"."""

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


@dataclass(frozen=True)
class Nearness:
    """How near texts lie to what is known. All shapes: (n_texts,).

    :param nearest: The cosine with the closest exemplar of a skill or neighbour.
    :param lead: How much larger it is than the cosine with the closest exemplar of any other skill
        or neighbour; 1 if there is no other.
    :param centroid: The cosine with the closest centroid of a skill or neighbour.
    :param none: The probability of "none".
    :param nearest_none: The cosine with the closest exemplar of "none"; 0 if there is none.
    """

    nearest: Floats
    lead: Floats
    centroid: Floats
    none: Floats
    nearest_none: Floats

    @classmethod
    def of(
        cls, nearest: Similarities, centroid: Floats, probabilities: Probabilities, layout: Layout
    ) -> "Nearness":
        """Read it off what a head says.

        :param nearest: The cosine with each target's closest exemplar. Shape: (n_texts, n_targets).
        :param probabilities: Of each target. Shape: (n_texts, n_targets).
        """
        of_targets = nearest[:, layout.targets].astype(np.float64)
        lead = np.ones(len(nearest))
        if of_targets.shape[1] > 1:
            two = np.partition(of_targets, -2, axis=1)[:, -2:]
            lead = two[:, 1] - two[:, 0]
        return cls(
            nearest=of_targets.max(axis=1, initial=-1.0),
            lead=lead,
            centroid=centroid,
            none=probabilities[:, layout.none].sum(axis=1),
            nearest_none=nearest[:, layout.none].max(axis=1, initial=0.0),
        )


def _standard() -> Floats:
    return np.array([[0.0, 0.0], [1.0, 1.0]])


@dataclass(frozen=True)
class Doubt:
    """What the exemplars of a pack say of doubt, each of them judged with itself left out.

    :param scale: Mean, and standard deviation, of the cosine with the closest other exemplar and
        with the closest centroid. Shape: (2, 2).
    :param ambiguity: Of exemplars that were held out. Shape: (n,).
    :param strangeness: Of the same exemplars. Shape: (n,).
    :param true_share: The share of the true target among skills and neighbours, for the same: 1
        where it is so likely that it is always offered, 0 where it is too unlikely ever to be.
    :param n_exemplars: How many in-scope exemplars the pack has.
    :param has_none: Whether the pack has exemplars of "none".
    :param has_shared: Whether it has exemplars of several skills. The bots have none, so that they
        say nothing of its queries.
    :param matched: What the joined margin adds to the ambiguity of the exemplars, rising, and the
        ambiguity that as many of them exceed without it; empty where one encoder decides. Shape:
        (2, n).
    """

    scale: Floats = field(default_factory=_standard)
    ambiguity: Floats = field(default_factory=lambda: np.empty(0))
    strangeness: Floats = field(default_factory=lambda: np.empty(0))
    true_share: Floats = field(default_factory=lambda: np.empty(0))
    n_exemplars: int = 0
    has_none: bool = False
    has_shared: bool = False
    matched: Floats = field(default_factory=lambda: np.empty((2, 0)))

    def strangeness_of(self, nearness: Nearness) -> Floats:
        """Compute the log odds that texts belong nowhere, among as many strangers as others.

        :return: Shape: (n_texts,).
        """
        *weights, bias = _BESIDE_NONE if self.has_none else _ALONE
        return np.asarray(self.strangeness_features(nearness) @ np.array(weights) + bias)

    def strangeness_features(self, nearness: Nearness) -> Floats:
        """Give what `strangeness_of` weighs. Shape: (n_texts, 4)."""
        nearest, centroid = self._standardised(nearness)
        return np.column_stack([nearest, centroid, nearness.none, nearness.nearest_none])

    def ambiguity_of(self, nearness: Nearness, in_scope: Probabilities, words: Words) -> Floats:
        """Compute the log odds that texts say too little, among as many clear ones as others.

        :param in_scope: Probabilities of skills and neighbours. Shape: (n_texts, n_targets).
        :param words: The words of each text.
        :return: Shape: (n_texts,).
        """
        plain = self._plain_ambiguity(nearness, in_scope, words)
        if not self.matched.shape[1]:
            return plain
        return np.interp(plain + _margin_doubt(in_scope), *self.matched)

    def with_joined_margin(
        self, nearness: Nearness, in_scope: Probabilities, words: Words
    ) -> "Doubt":
        """Let the margin count, for a pack on which two encoders decide.

        The scale stays that of the plain ambiguity, for which thresholds are known.

        :param nearness: Of held-out exemplars; the other parameters likewise, see `ambiguity_of`.
        """
        plain = self._plain_ambiguity(nearness, in_scope, words)
        return replace(
            self, matched=np.sort(np.stack([plain + _margin_doubt(in_scope), plain]), axis=1)
        )

    def _plain_ambiguity(self, nearness: Nearness, in_scope: Probabilities, words: Words) -> Floats:
        *weights, bias = _AMBIGUITY
        features = self.ambiguity_features(nearness, in_scope, words)
        return np.asarray(features @ np.array(weights) + bias)

    def ambiguity_features(
        self, nearness: Nearness, in_scope: Probabilities, words: Words
    ) -> Floats:
        """Give what `ambiguity_of` weighs. Shape: (n_texts, 4)."""
        shares = in_scope / np.maximum(in_scope.sum(axis=1, keepdims=True), 1e-12)
        return np.column_stack(
            [
                np.log1p([len(of_text) for of_text in words]),
                -(shares * np.log(shares + 1e-12)).sum(axis=1),
                self._standardised(nearness)[1],
                nearness.lead / self.scale[1, 0],
            ]
        )

    def _standardised(self, nearness: Nearness) -> tuple[Floats, Floats]:
        """Express both cosines in standard deviations from the mean of the exemplars."""
        (mean_nearest, mean_centroid), (sd_nearest, sd_centroid) = self.scale
        return (
            (nearness.nearest - mean_nearest) / sd_nearest,
            (nearness.centroid - mean_centroid) / sd_centroid,
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
        return self._blend(_REFUSED_AT[self.has_none], own, _HALFWAY_OF_REFUSING)

    def _own_strangeness(self, share: float) -> float:
        if not len(self.strangeness):
            return 0.0
        return float(np.quantile(self.strangeness, 1.0 - share))

    def _blend(self, expected: float, own: float, halfway: int = _HALFWAY) -> float:
        """Weigh what the bots say against what the pack's own exemplars say."""
        n = self.n_exemplars if len(self.strangeness) else 0
        if n and self.has_shared:
            return own
        share = n**2 / (n**2 + halfway**2)
        return (1.0 - share) * expected + share * own

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
        return max(float(np.quantile(shares, alpha, method="lower")), 0.0) if len(shares) else 0.0


def clearness(probability: Floats, words: Words) -> Floats:
    """Tell how likely it is that a text needs no question, where documents are weighed.

    A short text that one document fits best may be meant for another: "docs", "review this".

    :param probability: Of the likeliest skill, or skills. Shape: (n_texts,).
    :param words: The words of each text.
    :return: Shape: (n_texts,), in [0, 1].
    """
    of_odds, of_words, bias = _CLEARNESS
    n_words = np.log1p(np.minimum([len(of_text) for of_text in words], _ENOUGH_WORDS))
    return np.asarray(
        1.0 / (1.0 + np.exp(-of_odds * logit(probability) - of_words * n_words - bias))
    )


def _margin_doubt(in_scope: Probabilities) -> Floats:
    """Weigh the log odds that the likeliest target is not clearly so. Shape: (n_texts,)."""
    shares = in_scope / np.maximum(in_scope.sum(axis=1, keepdims=True), 1e-12)
    return _MARGIN_WEIGHT * logit(1.0 - margins_of(shares))


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
