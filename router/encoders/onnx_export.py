"""A sentence-transformers model to one ONNX file: torch is needed here, and nowhere after."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from router.encoders.int8 import Int8, Tokens
from router.paths import DATA

TEXTS = DATA / "encoder_texts.txt"
"""Texts that show which values a model's inner layers take."""

OPSET = 21


def export(model: Any, path: Path, precision: str, layered: bool = False) -> None:  # noqa: ANN401
    """Write transformer, pooling and unit length as one graph.

    :param model: A loaded SentenceTransformer.
    :param layered: Two layers side by side instead of the model's own pooling; without that, the
        graph gives the tokens' vectors as well.
    """
    with _quiet():
        graph = (
            _trace(_layers(model), ["vectors"])
            if layered
            else _trace(_whole(model), ["vectors", "tokens"])
        )
        if precision == "int8":
            Int8(graph, _tokens(model)).rewrite()
        _save(graph, path)


def _whole(model: Any) -> Any:  # noqa: ANN401
    """The model as it is, to unit length; and what it makes of each token."""
    import torch

    class Whole(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:  # noqa: ANN401
            features = {"input_ids": input_ids, "attention_mask": attention_mask}
            told = self.model(features)
            vectors = torch.nn.functional.normalize(told["sentence_embedding"], dim=1)
            return vectors, told["token_embeddings"]

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
        opset_version=OPSET,
        input_names=["input_ids", "attention_mask"],
        output_names=outputs,
        dynamic_shapes=(axes, axes),
    )
    return _with_attention(program.model_proto)


def _with_attention(graph: Any) -> Any:  # noqa: ANN401
    """Let each layer's attention be one node instead of thirty, where it is written as usual."""
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


def _tokens(model: Any) -> Iterator[Tokens]:  # noqa: ANN401
    """Give the graph's inputs for each of `TEXTS`."""
    for line in TEXTS.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            told = model.tokenizer(
                line, truncation=True, max_length=model.max_seq_length, return_tensors="np"
            )
            yield {name: told[name].astype("int64") for name in ("input_ids", "attention_mask")}


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
