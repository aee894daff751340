"""Cosines with many exemplars or centroids, read in 8 bits by one small graph of onnxruntime.

A query has to read every one of them, and memory is the limit: a quarter of the bytes takes a
quarter of the time. A cosine is off by 0.0005 on average, which sums over exemplars even out.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.arrays import Similarities, Vectors
from router.encoders.int8 import ONNXRUNTIME_DOMAIN, round_columns
from router.encoders.onnx_session import open_session

Graph: TypeAlias = NDArray[np.uint8]
"""An ONNX graph as it is stored. Shape: (n_bytes,)."""

FEWEST_POINTS = 1_000
"""With fewer points, single precision is as fast."""

_LARGEST = 127
"""Quantization levels of a text's vector on either side of zero."""


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
