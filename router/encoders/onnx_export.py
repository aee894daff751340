"""Export a sentence-transformers model to one ONNX file; only this step needs torch."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from router.encoders.int8 import GraphInputs, Int8
from router.paths import DATA

CALIBRATION_TEXTS = DATA / "encoder_texts.txt"
"""Texts that show the range of values in the inner layers of a model."""

_OPSET = 21


def export_onnx(model: Any, path: Path, precision: str, two_layer: bool = False) -> None:  # noqa: ANN401
    """Write transformer, pooling and normalisation as one graph.

    :param model: A loaded SentenceTransformer.
    :param two_layer: Give the means of two layers side by side instead of the model's own pooling.
        Without it the graph also gives the vectors of the tokens.
    """
    with _quiet():
        graph = (
            _trace(_two_layers(model), ["vectors"])
            if two_layer
            else _trace(_whole(model), ["vectors", "tokens"])
        )
        if precision == "int8":
            Int8(graph, _calibration_inputs(model)).rewrite()
        path.write_bytes(graph.SerializeToString())


def _whole(model: Any) -> Any:  # noqa: ANN401
    """Give the model's own vectors at unit length, and its last layer for each token."""
    import torch

    class Whole(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:  # noqa: ANN401
            outputs = self.model({"input_ids": input_ids, "attention_mask": attention_mask})
            vectors = torch.nn.functional.normalize(outputs["sentence_embedding"], dim=1)
            return vectors, outputs["token_embeddings"]

    return Whole().eval()


def _two_layers(model: Any) -> Any:  # noqa: ANN401
    """Give the last layer and the middle one, each averaged over the tokens, at equal length."""
    import torch

    class TwoLayers(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.transformer = model[0].auto_model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:  # noqa: ANN401
            outputs = self.transformer(
                input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True
            )
            layers = outputs.hidden_states  # the first is the embedding of the tokens
            mask = attention_mask[..., None].float()
            chosen = (layers[-1], layers[(len(layers) - 1) // 2])
            means = [(layer * mask).sum(1) / mask.sum(1) for layer in chosen]
            units = [torch.nn.functional.normalize(mean, dim=1) for mean in means]
            return torch.cat(units, dim=1) * 0.5**0.5

    return TwoLayers().eval()


def _trace(module: Any, outputs: list[str]) -> Any:  # noqa: ANN401
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
        opset_version=_OPSET,
        input_names=["input_ids", "attention_mask"],
        output_names=outputs,
        dynamic_shapes=(axes, axes),
    )
    return _fuse_attention(program.model_proto)


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


def _calibration_inputs(model: Any) -> Iterator[GraphInputs]:  # noqa: ANN401
    """Tokenise each of `CALIBRATION_TEXTS`."""
    for line in CALIBRATION_TEXTS.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            inputs = model.tokenizer(
                line, truncation=True, max_length=model.max_seq_length, return_tensors="np"
            )
            yield {name: inputs[name].astype("int64") for name in ("input_ids", "attention_mask")}


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
