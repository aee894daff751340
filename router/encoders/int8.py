"""Quantize the matrix products of an ONNX graph to 8 bits.

Weights are integers with one scale for each column, rounded by GPTQ. The input of a product is
rounded with a fixed step for each channel, found on calibration texts (SmoothQuant): so the vector
of a text does not depend on the texts in its batch, and nothing is measured while a query waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from router.arrays import Floats, Vectors
from router.encoders.onnx_session import open_session
from router.threads import map_in_threads

GraphInputs: TypeAlias = dict[str, NDArray[np.int64]]
"""The inputs of a graph by name."""

ONNXRUNTIME_DOMAIN = "com.microsoft"
"""Domain of the operators that only onnxruntime has."""

WEIGHT_STEPS = 64
"""Largest absolute value of an integer weight. A processor without VNNI adds two products of 8 bits
in 16 bits, and 2 * 255 * 64 < 2 ** 15, so this never overflows."""

_SHRINKAGE = np.linspace(0.5, 1.0, 26)  # shares of a column's largest weight tried as its last step
_LEVELS = 255  # the largest unsigned number of 8 bits
_ZERO_POINTS = (4, 8, 16, 32, 64, 96, 112, 128)  # tried for the input of a product
_ALPHA = 0.8  # SmoothQuant: share of a channel's range that goes into the step of the input
_GPTQ_BLOCK = 128
_AT_ONCE = 32  # inputs whose moments are summed up in single precision, before they join the others
_DAMPING = 0.01  # GPTQ: added to the diagonal of the moments, as a share of its mean


def round_columns(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], Floats]:
    """Round each column to integers times a scale, with the scale of least squared error.

    :param weights: Shape: (depth, n_columns).
    :return: Integers within `WEIGHT_STEPS`, shape (depth, n_columns); scales, shape (n_columns,).
    """
    largest = np.maximum(np.abs(weights).max(axis=0).astype(np.float64), 1e-12)
    least, scales = np.full(len(largest), np.inf), largest / WEIGHT_STEPS
    for share in _SHRINKAGE:
        candidate = share * largest / WEIGHT_STEPS
        error = np.square(_integers(weights / candidate) * candidate - weights).sum(axis=0)
        scales = np.where(error < least, candidate, scales)
        least = np.minimum(error, least)
    return _integers(weights / scales).astype(np.int8), scales


def gptq_round(weights: Floats, moments: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Round as `round_columns` does, channel by channel, each error spread over later channels.

    GPTQ (Frantar et al. 2023), with the channels in the order of their second moments. The errors
    of a block of channels are spread over the channels behind it at once.

    :param weights: Shape: (depth, n_columns).
    :param moments: Sums of the products of each two channels of the input. Shape: (depth, depth).
    """
    _, scales = round_columns(weights.astype(np.float32))
    order = np.argsort(-np.diag(moments))
    rest = weights[order]
    damped = moments[np.ix_(order, order)] + _DAMPING * np.diag(moments).mean() * np.eye(len(order))
    upper = _root_of_inverse(damped)
    rounded = np.empty(weights.shape, dtype=np.int8)
    for start in range(0, len(order), _GPTQ_BLOCK):
        block = slice(start, min(start + _GPTQ_BLOCK, len(order)))
        errors = np.empty_like(rest[block])
        for row in range(block.start, block.stop):
            integers = _integers(rest[row] / scales)
            rounded[order[row]] = integers.astype(np.int8)
            error = (rest[row] - integers * scales) / upper[row, row]
            rest[row + 1 : block.stop] -= np.outer(upper[row, row + 1 : block.stop], error)
            errors[row - start] = error
        rest[block.stop :] -= upper[block, block.stop :].T @ errors
    return rounded, scales


def _root_of_inverse(matrix: Floats) -> Floats:
    """Give the upper triangle U of which U.T @ U is the inverse. Shape: (depth, depth)."""
    from scipy.linalg import lapack

    lower = np.linalg.cholesky(matrix[::-1, ::-1])
    return np.asarray(lapack.dtrtri(lower[::-1, ::-1], lower=0)[0])


def _integers(values: Floats) -> Floats:
    return np.asarray(np.clip(np.rint(values), -WEIGHT_STEPS, WEIGHT_STEPS))


@dataclass
class ActivationRange:
    """The values that the input of a product takes on the calibration texts."""

    low: NDArray[np.float32]  # (depth,)
    high: NDArray[np.float32]  # (depth,)
    moments: Floats  # (depth, depth): sums of the products of each two channels

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> "ActivationRange":
        """Summarise values of shape (n, depth)."""
        return cls(values.min(axis=0), values.max(axis=0), _moments(values))

    def add(self, values: NDArray[np.float32]) -> None:
        """Take in further values, shape (n, depth)."""
        np.minimum(self.low, values.min(axis=0), out=self.low)
        np.maximum(self.high, values.max(axis=0), out=self.high)
        self.moments += values.T @ values


def _moments(values: NDArray[np.float32]) -> Floats:
    return (values.T @ values).astype(np.float64)


@dataclass(frozen=True)
class InputQuantization:
    """How each channel of a product's input becomes an unsigned number: x / step + zero_point."""

    step: Floats  # (depth,)
    zero_point: int

    @classmethod
    def of(cls, activations: ActivationRange, weights: NDArray[np.float32]) -> "InputQuantization":
        """Divide the range of each channel between input and weights.

        SmoothQuant (Xiao et al. 2023): a channel with a wide range gets wider steps, and its
        weights are multiplied by as much.

        :param weights: Of all products that take this input. Shape: (depth, n_columns).
        """
        largest = np.maximum(np.abs(weights).max(axis=1).astype(np.float64), 1e-6)
        candidates = []
        for zero in _ZERO_POINTS:  # a range on one side of zero needs few steps on the other
            width = np.maximum(-activations.low / zero, activations.high / (_LEVELS - zero))
            width = np.maximum(_LEVELS * width, 1e-6).astype(np.float64)
            shared = width**_ALPHA / largest ** (1.0 - _ALPHA)
            step = shared * (width / shared).max() / _LEVELS
            candidates.append((float(np.square(step * largest).sum()), zero, step))
        _, zero, step = min(candidates, key=lambda candidate: candidate[0])
        return cls(step, zero)


class Int8:
    """Replaces each product with constant weights by a product of integers.

    :param calibration_inputs: Inputs on which the ranges of the activations are measured.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401
        calibration_inputs: Sequence[GraphInputs],
    ) -> None:
        import onnx

        self._onnx = onnx
        self._model, self._graph = model, model.graph
        self._calibration_inputs = calibration_inputs
        self._weights = {tensor.name: tensor for tensor in self._graph.initializer}
        self._nodes: list[Any] = []
        self._inputs: dict[str, InputQuantization] = {}
        self._rounded: dict[str, tuple[NDArray[np.int8], Floats]] = {}
        self._quantized: dict[str, str] = {}
        self._unit = self._constant("int8_one", np.array(1.0, dtype=np.float32))
        if ONNXRUNTIME_DOMAIN not in {opset.domain for opset in model.opset_import}:
            model.opset_import.append(onnx.helper.make_opsetid(ONNXRUNTIME_DOMAIN, 1))

    def rewrite(self) -> Vectors:
        """Change the graph in place.

        :return: What its first output was for each calibration input. Shape: (n_inputs, width).
        """
        products: dict[str, list[Any]] = {}
        for node in self._graph.node:
            if self._is_product(node):
                products.setdefault(node.input[0], []).append(node)
        biases = self._biases(products)
        absorbed = {id(node) for node in biases.values()}
        with threadpool_limits(1):  # each thread of ours is a core's work already
            ranges, outputs = self._measure(list(products))
            map_in_threads(
                lambda source: self._round(source, products[source], ranges.pop(source)),
                list(products),
            )
        for node in list(self._graph.node):
            if self._is_product(node):
                self._replace_product(node, biases.get(node.output[0]))
            elif node.op_type == "Gather" and self._is_matrix(node.input[0]):
                self._replace_embedding(node)
            elif id(node) not in absorbed:
                self._nodes.append(node)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        used = {name for node in self._nodes for name in node.input}
        kept = [tensor for tensor in self._graph.initializer if tensor.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)
        del self._graph.value_info[:]
        return outputs

    def _is_product(self, node: Any) -> bool:  # noqa: ANN401
        return node.op_type == "MatMul" and self._is_matrix(node.input[1])

    def _is_matrix(self, name: str) -> bool:
        return name in self._weights and len(self._weights[name].dims) == 2

    def _array(self, name: str) -> NDArray[np.float32]:
        return np.asarray(self._onnx.numpy_helper.to_array(self._weights[name]))

    def _measure(self, sources: list[str]) -> tuple[dict[str, ActivationRange], Vectors]:
        """Run the graph on the calibration inputs, and measure the values of these sources."""
        watched = self._onnx.ModelProto()
        watched.CopyFrom(self._model)
        watched.graph.output.extend(
            self._onnx.helper.make_tensor_value_info(name, self._onnx.TensorProto.FLOAT, None)
            for name in sources
        )
        session = open_session(watched.SerializeToString())
        names = [self._graph.output[0].name, *sources]
        ranges: dict[str, ActivationRange] = {}
        outputs = []
        for start in range(0, len(self._calibration_inputs), _AT_ONCE):
            inputs = self._calibration_inputs[start : start + _AT_ONCE]
            results = map_in_threads(lambda text: session.run(names, text), inputs)
            outputs += [result[0] for result in results]

            def add(column: int, results: list[Any] = results) -> None:
                parts = [result[column].reshape(-1, result[column].shape[-1]) for result in results]
                values, source = np.concatenate(parts), names[column]
                if source in ranges:
                    ranges[source].add(values)
                else:
                    ranges[source] = ActivationRange.of(values)

            map_in_threads(add, range(1, len(names)))
        return ranges, np.concatenate(outputs)

    def _round(self, source: str, products: list[Any], activations: ActivationRange) -> None:
        """Round the input of some products, and the weights of all of them."""
        weights = [self._array(node.input[1]) for node in products]
        quantization = InputQuantization.of(activations, np.hstack(weights))
        step = quantization.step
        integers, scales = gptq_round(
            np.hstack(weights) * step[:, None], activations.moments / np.outer(step, step)
        )
        self._inputs[source] = quantization
        ends = np.cumsum([part.shape[1] for part in weights])
        for node, end, part in zip(products, ends.tolist(), weights, strict=True):
            columns = slice(end - part.shape[1], end)
            self._rounded[node.output[0]] = integers[:, columns], scales[columns]

    def _biases(self, products: dict[str, list[Any]]) -> dict[str, Any]:
        """Find the nodes that only add a constant to a product: the integer product does that."""
        takers: dict[str, list[Any]] = {}
        for node in self._graph.node:
            for name in node.input:
                takers.setdefault(name, []).append(node)
        biases = {}
        for name in (product.output[0] for group in products.values() for product in group):
            taker = takers[name][0] if len(takers.get(name, ())) == 1 else None
            if taker is not None and taker.op_type == "Add" and self._bias(taker, name) is not None:
                biases[name] = taker
        return biases

    def _bias(self, add: Any, product: str) -> NDArray[np.float32] | None:  # noqa: ANN401
        name = add.input[1] if add.input[0] == product else add.input[0]
        is_vector = name in self._weights and len(self._weights[name].dims) == 1
        return self._array(name) if is_vector else None

    def _quantize(self, source: str, quantization: InputQuantization) -> str:
        """Make an input integers, once for all products that take it."""
        if source not in self._quantized:
            shares = (1.0 / quantization.step).astype(np.float32)
            factors = self._constant(f"{source}_shares", shares)
            scaled = self._add("Mul", [source, factors], f"{source}_steps")
            zero_point = np.array(quantization.zero_point, dtype=np.uint8)
            inputs = [scaled, self._unit, self._constant(f"{source}_zero", zero_point)]
            self._quantized[source] = self._add("QuantizeLinear", inputs, f"{source}_uint8")
        return self._quantized[source]

    def _replace_product(self, node: Any, bias: Any) -> None:  # noqa: ANN401
        """X @ W + bias = integers of X @ integers of W * column scales + offset.

        The offset holds the bias and what the zero point of X adds.
        """
        quantization, name = self._inputs[node.input[0]], node.output[0]
        integers, scales = self._rounded[name]
        offset = -quantization.zero_point * integers.sum(axis=0, dtype=np.float64) * scales
        if bias is not None:
            offset = offset + self._bias(bias, name)
        inputs = [
            self._quantize(node.input[0], quantization),
            self._constant(f"{name}_int8", integers),
            self._unit,
            self._constant(f"{name}_scales", scales.astype(np.float32)),
            "",
            "",
            self._constant(f"{name}_level", offset.astype(np.float32)),
        ]
        output = name if bias is None else bias.output[0]
        self._add("MatMulIntegerToFloat", inputs, output, domain=ONNXRUNTIME_DOMAIN)

    def _replace_embedding(self, node: Any) -> None:  # noqa: ANN401
        """Store a table of embeddings in half precision, so that each start reads half as much."""
        table = self._array(node.input[0]).astype(np.float16)
        half = self._constant(f"{node.output[0]}_fp16", table)
        axis = {attribute.name: attribute.i for attribute in node.attribute}
        row = self._add("Gather", [half, node.input[1]], f"{node.output[0]}_half", **axis)
        self._add("Cast", [row], node.output[0], to=self._onnx.TensorProto.FLOAT)

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        self._graph.initializer.append(self._onnx.numpy_helper.from_array(value, name))
        return name

    def _add(self, kind: str, inputs: list[str], name: str, **settings: Any) -> str:  # noqa: ANN401
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, [name], **settings))
        return name
