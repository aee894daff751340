"""Fit a head by kernel ridge regression, for packs with thresholds of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from router.arrays import Vectors
from router.encoders.encoder import Encoder
from router.fitting.head_fitter import HeldOut
from router.fitting.parts_of_exemplars import part_to_judge
from router.heads.kernel_head import KernelHead, fit_kernel_head, fit_kernel_heads

_ALL_JUDGED = 6_000
"""Up to this number of exemplars, each is judged without itself. Of more, a quarter is."""


@dataclass(frozen=True)
class KernelFitter:
    """Fits kernel ridge regression on vectors and words, for packs with thresholds of their own."""

    overlooked: ClassVar[float] = 0.01

    def fit(self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]) -> KernelHead:
        """Fit a head."""
        return fit_kernel_head(texts, vectors, labels)[0]

    def fit_held_out(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> HeldOut[KernelHead]:
        """Fit a head, and judge exemplars without themselves, in closed form."""
        if len(texts) <= _ALL_JUDGED:
            head, held_out = fit_kernel_head(texts, vectors, labels)
            return HeldOut(head, np.arange(len(texts)), head.power.transform(held_out))
        judged = part_to_judge(labels, texts)
        head, held_out, without = fit_kernel_heads(texts, vectors, labels, judged)
        return HeldOut(head, judged, head.power.transform(held_out), without)

    def like(self, head: KernelHead) -> "KernelFitter":
        """Fit as before: every head is calibrated in closed form."""
        return self

    def for_queries(self, head: KernelHead, encoder: Encoder) -> KernelHead:
        """Let many exemplars be read in 8 bits; there are no documents."""
        return head.with_int8_index()
