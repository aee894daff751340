"""The graph of the embedded model: exported by `torch.export`, with fused attention."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_OPSET = 21


def export_and_fuse(module: Any, outputs: list[str]) -> Any:  # noqa: ANN401
    """Export a module of two inputs, whose attention is one node for each layer.

    :param outputs: The names of what the module gives.
    """
    import torch

    ids = torch.ones((2, 9), dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    axes = {0: torch.export.Dim("batch", min=1), 1: torch.export.Dim("length", min=1)}
    with _quiet():
        return _fuse_attention(_exported(module, (ids, mask), outputs, (axes, axes)))


def _exported(module: Any, inputs: Any, outputs: list[str], axes: Any) -> Any:  # noqa: ANN401
    import torch

    program = torch.onnx.export(
        module,
        inputs,
        dynamo=True,
        verbose=False,
        opset_version=_OPSET,
        input_names=["input_ids", "attention_mask"],
        output_names=outputs,
        dynamic_shapes=axes,
    )
    return program.model_proto


def _fuse_attention(graph: Any) -> Any:  # noqa: ANN401
    """Replace the thirty nodes of each layer's attention by one, if they have the usual form."""
    from onnx_ir.passes.common import ShapeInferencePass
    from onnx_ir.serde import deserialize_model, serialize_model
    from onnxscript.optimizer import optimize
    from onnxscript.rewriter.ort_fusions import shape_optimization
    from onnxscript.rewriter.ort_fusions.mha import fuse_mha1, fuse_mha2
    from onnxscript.rewriter.ort_fusions.sdpa import fuse_sdpa

    model = deserialize_model(graph)
    ShapeInferencePass()(model)
    optimize(model)
    shape_optimization.rules.apply_to_model(model)
    optimize(model)
    fuse_sdpa(model, apply_shape_inference=True)
    if not fuse_mha1(model) + fuse_mha2(model):
        return graph
    optimize(model)
    return serialize_model(model)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the exporter's warnings of deprecations and missing operators."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
