"""A model that is exported: onnxruntime and a tokenizer, batches of like length on all cores."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from router.arrays import TokenVectors, Vectors
from router.encoders.encoder import sha256_of, token_units
from router.errors import EncoderError
from router.threads import cores

TOKENS = 256  # in a batch at most, padding included: its activations stay in a core's cache
WINDOW = 2048  # texts sorted together; the next window is tokenised beside this one's inference

Ids: TypeAlias = NDArray[np.int64]


class ExportError(EncoderError):
    """The model is fine, but can't be turned into ONNX, or run as such, here."""


class Export(msgspec.Struct, frozen=True):
    """What an exported model is: the sidecar beside it."""

    file: str
    sha256: str
    width: int
    max_tokens: int


class DamagedError(ExportError):
    """An exported file is not what its sidecar says."""


class OnnxSession:
    """A session and a tokenizer, shared by all threads."""

    def __init__(self, tokenizer: Path, model: Path, export: Export) -> None:
        with ThreadPoolExecutor(1) as beside:  # the hash costs no time of its own on two cores
            digest = beside.submit(sha256_of, model)
            failure: Exception | None = None
            try:
                self._session = open_session(model)
            except Exception as error:  # onnxruntime has a class for each kind of damage
                failure = error
            if digest.result() != export.sha256:
                raise DamagedError(
                    f"{model}: sha256 must be {export.sha256}, was {digest.result()}"
                )
        if failure is not None:
            raise ExportError(f"{model}: onnxruntime can't load it: {failure}") from failure
        self._tokenizer = _tokenizer(tokenizer, export.max_tokens)

    def encode(
        self, texts: list[str], with_tokens: bool = False
    ) -> Iterator[tuple[list[str], Vectors, list[TokenVectors]]]:
        """Encode distinct texts, a window after the other; no tokens' vectors but on demand."""
        if len(texts) == 1:
            yield texts, *self._run(self._tokenise(texts), with_tokens)
            return
        windows = [texts[start : start + WINDOW] for start in range(0, len(texts), WINDOW)]
        with ThreadPoolExecutor(1) as beside, ThreadPoolExecutor(cores()) as workers:
            following = beside.submit(self._tokenise, windows[0])
            for window, after in zip(windows, [*windows[1:], []], strict=True):
                tokens = following.result()
                following = beside.submit(self._tokenise, after)
                yield window, *self._infer(tokens, workers, with_tokens)

    def _tokenise(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts)]

    def _infer(
        self, tokens: list[list[int]], workers: ThreadPoolExecutor, with_tokens: bool
    ) -> tuple[Vectors, list[TokenVectors]]:
        """Run batches of like length, the longest first so that the last to end is short."""
        lengths = np.array([len(ids) for ids in tokens])
        order = np.argsort(-lengths, kind="stable")
        most = min(TOKENS, -(-int(lengths.sum()) // cores()))  # a few texts, too, use all cores
        batches = list(_batches(order, lengths[order], most))
        done = list(
            workers.map(
                lambda batch: self._run([tokens[place] for place in batch], with_tokens), batches
            )
        )
        parts = np.concatenate([some for some, _ in done])
        vectors: Vectors = np.empty_like(parts)
        vectors[order] = parts
        in_order = list(chain.from_iterable(some for _, some in done))
        return vectors, [in_order[place] for place in np.argsort(order)] if in_order else []

    def _run(
        self, tokens: list[list[int]], with_tokens: bool
    ) -> tuple[Vectors, list[TokenVectors]]:
        longest = max(len(ids) for ids in tokens)
        ids = np.zeros((len(tokens), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, some in enumerate(tokens):
            ids[row, : len(some)] = some
            mask[row, : len(some)] = 1
        told = {"input_ids": ids, "attention_mask": mask}
        if not with_tokens:
            return self._session.run(["vectors"], told)[0], []
        vectors, parts = self._session.run(["vectors", "tokens"], told)
        return vectors, [
            token_units(part[: len(some)]) for part, some in zip(parts, tokens, strict=True)
        ]


def _batches(order: Ids, lengths: Ids, most: int) -> Iterator[Ids]:
    """Cut places, the longest first, so that no batch but of one text has more tokens than that."""
    start = 0
    while start < len(order):
        end = start + max(1, most // int(lengths[start]))
        yield order[start:end]
        start = end


def open_session(model: Path | bytes) -> Any:  # noqa: ANN401 - onnxruntime has no types
    """Open a graph; one thread a call and a call a core, so that no core waits within a layer."""
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
