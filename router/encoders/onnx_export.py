"""A sentence-transformers model to one ONNX file: torch is needed here, and nowhere after.

int8 means: the weights of a matrix product are whole numbers with a scale for each column, and
each token's row is rounded to whole numbers with a scale of its own when it comes. So a text's
vector does not depend on the texts beside it, which a scale for the whole batch would not give.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOWEST_GELU = -0.17  # GELU's minimum, rounded down: above it 8 bits need no sign
STEPS = 64
"""Steps of a weight on either side of zero. A processor without VNNI adds two products of 8 bits in
16, and 2 * 255 * 64 < 2 ** 15: so none of them overflows."""

SHRINKAGE = np.linspace(0.5, 1.0, 26)
"""Shares of a column's largest weight that are tried as its last step."""

OPSET = 21  # the first in which QuantizeLinear takes a scale for each row and an output type


def export(model: Any, path: Path, precision: str, layered: bool = False) -> None:  # noqa: ANN401
    """Write transformer, pooling and unit length as one graph.

    :param model: A loaded SentenceTransformer.
    :param layered: Two layers side by side instead of the model's own pooling.
    """
    with _quiet():
        graph = _trace(_layers(model) if layered else _whole(model))
        if precision == "int8":
            _Int8(graph).rewrite()
        _save(graph, path)


def _whole(model: Any) -> Any:  # noqa: ANN401
    """The model as it is, to unit length."""
    import torch

    class Whole(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:  # noqa: ANN401
            features = {"input_ids": input_ids, "attention_mask": attention_mask}
            vectors = self.model(features)["sentence_embedding"]
            return torch.nn.functional.normalize(vectors, dim=1)

    return Whole().eval()


def _layers(model: Any) -> Any:  # noqa: ANN401
    """Its last layer and the middle one: each averaged over the tokens, both of equal length."""
    import torch

    class Layers(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.transformer = model[0].auto_model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:  # noqa: ANN401
            told = self.transformer(
                input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True
            )
            layers = told.hidden_states  # the first is the embedding of the tokens
            mask = attention_mask[..., None].float()
            chosen = (layers[-1], layers[(len(layers) - 1) // 2])
            means = [(layer * mask).sum(1) / mask.sum(1) for layer in chosen]
            units = [torch.nn.functional.normalize(mean, dim=1) for mean in means]
            return torch.cat(units, dim=1) * 0.5**0.5

    return Layers().eval()


def _trace(module: Any) -> Any:  # noqa: ANN401
    import torch

    ids = torch.ones((2, 9), dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    axes = {0: torch.export.Dim("batch", min=1), 1: torch.export.Dim("length", min=1)}
    program = torch.onnx.export(
        module,
        (ids, mask),
        dynamo=True,
        verbose=False,
        opset_version=OPSET,
        input_names=["input_ids", "attention_mask"],
        output_names=["vectors"],
        dynamic_shapes=(axes, axes),
    )
    return program.model_proto


def _save(model: Any, path: Path) -> None:  # noqa: ANN401
    path.write_bytes(model.SerializeToString())


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's deprecations and missing operators from our caller."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def rounded(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Round each column to integers times a scale, the one that loses the least in squares.

    :param weights: Shape: (depth, n_columns).
    :return: Integers within `STEPS`, shape (depth, n_columns); scales, shape (n_columns,).
    """
    largest = np.maximum(np.abs(weights).max(axis=0).astype(np.float64), 1e-12)
    best, scales = np.full(len(largest), np.inf), largest / STEPS
    for share in SHRINKAGE:
        tried = share * largest / STEPS
        loss = np.square(_within(weights / tried) * tried - weights).sum(axis=0)
        scales = np.where(loss < best, tried, scales)
        best = np.minimum(loss, best)
    return _within(weights / scales).astype(np.int8), scales


def _within(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.clip(np.rint(steps), -STEPS, STEPS))


class _Int8:
    """Puts integer products in the place of each product with constant weights."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401
        import onnx

        self.onnx = onnx
        self.graph = model.graph
        self.weights = {tensor.name: tensor for tensor in self.graph.initializer}
        self.makers = {name: node.op_type for node in self.graph.node for name in node.output}
        self.nodes: list[Any] = []
        self.rounded: dict[str, tuple[str, str, str]] = {}  # input -> integers, scales, shape
        self.axis = self._constant("int8_axis", np.array([1]))
        self.zero = self._constant("int8_zero", np.array(128, dtype=np.uint8))
        self.tiny = self._constant("int8_tiny", np.array(1e-12, dtype=np.float32))

    def rewrite(self) -> None:
        """Change the graph in place."""
        for node in list(self.graph.node):
            if node.op_type == "MatMul" and self._is_matrix(node.input[1]):
                self._product(node)
            elif node.op_type == "Gather" and self._is_matrix(node.input[0]):
                self._lookup(node)
            else:
                self.nodes.append(node)
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        used = {name for node in self.nodes for name in node.input}
        kept = [tensor for tensor in self.graph.initializer if tensor.name in used]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)
        del self.graph.value_info[:]

    def _is_matrix(self, name: str) -> bool:
        return name in self.weights and len(self.weights[name].dims) == 2

    def _product(self, node: Any) -> None:  # noqa: ANN401
        """X @ W = row scales * (integers of X @ integers of W) * column scales."""
        weights = self.onnx.numpy_helper.to_array(self.weights[node.input[1]])
        whole, scales = rounded(weights)
        name, source = node.output[0], node.input[0]
        unsigned = self.makers.get(source) == "Gelu"
        integers, rows, shape = self._round(source, len(weights), unsigned)
        matrix = self._constant(f"{name}_int8", whole)
        zero = [] if unsigned else [self.zero]
        total = self._add("MatMulInteger", [integers, matrix, *zero], f"{name}_sum")
        scaled = self._add("DequantizeLinear", [total, rows], f"{name}_rows", axis=0)
        columns = self._constant(f"{name}_scales", scales.astype(np.float32))
        flat = self._add("Mul", [scaled, columns], f"{name}_flat")
        if unsigned:  # what was added to X comes off again
            off = LOWEST_GELU * (whole * scales.astype(np.float64)).sum(axis=0)
            offset = self._constant(f"{name}_offset", off.astype(np.float32))
            flat = self._add("Add", [flat, offset], f"{name}_level")
        width = self._constant(f"{name}_width", np.array([weights.shape[1]]))
        whole_shape = self._add("Concat", [shape, width], f"{name}_shape", axis=0)
        self._add("Reshape", [flat, whole_shape], name)

    def _lookup(self, node: Any) -> None:  # noqa: ANN401
        """Keep a table of embeddings in half precision: half the file to read at each start."""
        table = self.onnx.numpy_helper.to_array(self.weights[node.input[0]])
        half = self._constant(f"{node.output[0]}_fp16", table.astype(np.float16))
        axis = {one.name: one.i for one in node.attribute}
        row = self._add("Gather", [half, node.input[1]], f"{node.output[0]}_half", **axis)
        self._add("Cast", [row], node.output[0], to=self.onnx.TensorProto.FLOAT)

    def _round(self, source: str, width: int, unsigned: bool) -> tuple[str, str, str]:
        """Round each row of X to 8 bits, once for all products it enters."""
        if source in self.rounded:
            return self.rounded[source]
        flat_shape = self._constant(f"{source}_rows", np.array([-1, width]))
        flat = self._add("Reshape", [source, flat_shape], f"{source}_flat")
        if unsigned:
            lowest = self._constant(f"{source}_least", np.array(-LOWEST_GELU, dtype=np.float32))
            flat = size = self._add("Add", [flat, lowest], f"{source}_positive")
        else:
            size = self._add("Abs", [flat], f"{source}_size")
        largest = self._add("ReduceMax", [size, self.axis], f"{source}_largest", keepdims=0)
        step = np.array(1 / (255 if unsigned else 127), dtype=np.float32)
        steps = self._add("Mul", [largest, self._constant(f"{source}_step", step)], f"{source}_raw")
        scales = self._add("Max", [steps, self.tiny], f"{source}_scales")
        integers = self._quantize(source, flat, scales, unsigned)
        shape = self._add("Shape", [source], f"{source}_outer", start=0, end=-1)
        self.rounded[source] = integers, scales, shape
        return self.rounded[source]

    def _quantize(self, source: str, flat: str, scales: str, unsigned: bool) -> str:
        given = [flat, scales]
        if not unsigned:  # onnxruntime is fast with unsigned rows only: -128..127 become 0..255
            count = self._add("Shape", [scales], f"{source}_count")
            value = self.onnx.numpy_helper.from_array(np.array([128], dtype=np.uint8))
            given.append(self._add("ConstantOfShape", [count], f"{source}_zeros", value=value))
        kind = {"output_dtype": self.onnx.TensorProto.UINT8} if unsigned else {}
        return self._add("QuantizeLinear", given, f"{source}_uint8", axis=0, **kind)

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        self.graph.initializer.append(self.onnx.numpy_helper.from_array(value, name))
        return name

    def _add(self, kind: str, given: list[str], name: str, **settings: Any) -> str:  # noqa: ANN401
        self.nodes.append(self.onnx.helper.make_node(kind, given, [name], **settings))
        return name
