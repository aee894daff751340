"""Names for arrays: the shape, the unit and the range that a signature can't say."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]
"""Unit rows, or a zero row for an empty text. Shape: (n_texts, width)."""

Similarities: TypeAlias = NDArray[np.float32]
"""Cosines in [-1, 1]. Shape: (n_texts, n_targets)."""

Probabilities: TypeAlias = NDArray[np.float64]
"""Rows that sum to 1, each value in [0, 1]. Shape: (n_texts, n_targets)."""

TokenVectors: TypeAlias = NDArray[np.float16]
"""Unit rows, one for each token of a text. Shape: (n_tokens, width)."""

Indices: TypeAlias = NDArray[np.intp]
"""Positions in another array."""

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
