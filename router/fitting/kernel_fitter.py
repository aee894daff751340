"""Fit a head by kernel ridge regression, for packs with thresholds of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from router.arrays import Indices, Probabilities, Vectors
from router.encoders.encoder import Encoder
from router.heads.kernel_head import KernelHead, fit_kernel_head


@dataclass(frozen=True)
class KernelFitter:
    """Fits kernel ridge regression on vectors and words, for packs with thresholds of their own."""

    overlooked: ClassVar[float] = 0.01

    def fit(self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]) -> KernelHead:
        """Fit a head."""
        return fit_kernel_head(texts, vectors, labels)[0]

    def fit_held_out(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> tuple[KernelHead, Indices, Probabilities]:
        """Fit a head, and judge each exemplar without itself, in closed form."""
        head, held_out = fit_kernel_head(texts, vectors, labels)
        return head, np.arange(len(texts)), head.power.transform(held_out)

    def like(self, head: KernelHead) -> "KernelFitter":
        """Fit as before: every head is calibrated in closed form."""
        return self

    def with_documents(self, head: KernelHead, texts: Sequence[str]) -> KernelHead:
        """Add nothing, because there are no documents."""
        return head

    def for_queries(self, head: KernelHead, texts: Sequence[str], encoder: Encoder) -> KernelHead:
        """Let many exemplars be read in 8 bits; there are no documents."""
        return head.with_int8_index()
