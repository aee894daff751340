"""Matrix products of a graph in 8 bits, with as little lost as can be.

Weights are whole numbers with a scale for each column. What a product takes is rounded by steps
that are fixed for each channel, seen on sample texts: so a text's vector does not depend on the
texts beside it, and nothing has to be measured while a query waits.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Tokens: TypeAlias = dict[str, NDArray[np.int64]]
"""What a graph takes, by name."""

STEPS = 64
"""Steps of a weight on either side of zero. A processor without VNNI adds two products of 8 bits in
16, and 2 * 255 * 64 < 2 ** 15: so none of them overflows."""

SHRINKAGE = np.linspace(0.5, 1.0, 26)
"""Shares of a column's largest weight that are tried as its last step."""

LEVELS = 255
"""The largest number of 8 bits."""

ZEROS = (4, 8, 16, 32, 64, 96, 112, 128)
"""Numbers that may stand for zero in the input of a product."""

MIGRATED = 0.8
"""How much of a channel's range its steps take up; the rest its weights do."""

DAMPING = 0.01
"""Added to how much each channel carries, as a share of the mean."""

RUNTIME = "com.microsoft"  # onnxruntime's own operators


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


def compensated(
    weights: NDArray[np.float64], moments: NDArray[np.float64]
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Round as `rounded` does, channel by channel, the later ones making up for the earlier.

    GPTQ (Frantar et al. 2023), with the channels in the order of how much they carry.

    :param weights: Shape: (depth, n_columns).
    :param moments: Sums of the products of each two channels of the input. Shape: (depth, depth).
    """
    _, scales = rounded(weights.astype(np.float32))
    order = np.argsort(-np.diag(moments))
    left = weights[order]
    damped = moments[np.ix_(order, order)] + DAMPING * np.diag(moments).mean() * np.eye(len(order))
    upper = np.linalg.cholesky(np.linalg.inv(damped)).T
    whole = np.empty(weights.shape, dtype=np.int8)
    for row, channel in enumerate(order):
        steps = _within(left[row] / scales)
        whole[channel] = steps.astype(np.int8)
        lost = (left[row] - steps * scales) / upper[row, row]
        left[row + 1 :] -= np.outer(upper[row, row + 1 :], lost)
    return whole, scales


def _within(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.clip(np.rint(steps), -STEPS, STEPS))


@dataclass
class Seen:
    """What values a product's input took."""

    low: NDArray[np.float32]  # (depth,)
    high: NDArray[np.float32]  # (depth,)
    moments: NDArray[np.float64]  # (depth, depth): sums of the products of each two channels

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> "Seen":
        """See values of shape (n, depth)."""
        moments = (values.T @ values).astype(np.float64)
        return cls(values.min(axis=0), values.max(axis=0), moments)

    def __or__(self, other: "Seen") -> "Seen":
        """Join what was seen of two texts."""
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        return Seen(low, high, self.moments + other.moments)


@dataclass(frozen=True)
class Steps:
    """How each channel of a product's input becomes 8 bits without a sign: x / size + zero."""

    size: NDArray[np.float64]  # (depth,)
    zero: int

    @classmethod
    def of(cls, seen: Seen, weights: NDArray[np.float32]) -> "Steps":
        """Share each channel's range between input and weights (Xiao et al. 2023, SmoothQuant).

        A channel of a wide range gets wider steps, and its weights are multiplied by as much.

        :param weights: Of all products that take this input. Shape: (depth, n_columns).
        """
        largest = np.maximum(np.abs(weights).max(axis=1).astype(np.float64), 1e-6)
        tried = []
        for zero in ZEROS:  # where the values lie on one side of zero, most steps are spent there
            width = LEVELS * np.maximum(-seen.low / zero, seen.high / (LEVELS - zero))
            width = np.maximum(width, 1e-6).astype(np.float64)
            shared = width**MIGRATED / largest ** (1.0 - MIGRATED)
            size = shared * (width / shared).max() / LEVELS
            tried.append((float(np.square(size * largest).sum()), zero, size))
        _, zero, size = min(tried, key=lambda one: one[0])
        return cls(size, zero)


class Int8:
    """Puts integer products in the place of each product with constant weights."""

    def __init__(self, model: Any, inputs: Iterable[Tokens]) -> None:  # noqa: ANN401
        import onnx

        self.onnx = onnx
        self.model, self.graph, self.told = model, model.graph, inputs
        self.weights = {tensor.name: tensor for tensor in self.graph.initializer}
        self.nodes: list[Any] = []
        self.inputs: dict[str, tuple[Steps, NDArray[np.float64]]] = {}
        self.rounded: dict[str, str] = {}
        self.one = self._constant("int8_one", np.array(1.0, dtype=np.float32))
        if RUNTIME not in {one.domain for one in model.opset_import}:
            model.opset_import.append(onnx.helper.make_opsetid(RUNTIME, 1))

    def rewrite(self) -> None:
        """Change the graph in place."""
        products: dict[str, list[Any]] = {}
        for node in self.graph.node:
            if node.op_type == "MatMul" and self._is_matrix(node.input[1]):
                products.setdefault(node.input[0], []).append(node)
        biases = self._biases(products)
        left = {id(node) for node in biases.values()}
        for source, seen in self._observe(list(products)).items():
            weights = np.hstack([self._matrix(node) for node in products[source]])
            self.inputs[source] = Steps.of(seen, weights), seen.moments
        for node in list(self.graph.node):
            if node.op_type == "MatMul" and self._is_matrix(node.input[1]):
                self._product(node, biases.get(node.output[0]))
            elif node.op_type == "Gather" and self._is_matrix(node.input[0]):
                self._lookup(node)
            elif id(node) not in left:
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

    def _matrix(self, product: Any) -> NDArray[np.float32]:  # noqa: ANN401
        return np.asarray(self.onnx.numpy_helper.to_array(self.weights[product.input[1]]))

    def _observe(self, sources: list[str]) -> dict[str, Seen]:
        """See what values these take on the inputs."""
        import onnxruntime

        watched = self.onnx.ModelProto()
        watched.CopyFrom(self.model)
        kind = self.onnx.TensorProto.FLOAT
        watched.graph.output.extend(
            self.onnx.helper.make_tensor_value_info(name, kind, None) for name in sources
        )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        found: dict[str, Seen] = {}
        for tokens in self.told:
            for name, value in zip(sources, session.run(sources, tokens), strict=True):
                seen = Seen.of(value.reshape(-1, value.shape[-1]))
                found[name] = found[name] | seen if name in found else seen
        return found

    def _biases(self, products: dict[str, list[Any]]) -> dict[str, Any]:
        """Find what is added to a product and to nothing else: the sum takes it for nothing."""
        takers: dict[str, list[Any]] = {}
        for node in self.graph.node:
            for name in node.input:
                takers.setdefault(name, []).append(node)
        found = {}
        for name in (product.output[0] for group in products.values() for product in group):
            only = takers[name][0] if len(takers.get(name, ())) == 1 else None
            if only is not None and only.op_type == "Add" and self._added(only, name) is not None:
                found[name] = only
        return found

    def _added(self, add: Any, to: str) -> NDArray[np.float32] | None:  # noqa: ANN401
        other = add.input[1] if add.input[0] == to else add.input[0]
        known = other in self.weights and len(self.weights[other].dims) == 1
        return self.onnx.numpy_helper.to_array(self.weights[other]) if known else None

    def _round(self, source: str, steps: Steps) -> str:
        """Make each channel of X whole numbers, once for all products it enters."""
        if source not in self.rounded:
            shares = self._constant(f"{source}_shares", (1.0 / steps.size).astype(np.float32))
            scaled = self._add("Mul", [source, shares], f"{source}_steps")
            zero = self._constant(f"{source}_zero", np.array(steps.zero, dtype=np.uint8))
            given = [scaled, self.one, zero]
            self.rounded[source] = self._add("QuantizeLinear", given, f"{source}_uint8")
        return self.rounded[source]

    def _product(self, node: Any, bias: Any) -> None:  # noqa: ANN401
        """X @ W + bias = integers of X @ integers of W * column scales + what zero and bias add."""
        steps, moments = self.inputs[node.input[0]]
        whole, scales = compensated(
            self._matrix(node) * steps.size[:, None], moments / np.outer(steps.size, steps.size)
        )
        name = node.output[0]
        level = -steps.zero * whole.sum(axis=0, dtype=np.float64) * scales
        if bias is not None:
            level = level + self._added(bias, name)
        given = [
            self._round(node.input[0], steps),
            self._constant(f"{name}_int8", whole),
            self.one,
            self._constant(f"{name}_scales", scales.astype(np.float32)),
            "",
            "",
            self._constant(f"{name}_level", level.astype(np.float32)),
        ]
        output = name if bias is None else bias.output[0]
        self._add("MatMulIntegerToFloat", given, output, domain=RUNTIME)

    def _lookup(self, node: Any) -> None:  # noqa: ANN401
        """Keep a table of embeddings in half precision: half the file to read at each start."""
        table = self.onnx.numpy_helper.to_array(self.weights[node.input[0]])
        half = self._constant(f"{node.output[0]}_fp16", table.astype(np.float16))
        axis = {one.name: one.i for one in node.attribute}
        row = self._add("Gather", [half, node.input[1]], f"{node.output[0]}_half", **axis)
        self._add("Cast", [row], node.output[0], to=self.onnx.TensorProto.FLOAT)

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        self.graph.initializer.append(self.onnx.numpy_helper.from_array(value, name))
        return name

    def _add(self, kind: str, given: list[str], name: str, **settings: Any) -> str:  # noqa: ANN401
        self.nodes.append(self.onnx.helper.make_node(kind, given, [name], **settings))
        return name
