"""The fast encoder: a model that is exported to ONNX once, and then runs without torch.

Texts run in batches of similar length, on all cores.
"""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from itertools import chain, compress
from pathlib import Path
from typing import ClassVar

import numpy as np

from router.arrays import Indices, TokenVectors, Vectors
from router.encoders.encoder import NO_TOKENS, may_exceed, token_units
from router.encoders.exported_model import (
    DamagedModelError,
    ExportedModel,
    ExportError,
    ModelExport,
    Notify,
)
from router.encoders.model_files import Precision, find_model, model_fingerprint, sha256_of
from router.encoders.onnx_session import graph_inputs, load_tokenizer, open_session
from router.errors import EncoderError
from router.text import is_blank, plain_text
from router.threads import ProcessLock, cores

log = logging.getLogger(__name__)

EXPORT_FORMAT = 6
"""Part of every key. Raise it when the exporter or its calibration texts change."""

_BATCH_TOKENS = 256  # per batch, padding included: the activations then fit in a core's cache
_WINDOW = 2048  # texts sorted together; the next window is tokenised while this one runs


class OnnxSession:
    """An onnxruntime session and a tokenizer, shared by all threads."""

    def __init__(self, tokenizer: Path, model: Path, export: ExportedModel) -> None:
        digest = sha256_of(model)
        if digest != export.sha256:
            raise DamagedModelError(f"{model}: sha256 must be {export.sha256}, was {digest}")
        try:
            self._session = open_session(model)
        except Exception as error:  # onnxruntime raises another class for each kind of damage
            raise ExportError(f"{model}: onnxruntime can't load it: {error}") from error
        self._cores = cores()
        self._tokenizer, self._pad_id = load_tokenizer(self._session, tokenizer)
        self._max_tokens = export.max_tokens

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
        with ThreadPoolExecutor(1) as background, ThreadPoolExecutor(self._cores) as workers:
            next_ids = background.submit(self._tokenise, windows[0])
            for window, next_window in zip(windows, [*windows[1:], []], strict=True):
                ids = next_ids.result()
                next_ids = background.submit(self._tokenise, next_window)
                yield window, *self._run_batches(ids, workers, with_tokens)

    def truncated(self, texts: list[str]) -> list[bool]:
        """Tell of which texts the middle is not read."""
        encodings = self._tokenizer.encode_batch_fast(texts)
        return [len(encoding.ids) > self._max_tokens for encoding in encodings]

    def _tokenise(self, texts: list[str]) -> list[list[int]]:
        return [self._ends(encoding.ids) for encoding in self._tokenizer.encode_batch_fast(texts)]

    def _ends(self, ids: list[int]) -> list[int]:
        """Keep the beginning and the end of a long text: a question stands in either."""
        head = (self._max_tokens + 1) // 2
        tail = self._max_tokens - head
        return ids if len(ids) <= self._max_tokens else ids[:head] + ids[len(ids) - tail :]

    def _run_batches(
        self, ids: list[list[int]], workers: ThreadPoolExecutor, with_tokens: bool
    ) -> tuple[Vectors, list[TokenVectors]]:
        """Run batches of similar length, the longest first so that the last to end is short."""
        lengths = np.array([len(text_ids) for text_ids in ids])
        order = np.argsort(-lengths, kind="stable")
        # Even a few texts are spread over all cores.
        batch_tokens = min(_BATCH_TOKENS, -(-int(lengths.sum()) // self._cores))
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
        inputs = graph_inputs(ids, self._pad_id)
        if not with_tokens:
            return self._session.run(["vectors"], inputs)[0], []
        vectors, layers = self._session.run(["vectors", "tokens"], inputs)
        return vectors, [
            token_units(layer[: len(text_ids)]) for layer, text_ids in zip(layers, ids, strict=True)
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


class OnnxEncoder:
    """A sentence-transformers model in a folder, exported to ONNX when it is first needed.

    :param model: A folder; all-MiniLM-L6-v2, which is installed with the package, if None.
    :param precision: docs/pages/explanation/encoder.md has the speed and accuracy of each. A model
        that loses too much in 8 bits runs in "fp32"; `prepare()` tells which it is.
    :param notify: Called with a sentence when something takes long.
    """

    two_layer: ClassVar[bool] = False

    def __init__(
        self,
        model: str | Path | None = None,
        precision: Precision = "int8",
        notify: Notify | None = None,
    ) -> None:
        folder = find_model(model)
        if isinstance(folder, str):
            raise EncoderError(
                f"{folder}: only a model in a folder can be exported, this is a name;"
                " cure: save it to a folder, or use SentenceTransformerEncoder"
            )
        self.folder = folder
        self.precision: Precision = precision
        self._notify = notify
        self._lock = ProcessLock()
        self._session: OnnxSession | None = None

    def __reduce__(self) -> tuple[type["OnnxEncoder"], tuple[Path, Precision]]:
        """Be pickled as folder and precision, without the session."""
        return type(self), (self.folder, self.precision)

    @cached_property
    def key(self) -> str:
        """The hash of the model's files, and the precision."""
        layers = "-layered" if self.two_layer else ""
        return f"{model_fingerprint(self.folder)}:onnx{EXPORT_FORMAT}-{self.precision}{layers}"

    @cached_property
    def width(self) -> int:
        """Length of a vector."""
        return self.prepare()[1].width

    def prepare(self) -> tuple[Path, ExportedModel]:
        """Export the model unless that is done.

        :return: The folder of the exported model, and what its sidecar says.
        """
        return self._export.prepare()

    @cached_property
    def _export(self) -> ModelExport:
        return ModelExport(self.folder, self.key, self.precision, self.two_layer, self._notify)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch. Shape: (n_texts, width); unit rows, a zero row for a blank text."""
        return self._encode(texts, with_tokens=False)[0]

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[TokenVectors] | None]:
        """Encode a batch with the vectors of its tokens, see `router.encoders.encoder`.

        A graph of two layers gives none.
        """
        if self.two_layer:
            return self.encode(texts), None
        return self._encode(texts, with_tokens=True)

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Tell of which texts the middle is not read, being too long."""
        plain = [plain_text(text).strip() for text in texts]
        long = [text for text in plain if may_exceed(text, self._max_tokens)]
        cut = set(compress(long, self._loaded().truncated(long))) if long else ()
        return [text in cut for text in plain]

    @cached_property
    def _max_tokens(self) -> int:
        return self.prepare()[1].max_tokens

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Load the model in a thread while the block runs, and wait for it at the block's end.

        An error in the thread is raised again when the first text is encoded.
        """
        with ThreadPoolExecutor(1) as background:
            background.submit(self._loaded)
            yield

    def _encode(
        self, texts: Sequence[str], with_tokens: bool
    ) -> tuple[Vectors, list[TokenVectors]]:
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        tokens = [NO_TOKENS] * len(texts)
        rows_of = _rows_by_text(texts)
        windows = self._loaded().encode(list(rows_of), with_tokens) if rows_of else ()
        for window, window_vectors, window_tokens in windows:
            for index, text in enumerate(window):
                for row in rows_of[text]:
                    vectors[row] = window_vectors[index]
                    if with_tokens:
                        tokens[row] = window_tokens[index]
        return vectors, tokens

    def _loaded(self) -> OnnxSession:
        if self._session is not None:
            return self._session
        with self._lock:
            if self._session is None:
                try:
                    self._session = self._open()
                except DamagedModelError as error:
                    log.warning("%s; exporting it again", error)
                    self._export.remove_if_damaged()
                    self._session = self._open()
            return self._session

    def _open(self) -> OnnxSession:
        folder, export = self._export.prepare()
        return OnnxSession(self.folder / "tokenizer.json", folder / export.file, export)


def _rows_by_text(texts: Sequence[str]) -> dict[str, list[int]]:
    """Give the rows of each distinct text that is not blank."""
    rows: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        if not is_blank(text):
            rows.setdefault(plain_text(text).strip(), []).append(row)
    return rows
