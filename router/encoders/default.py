"""Which encoder is used when none is named, and which when a model or a function is."""

import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeAlias

from router.encoders.cached import CachedEncoder
from router.encoders.callable import CallableEncoder, CheckedEncoder, TextFunction
from router.encoders.encoder import Encoder
from router.encoders.exported_model import ExportError, Notify
from router.encoders.model_files import downloaded_folder, find_model, is_default_model
from router.encoders.onnx_encoder import OnnxEncoder
from router.encoders.paired import PairedEncoder
from router.encoders.sentence_transformer import (
    SentenceTransformerEncoder,
    load_sentence_transformer,
)
from router.encoders.two_layer import TwoLayerEncoder
from router.errors import EncoderError

EncoderLike: TypeAlias = Encoder | str | Path | TextFunction
"""What can be made an encoder: one, the name or folder of a model, or a function."""

_OWN = (
    OnnxEncoder,
    SentenceTransformerEncoder,
    CachedEncoder,
    CallableEncoder,
    CheckedEncoder,
    PairedEncoder,
)
"""The classes whose vectors need no further check."""


def default_encoder(notify: Notify | None = None, *, two_layers: bool = False) -> Encoder:
    """Give the fast encoder; it loads its model when it is first needed.

    Where its model can't be exported, this warns and gives the reference encoder.

    :param notify: Called with a sentence when something takes long.
    :param two_layers: Give the last and the middle layer side by side, which tells routes apart
        better where each has few exemplars.
    """
    return _prepared(TwoLayerEncoder(notify=notify) if two_layers else OnnxEncoder(notify=notify))


def loading(encoder: Encoder) -> AbstractContextManager[None]:
    """Load the model of the fast encoder while a block runs; do nothing for other encoders."""
    return encoder.loading() if isinstance(encoder, OnnxEncoder) else nullcontext()


def load_encoder(model: str | Path | None = None, notify: Notify | None = None) -> Encoder:
    """Give the fast encoder of a sentence-transformers model, by name or folder.

    Where the model can't be exported, this warns and gives the reference encoder.

    :param model: The default encoder if None, or if it is the name of the default encoder's model
        and no folder has that name. A name that is not on this machine is downloaded.
    """
    if is_default_model(model):
        return default_encoder(notify)
    found = find_model(model)
    folder = found if isinstance(found, Path) else downloaded_folder(found)
    if folder is None:
        if notify is not None:
            notify(f"Downloading {model} ...")
        load_sentence_transformer(found)
        folder = downloaded_folder(str(found))
    if folder is None:
        return SentenceTransformerEncoder(model)
    return _prepared(OnnxEncoder(folder, notify=notify))


def _prepared(encoder: OnnxEncoder) -> Encoder:
    """Export the model unless that is done; give the reference encoder where it can't be."""
    try:
        encoder.prepare()
    except ExportError as error:
        warnings.warn(f"using sentence-transformers, which is slower: {error}", stacklevel=3)
        return SentenceTransformerEncoder(encoder.folder)
    return encoder


def as_encoder(value: EncoderLike | None = None, notify: Notify | None = None) -> Encoder:
    """Make an encoder of whatever a user has: a model's name, a function, or an encoder.

    The vectors of functions, and of encoders of other projects, are checked and scaled to length 1.

    :param value: An encoder; the name or folder of a sentence-transformers model; a function from a
        list of texts to their vectors; or an object whose method `encode` is such a function, like
        a loaded model. The default encoder is used if None.
    :param notify: Called with a sentence when something takes long.
    :raises EncoderError: It is none of these, or the model's folder or name is wrong.
    """
    if value is None or isinstance(value, str | Path):
        return load_encoder(value, notify)
    if isinstance(value, _OWN):
        return value
    given: Any = value
    if isinstance(value, type):
        cure = f"make one of it: {value.__name__}(...)"
        raise EncoderError(
            f"an encoder is an object, was: the class {value.__name__}; cure: {cure}"
        )
    if callable(getattr(given, "encode", None)):
        is_encoder = hasattr(given, "key") and hasattr(given, "width")
        return CheckedEncoder(given) if is_encoder else CallableEncoder(given.encode)
    if callable(given):
        return CallableEncoder(given)
    raise EncoderError(
        f"an encoder is a model's name or folder, a function from texts to vectors, or an object"
        f" with a method `encode`, was: {type(value).__name__}"
    )
