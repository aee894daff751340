"""Export a sentence-transformers model to one ONNX file; only this step needs torch.

The file holds transformer, pooling, any dense layer and normalisation, and the tokenizer as
metadata, so that nothing but the file is needed to run it.
"""

import io
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

import numpy as np

from router.arrays import Vectors
from router.encoders.int8 import GraphInputs, Int8
from router.encoders.model_files import Precision
from router.encoders.onnx_session import TOKENIZER, graph_inputs, load_tokenizer, open_session
from router.paths import DATA
from router.threads import map_in_threads

CALIBRATION_TEXTS = DATA / "encoder_texts.txt"
"""Texts that show the range of values in the inner layers of a model."""

LEAST_COSINE = 0.99
"""The mean cosine of the vectors in 8 bits with the original ones, at least."""

LEAST_COSINE_OF_EXPORT = 0.999
_CHECKED, _SHORT = 32, 100
"""On so many texts of less than so many characters the exported model must give the vectors of the
original one, to this cosine."""

_MAX_TOKENS = 512
"""Tokens of a text that are read, where the model doesn't say."""

_OPSET = 17


def export_onnx(
    model: Any,  # noqa: ANN401
    path: Path,
    precision: Precision,
    two_layer: bool = False,
) -> tuple[Precision, int]:
    """Write transformer, pooling and normalisation as one graph.

    :param model: A loaded SentenceTransformer.
    :param precision: With "int8", a model that loses too much in 8 bits is written in "fp32".
    :param two_layer: Give the means of two layers side by side instead of the model's own pooling.
        Without it the graph also gives the vectors of the tokens.
    :return: The precision that was written, and the width of a vector.
    :raises ValueError: The graph does not give the vectors of the model.
    """
    tokenizer = _tokenizer(model)
    texts = calibration_texts()
    most, pad_id = max_tokens(model), int(model.tokenizer.pad_token_id or 0)
    tokenizer.enable_truncation(most)
    inputs = [graph_inputs([tokenizer.encode(text).ids], pad_id) for text in texts]
    tokenizer.no_truncation()
    module, outputs = (
        (_two_layers(model), ["vectors"]) if two_layer else (_whole(model), ["vectors", "tokens"])
    )
    _attend_plainly(model)
    graph = _trace(module, outputs)
    _add_tokenizer(graph, tokenizer, pad_id)
    content = graph.SerializeToString()
    if not two_layer:
        whole = [
            text
            for text, of_text in zip(texts, inputs, strict=True)
            if of_text["input_ids"].shape[1] < most and len(text) < _SHORT
        ]
        _check(model, content, whole[:: -(-len(whole) // _CHECKED)])
    if precision == "int8":
        wanted = Int8(graph, inputs).rewrite()
        rounded = graph.SerializeToString()
        if mean_cosine(_run(rounded, inputs), wanted) >= LEAST_COSINE:
            path.write_bytes(rounded)
            return "int8", wanted.shape[1]
    path.write_bytes(content)
    return "fp32", _run(content, inputs[:1]).shape[1]


def calibration_texts() -> list[str]:
    """Read `CALIBRATION_TEXTS`."""
    lines = CALIBRATION_TEXTS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def max_tokens(model: Any) -> int:  # noqa: ANN401
    """Tell how many tokens of a text are read at most."""
    return int(model.max_seq_length or _MAX_TOKENS)


def mean_cosine(vectors: Vectors, others: Vectors) -> float:
    """Compute the mean cosine of unit vectors, row by row."""
    return float(np.einsum("ij,ij->i", vectors, others).mean())


def _tokenizer(model: Any) -> Any:  # noqa: ANN401
    """Give the model's tokenizer, which puts its default prompt before each text."""
    from tokenizers import Tokenizer, normalizers

    tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    prompt = (model.prompts or {}).get(model.default_prompt_name) or ""
    steps: list[Any] = [normalizers.Prepend(prompt)] if prompt else []
    if getattr(model[0], "do_lower_case", False):
        steps.append(normalizers.Lowercase())
    if steps:
        own = [tokenizer.normalizer] if tokenizer.normalizer is not None else []
        tokenizer.normalizer = normalizers.Sequence([*steps, *own])
    return tokenizer


def _add_tokenizer(graph: Any, tokenizer: Any, pad_id: int) -> None:  # noqa: ANN401
    """Put the tokenizer, and how it fills texts up, into the metadata of a graph."""
    from tokenizers import Tokenizer

    padding = Tokenizer.from_str(tokenizer.to_str())
    padding.enable_padding(pad_id=pad_id)
    entry = graph.metadata_props.add()
    entry.key, entry.value = TOKENIZER, padding.to_str()


def _check(model: Any, graph: bytes, texts: Sequence[str]) -> None:  # noqa: ANN401
    """Compare a graph with its model, on texts that are padded to the longest of them.

    :raises ValueError: They differ.
    """
    wanted = model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
    session = open_session(graph)
    tokenizer, pad_id = load_tokenizer(session, Path())
    inputs = graph_inputs([tokenizer.encode(text).ids for text in texts], pad_id)
    cosine = mean_cosine(session.run(["vectors"], inputs)[0], wanted)
    if not cosine >= LEAST_COSINE_OF_EXPORT:
        raise ValueError(f"the exported model gives other vectors, at a mean cosine of {cosine}")


def _run(graph: bytes, inputs: Sequence[GraphInputs]) -> Vectors:
    session = open_session(graph)
    return np.concatenate(
        map_in_threads(lambda batch: session.run(["vectors"], batch)[0], list(inputs))
    )


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


def _attend_plainly(model: Any) -> None:  # noqa: ANN401
    """Let a transformer compute its attention step by step, which gives the smallest graph."""
    with suppress(AttributeError):  # a model of its own kind, or an older library
        model[0].auto_model.set_attn_implementation("eager")


def _trace(module: Any, outputs: list[str]) -> Any:  # noqa: ANN401
    """Record what a module does with two texts; the numbers of texts and tokens stay open.

    The exporter by `torch.export` takes twenty times as long, for batches as fast as these.
    """
    import onnx
    import torch

    ids = torch.ones((2, 9), dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    names = ("input_ids", "attention_mask", "tokens")
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (ids, mask),
            buffer,
            dynamo=False,
            opset_version=_OPSET,
            input_names=["input_ids", "attention_mask"],
            output_names=outputs,
            dynamic_axes={name: {0: "batch", 1: "length"} for name in names}
            | {"vectors": {0: "batch"}},
        )
    return onnx.load_model_from_string(buffer.getvalue())
