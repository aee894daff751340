"""Cosines of texts with exemplars and centroids, at the speed of memory and on one core.

A query has to read every exemplar, and memory is the limit. Where they are many, one small graph of
onnxruntime reads them in 8 bits: a quarter of the bytes takes a quarter of the time. A cosine is
then off by 0.0005 on average, which sums over exemplars even out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.arrays import Floats, Indices, Similarities, Vectors
from router.encoders.int8 import ONNXRUNTIME_DOMAIN, round_columns
from router.encoders.onnx_session import open_session

Graph: TypeAlias = NDArray[np.uint8]
"""An ONNX graph as it is stored. Shape: (n_bytes,)."""

FEWEST_POINTS = 1_000
"""With fewer points, single precision is as fast."""

_LARGEST = 127
"""Quantization levels of a text's vector on either side of zero."""

FEW_TEXTS = 16
"""Up to this number of texts, a product text by text is faster than one matrix product."""

_BLOCK_POINTS = 64
"""Points in a block: so few that BLAS starts no threads, which wait for a core on a busy machine.
"""

_KEPT_BLOCKS = 8
"""Blocks that every text is multiplied with before the next ones: they fit into the cache."""

_BLOCK_NUMBERS = 24_000
"""The numbers in a block at most, for the same reason."""

_SINGLE_CORE_PRODUCTS = 250_000
"""Up to this number of multiplications in a call BLAS stays on one core. Beyond it, its worker
threads spin on the other cores for some milliseconds after the call."""


def cosines(vectors: Vectors, points: Vectors) -> Similarities:
    """Compute the cosine of each text with each point; both are unit rows.

    For a few texts this multiplies block by block, because a matrix product would pack all points
    anew at each call, which alone takes ten times as long as the sums.

    :param vectors: Shape: (n_texts, width).
    :param points: Shape: (n_points, width).
    :return: Shape: (n_texts, n_points), in [-1, 1].
    """
    if len(vectors) > FEW_TEXTS or len(points) < _BLOCK_POINTS:
        return _cosines_of_many(vectors, points)
    whole = len(points) // _BLOCK_POINTS * _BLOCK_POINTS
    blocks = points[:whole].reshape(-1, _BLOCK_POINTS, points.shape[1])
    result = np.empty((len(vectors), len(points)), dtype=np.float32)
    by_block = result[:, :whole].reshape(len(vectors), len(blocks), _BLOCK_POINTS)
    for start in range(0, len(blocks), _KEPT_BLOCKS):
        kept = slice(start, start + _KEPT_BLOCKS)
        for row, vector in zip(by_block, vectors, strict=True):
            np.matmul(blocks[kept], vector, out=row[kept])
    for row, vector in zip(result, vectors, strict=True):
        row[whole:] = points[whole:] @ vector
    return result


def _cosines_of_many(vectors: Vectors, points: Vectors) -> Similarities:
    """Multiply as many rows at a time as stay on one core, unless the points are too many."""
    n_rows = _SINGLE_CORE_PRODUCTS // max(points.size, 1)
    if n_rows < 4 or len(vectors) <= n_rows:
        return np.asarray(vectors @ points.T, dtype=np.float32)
    result = np.empty((len(vectors), len(points)), dtype=np.float32)
    for start in range(0, len(vectors), n_rows):
        np.matmul(vectors[start : start + n_rows], points.T, out=result[start : start + n_rows])
    return result


class Int8Cosines:
    """A graph that is ready to run; the result of one text never depends on the texts beside it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._session = open_session(graph.tobytes())

    def __reduce__(self) -> tuple[type["Int8Cosines"], tuple[Graph]]:
        """Be pickled as the graph, without the session."""
        return type(self), (self._graph,)

    def cosines(self, vectors: Vectors) -> Similarities:
        """Compute the cosine of each text with each point. Shape: (n_texts, n_points)."""
        similarities: Similarities = self._session.run(None, {"vectors": vectors})[0]
        return similarities


def int8_graph(points: Vectors) -> Graph:
    """Write the graph for unit rows. Shape of `points`: (n_points, width)."""
    from onnx import TensorProto, helper, numpy_helper

    quantized, steps = round_columns(points.T)
    constants = {
        "points": quantized,
        "steps": steps.astype(np.float32),
        "one_step": np.float32(1 / _LARGEST),
        "middle": np.uint8(_LARGEST + 1),
        "largest": np.float32(_LARGEST),
        "shift": np.float32(_LARGEST + 1),
        "tiny": np.float32(1e-12),
    }
    nodes = [
        helper.make_node("Abs", ["vectors"], ["sizes"]),
        helper.make_node("ReduceMax", ["sizes"], ["top_or_zero"], axes=[1], keepdims=1),
        helper.make_node("Max", ["top_or_zero", "tiny"], ["top"]),
        helper.make_node("Div", ["largest", "top"], ["scale"]),
        helper.make_node("Mul", ["vectors", "scale"], ["scaled"]),
        helper.make_node("Round", ["scaled"], ["whole"]),
        helper.make_node("Add", ["whole", "shift"], ["shifted"]),
        helper.make_node("Cast", ["shifted"], ["texts"], to=TensorProto.UINT8),
        helper.make_node(
            "MatMulIntegerToFloat",
            ["texts", "points", "one_step", "steps", "middle"],
            ["of_top"],
            domain=ONNXRUNTIME_DOMAIN,
        ),
        helper.make_node("Mul", ["of_top", "top"], ["cosines"]),
    ]
    float32, width = TensorProto.FLOAT, points.shape[1]
    graph = helper.make_graph(
        nodes,
        "cosines",
        [helper.make_tensor_value_info("vectors", float32, ["n", width])],
        [helper.make_tensor_value_info("cosines", float32, ["n", len(points)])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(ONNXRUNTIME_DOMAIN, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return np.frombuffer(model.SerializeToString(), dtype=np.uint8)


def product(rows: NDArray[np.float32], matrix: Floats) -> Floats:
    """Multiply `rows @ matrix` block by block, so that BLAS stays on one core.

    This is done in double precision: BLAS adds up in another order for one row than for many, which
    must not show in any digit of a decision.

    :param rows: Shape: (n, depth).
    :param matrix: Shape: (depth, width), contiguous.
    :return: Shape: (n, width).
    """
    depth, width = matrix.shape
    block = max(_BLOCK_NUMBERS // max(width, 1), 1)
    n_rows = max(_SINGLE_CORE_PRODUCTS // (block * max(width, 1)), 1)
    result = np.zeros((len(rows), width))
    for top in range(0, len(rows), n_rows):
        for left in range(0, depth, block):
            part = rows[top : top + n_rows, left : left + block].astype(np.float64)
            result[top : top + n_rows] += part @ matrix[left : left + block]
    return result


def nearest_by_target(similarities: Similarities, starts: Indices) -> Similarities:
    """Find the largest cosine of each target.

    :param similarities: With exemplars, target by target. Shape: (n_texts, n_exemplars).
    :param starts: Where the exemplars of each target begin. Shape: (n_targets,).
    :return: Shape: (n_texts, n_targets).
    """
    return np.asarray(np.maximum.reduceat(similarities, starts, axis=1))


_SUMMED = 32
"""Columns that are added up at a time, so that temporary arrays stay small."""


@dataclass(frozen=True)
class Centroids:
    """One unit vector for each target. `names` are the targets in the order of the rows."""

    names: tuple[str, ...]
    vectors: Vectors  # (n_targets, width)

    @classmethod
    def of(cls, vectors: Vectors, labels: Sequence[str]) -> "Centroids":
        """Average the unit vectors of each label, and scale the means to length 1."""
        names, codes, counts = np.unique(
            np.asarray(labels), return_inverse=True, return_counts=True
        )
        return cls(tuple(names.tolist()), unit_rows(sums_by_code(vectors, codes, counts)))

    def similarities(self, vectors: Vectors) -> Similarities:
        """Compute the cosine of each text with each centroid. Shape: (n_texts, n_targets)."""
        return cosines(vectors, self.vectors)


def sums_by_code(vectors: Vectors, codes: Indices, counts: Indices) -> Floats:
    """Add up the vectors of each target, in double precision so that their order never shows.

    :param codes: The target of each vector. Shape: (n,).
    :param counts: The number of vectors of each target, at least one. Shape: (n_targets,).
    :return: Shape: (n_targets, width).
    """
    sums = np.zeros((len(counts), vectors.shape[1]))
    if not len(counts):
        return sums
    order, starts = np.argsort(codes, kind="stable"), np.cumsum(counts) - counts
    for first in range(0, vectors.shape[1], _SUMMED):
        columns = slice(first, first + _SUMMED)
        grouped = vectors[order, columns].astype(np.float64)
        sums[:, columns] = np.add.reduceat(grouped, starts, axis=0)
    return sums


def unit_rows(rows: np.ndarray) -> Vectors:
    """Scale rows to length 1; a zero row stays zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths == 0, 1.0, lengths), dtype=np.float32)
