"""Fit a head along the directions that tell targets apart, for packs of exemplars alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from router.arrays import Vectors
from router.encoders.encoder import Encoder
from router.fitting.head_fitter import HeldOut
from router.fitting.parts_of_exemplars import parts_of
from router.heads.discriminant_head import DiscriminantHead, fit_discriminant_head
from router.statistics.probability import Power, fit_power_on_sample
from router.text import words_in

_N_PARTS, _FEW_EXEMPLARS = 5, 4_000
"""Parts that are held out in turn; with more exemplars than that, two do."""

_TYPICAL = Power(0.01, 2.0)
"""From decisions to probabilities, as most bots of `benchmarks/bots` have it."""

_MAX_JUDGED, _MAX_DECISIONS = 4_000, 20_000_000
"""Exemplars that are judged without themselves at most, and these times the targets."""


@dataclass(frozen=True)
class DiscriminantFitter:
    """Fits along the directions that tell targets apart.

    :param titles: The vector of the title of each target that has one.
    :param power: From decisions to probabilities; fitted on held-out exemplars if None.
    """

    overlooked: ClassVar[float] = 0.01
    titles: Mapping[str, Vectors]
    power: Power | None = None

    def fit(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> DiscriminantHead:
        """Fit a head."""
        if self.power is None:
            return self.fit_held_out(texts, vectors, labels).head
        return self._fit(texts, vectors, labels, self.power)

    def like(self, head: DiscriminantHead) -> "DiscriminantFitter":
        """Turn decisions into probabilities as this head does, which is not fitted anew."""
        return replace(self, power=head.power)

    def fit_held_out(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> HeldOut[DiscriminantHead]:
        """Fit a head; judge exemplars by heads that were fitted without their part."""
        names, truth = np.unique(np.asarray(labels), return_inverse=True)
        part = parts_of(labels, _N_PARTS if len(labels) < _FEW_EXEMPLARS else 2, texts)
        judged, decisions = [], []
        most = min(_MAX_JUDGED, max(_MAX_DECISIONS // len(names), 50)) // (part.max() + 1)
        for held_out in range(part.max() + 1):
            rows = np.flatnonzero(part == held_out)
            rows = rows[:: -(-len(rows) // most)]
            kept = np.flatnonzero(part != held_out)
            head = self._fit(
                [texts[row] for row in kept.tolist()],
                vectors[kept],
                [labels[row] for row in kept.tolist()],
            )
            of_part = np.zeros((len(rows), len(names)))  # 0 where the others lack the target
            of_part[:, np.searchsorted(names, head.names)] = head.decisions(
                vectors[rows], words_in(texts[row] for row in rows.tolist())
            )
            judged.append(rows)
            decisions.append(of_part)
            del head  # its exemplars may take gigabytes
        rows, held_out_decisions = np.concatenate(judged), np.concatenate(decisions)
        power = fit_power_on_sample(held_out_decisions, truth[rows], _TYPICAL)
        head = self._fit(texts, vectors, labels, power)
        return HeldOut(head, rows, power.transform(held_out_decisions))

    def _fit(
        self,
        texts: Sequence[str],
        vectors: Vectors,
        labels: Sequence[str],
        power: Power | None = None,
    ) -> DiscriminantHead:
        none = np.zeros(vectors.shape[1], dtype=np.float32)
        titles = np.array([self.titles.get(name, none) for name in sorted(set(labels))])
        return fit_discriminant_head(vectors, labels, titles, power, texts)

    def for_queries(self, head: DiscriminantHead, encoder: Encoder) -> DiscriminantHead:
        """Let many exemplars be read in 8 bits; there are no documents."""
        return head.with_int8_index()
