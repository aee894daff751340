"""What exemplars say of a text, as one graph of onnxruntime with the exemplars in 8 bits.

A query has to read every exemplar, and memory is the limit: a quarter of the bytes takes a quarter
of the time. A cosine is off by 0.0005 on average, which the sum over the exemplars evens out.
Centroids, where these decide, are read in the same way.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.arrays import Similarities, Vectors
from router.encoders.int8 import ONNXRUNTIME_DOMAIN, round_columns
from router.encoders.onnx_session import open_session

Content: TypeAlias = NDArray[np.uint8]
"""A graph as it is stored. Shape: (n_bytes,)."""

FEWEST = 1_000
"""Exemplars, or centroids, below which single precision is as fast."""

LARGEST = 127
"""Steps of a number of a text on either side of zero."""


class VoteGraph:
    """A graph that is ready to run; one text's votes never depend on the texts beside it."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._session = open_session(content.tobytes())

    def __reduce__(self) -> tuple[type["VoteGraph"], tuple[Content]]:
        """Be pickled as what it was made of."""
        return type(self), (self._content,)

    def votes(self, vectors: Vectors) -> tuple[Similarities, NDArray[np.float32]]:
        """Weigh the exemplars for each text.

        :param vectors: Unit vectors. Shape: (n_texts, width).
        :return: Cosine with each exemplar, shape (n_texts, n_exemplars), and what these say
            for each target, shape (n_texts, n_targets).
        """
        near, votes = self._session.run(None, {"vectors": vectors})
        return near, votes

    def cosines(self, vectors: Vectors) -> Similarities:
        """Cosine of each text with each point alone. Shape: (n_texts, n_points)."""
        near: Similarities = self._session.run(["near"], {"vectors": vectors})[0]
        return near


def vote_graph(exemplars: Vectors, votes: NDArray[np.float32], sharpness: float) -> Content:
    """Write the graph: cosines in whole numbers, then exp(sharpness (cosine - 1)) @ votes.

    :param exemplars: Unit vectors. Shape: (n_exemplars, width).
    :param votes: Of each exemplar for each target. Shape: (n_exemplars, n_targets).
    """
    from onnx import helper

    nodes = [  # exp(-sharpness) is in the votes: one step fewer through all that lies between
        helper.make_node("Mul", ["top", "sharpness"], ["sharp"]),
        helper.make_node("Mul", ["of_top", "sharp"], ["logarithms"]),
        helper.make_node("Exp", ["logarithms"], ["likeness"]),
        helper.make_node("MatMul", ["likeness", "damped"], ["said"]),
    ]
    constants = {
        "sharpness": np.float32(sharpness),
        "damped": (votes * np.exp(-sharpness)).astype(np.float32),
    }
    return _graph(exemplars, nodes, constants, {"said": votes.shape[1]})


def cosine_graph(points: Vectors) -> Content:
    """Write a graph of cosines alone. Shape of `points`: (n_points, width), unit rows."""
    return _graph(points, [], {}, {})


def _graph(
    points: Vectors, further: list[Any], more: dict[str, Any], outputs: dict[str, int]
) -> Content:
    """Write a graph that begins with "near", the cosines with the points.

    :param further: Nodes that go on from there.
    :param more: Constants of these, by name.
    :param outputs: What they give besides: widths, by name.
    """
    from onnx import TensorProto, helper, numpy_helper

    whole, steps = round_columns(points.T)
    constants = {
        "points": whole,
        "steps": steps.astype(np.float32),
        "one_step": np.float32(1 / LARGEST),
        "middle": np.uint8(LARGEST + 1),
        "largest": np.float32(LARGEST),
        "shift": np.float32(LARGEST + 1),
        "tiny": np.float32(1e-12),
        **more,
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
        helper.make_node("Mul", ["of_top", "top"], ["near"]),
        *further,
    ]
    graph = helper.make_graph(
        nodes,
        "votes",
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", points.shape[1]])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
            for name, width in {"near": len(points), **outputs}.items()
        ],
        [numpy_helper.from_array(np.asarray(one), name) for name, one in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(ONNXRUNTIME_DOMAIN, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return np.frombuffer(model.SerializeToString(), dtype=np.uint8)
