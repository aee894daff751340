"""Run an exported model: tokenizers and onnxruntime, in batches of similar length on all cores."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from router.arrays import Indices, TokenVectors, Vectors
from router.encoders.encoder import token_units
from router.encoders.model_files import sha256_of
from router.errors import EncoderError
from router.threads import cores

_BATCH_TOKENS = 256  # per batch, padding included: the activations then fit in a core's cache
_WINDOW = 2048  # texts sorted together; the next window is tokenised while this one runs


class ExportError(EncoderError):
    """The model is sound, but it can't be exported to ONNX, or the export can't be run, here."""


class DamagedModelError(ExportError):
    """An exported file is not what its sidecar says."""


class ExportedModel(msgspec.Struct, frozen=True):
    """The content of the sidecar file that describes an exported model."""

    file: str
    sha256: str
    width: int
    max_tokens: int


class OnnxSession:
    """An onnxruntime session and a tokenizer, shared by all threads."""

    def __init__(self, tokenizer: Path, model: Path, export: ExportedModel) -> None:
        with ThreadPoolExecutor(1) as background:  # hashing takes no extra time on a second core
            digest = background.submit(sha256_of, model)
            failure: Exception | None = None
            try:
                self._session = open_session(model)
            except Exception as error:  # onnxruntime raises another class for each kind of damage
                failure = error
            if digest.result() != export.sha256:
                raise DamagedModelError(
                    f"{model}: sha256 must be {export.sha256}, was {digest.result()}"
                )
        if failure is not None:
            raise ExportError(f"{model}: onnxruntime can't load it: {failure}") from failure
        self._tokenizer = _tokenizer(tokenizer, export.max_tokens)

    def encode(
        self, texts: list[str], with_tokens: bool = False
    ) -> Iterator[tuple[list[str], Vectors, list[TokenVectors]]]:
        """Encode distinct texts window by window.

        :param with_tokens: Give the vectors of the tokens too; otherwise that list is empty.
        """
        if len(texts) == 1:
            yield texts, *self._run(self._tokenise(texts), with_tokens)
            return
        windows = [texts[start : start + _WINDOW] for start in range(0, len(texts), _WINDOW)]
        with ThreadPoolExecutor(1) as background, ThreadPoolExecutor(cores()) as workers:
            next_ids = background.submit(self._tokenise, windows[0])
            for window, next_window in zip(windows, [*windows[1:], []], strict=True):
                ids = next_ids.result()
                next_ids = background.submit(self._tokenise, next_window)
                yield window, *self._run_batches(ids, workers, with_tokens)

    def _tokenise(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts)]

    def _run_batches(
        self, ids: list[list[int]], workers: ThreadPoolExecutor, with_tokens: bool
    ) -> tuple[Vectors, list[TokenVectors]]:
        """Run batches of similar length, the longest first so that the last to end is short."""
        lengths = np.array([len(text_ids) for text_ids in ids])
        order = np.argsort(-lengths, kind="stable")
        # Even a few texts are spread over all cores.
        batch_tokens = min(_BATCH_TOKENS, -(-int(lengths.sum()) // cores()))
        results = list(
            workers.map(
                lambda batch: self._run([ids[index] for index in batch], with_tokens),
                _batches(order, lengths[order], batch_tokens),
            )
        )
        inverse = np.argsort(order)
        vectors = np.concatenate([vectors for vectors, _ in results])[inverse]
        tokens = list(chain.from_iterable(tokens for _, tokens in results))
        return vectors, [tokens[index] for index in inverse] if with_tokens else []

    def _run(self, ids: list[list[int]], with_tokens: bool) -> tuple[Vectors, list[TokenVectors]]:
        """Run one batch, padded to its longest text."""
        lengths = [len(text_ids) for text_ids in ids]
        padded = np.zeros((len(ids), max(lengths)), dtype=np.int64)
        mask = np.zeros_like(padded)
        for row, text_ids in enumerate(ids):
            padded[row, : len(text_ids)] = text_ids
            mask[row, : len(text_ids)] = 1
        inputs = {"input_ids": padded, "attention_mask": mask}
        if not with_tokens:
            return self._session.run(["vectors"], inputs)[0], []
        vectors, layers = self._session.run(["vectors", "tokens"], inputs)
        return vectors, [
            token_units(layer[:length]) for layer, length in zip(layers, lengths, strict=True)
        ]


def _batches(order: Indices, lengths: Indices, batch_tokens: int) -> Iterator[Indices]:
    """Cut texts into batches of at most so many tokens, or of a single text.

    :param order: Indices of the texts, the longest first.
    :param lengths: Their tokens, in that order.
    """
    start = 0
    while start < len(order):
        end = start + max(1, batch_tokens // int(lengths[start]))
        yield order[start:end]
        start = end


def open_session(model: Path | bytes) -> Any:  # noqa: ANN401 - onnxruntime has no types
    """Open a graph. Each call runs in one thread, and calls in parallel, so that no core waits."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _tokenizer(path: Path, max_tokens: int) -> Any:  # noqa: ANN401 - tokenizers has no types
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer
