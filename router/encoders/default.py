"""Which encoder is used when none is named, and which when a model is."""

import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from router.encoders.encoder import Encoder
from router.encoders.exported_model import ExportError, Notify
from router.encoders.onnx_encoder import OnnxEncoder
from router.encoders.sentence_transformer import SentenceTransformerEncoder


def default_encoder(notify: Notify | None = None) -> Encoder:
    """Give the fast encoder; it loads its model when it is first needed.

    Where its model can't be exported, this warns and gives the reference encoder.

    :param notify: Called with a sentence when something takes long.
    """
    encoder = OnnxEncoder(notify=notify)
    try:
        encoder.prepare()
    except ExportError as error:
        warnings.warn(f"using sentence-transformers, which is slower: {error}", stacklevel=2)
        return SentenceTransformerEncoder()
    return encoder


def loading(encoder: Encoder) -> AbstractContextManager[None]:
    """Load the model of the fast encoder while a block runs; do nothing for other encoders."""
    return encoder.loading() if isinstance(encoder, OnnxEncoder) else nullcontext()


def load_encoder(model: str | Path | None = None, notify: Notify | None = None) -> Encoder:
    """Give the encoder of a sentence-transformers model, by name or folder.

    :param model: The default encoder if None.
    """
    return default_encoder(notify) if model is None else SentenceTransformerEncoder(model)
