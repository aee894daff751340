"""The reference encoder: a sentence-transformers model, run by sentence-transformers itself."""

import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from router.arrays import TokenVectors, Vectors
from router.encoders.encoder import NO_TOKENS, may_exceed, token_units
from router.encoders.model_files import check_weights, find_model, model_fingerprint, stated_width
from router.errors import EncoderError
from router.text import is_blank, plain_text
from router.threads import ProcessLock


class SentenceTransformerEncoder:
    """Any sentence-transformers model.

    :param model: A folder, or a name that sentence-transformers knows; all-MiniLM-L6-v2, which is
        installed with the package, if None.
    """

    def __init__(self, model: str | Path | None = None) -> None:
        self.model = find_model(model)
        self._lock = ProcessLock()

    def __reduce__(self) -> tuple[type["SentenceTransformerEncoder"], tuple[str | Path]]:
        """Be pickled as the model's name or folder."""
        return type(self), (self.model,)

    @cached_property
    def key(self) -> str:
        """A hash of the model's files; for a model that is only a name, the name."""
        return f"{model_fingerprint(self.model)}:torch-fp32"

    @cached_property
    def width(self) -> int:
        """Length of a vector."""
        return stated_width(self.model) or int(self._loaded().get_embedding_dimension())

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch. Shape: (n_texts, width); unit rows, a zero row for a blank text."""
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        rows = [row for row, text in enumerate(texts) if not is_blank(text)]
        if rows:
            vectors[rows] = self._run([texts[row] for row in rows], normalize_embeddings=True)
        return vectors

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[TokenVectors]]:
        """Encode a batch with the vectors of its tokens, see `router.encoders.encoder`."""
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        tokens = [NO_TOKENS] * len(texts)
        rows = [row for row, text in enumerate(texts) if not is_blank(text)]
        if rows:
            outputs = self._run([texts[row] for row in rows], output_value=None)
            for row, output in zip(rows, outputs, strict=True):
                vector = output["sentence_embedding"].numpy()
                vectors[row] = vector / np.linalg.norm(vector)
                length = int(output["attention_mask"].sum())
                tokens[row] = token_units(output["token_embeddings"][:length].numpy())
        return vectors, tokens

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Tell of which texts the end is not read, being too long."""
        model = self._loaded()
        limit = model.get_max_seq_length()
        if limit is None:
            return [False] * len(texts)

        def n_tokens(text: str) -> int:
            return len(model.tokenizer(plain_text(text), verbose=False)["input_ids"])

        return [may_exceed(plain_text(text), limit) and n_tokens(text) > limit for text in texts]

    def _run(self, texts: Sequence[str], **options: Any) -> Any:  # noqa: ANN401
        model = self._loaded()
        return model.encode(
            [plain_text(text) for text in texts], show_progress_bar=False, **options
        )

    def _loaded(self) -> Any:  # noqa: ANN401 - naming the type would import torch
        with self._lock:
            return self._model

    @cached_property
    def _model(self) -> Any:  # noqa: ANN401
        return load_sentence_transformer(self.model)


def load_sentence_transformer(model: Path | str) -> Any:  # noqa: ANN401
    """Import sentence-transformers and load a model; the default one after checking its hash."""
    check_weights(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # callers can do nothing about deprecations in there
        try:
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging

            had_progress_bar = logging.is_progress_bar_enabled()
            logging.disable_progress_bar()
            try:
                return SentenceTransformer(str(model), device="cpu")
            finally:
                if had_progress_bar:
                    logging.enable_progress_bar()
        except Exception as error:
            raise EncoderError(
                f"{model}: sentence-transformers can't load it: {error};"
                " cure: check the name or folder, and the network if it is a name"
            ) from error
