"""An encoder made of any function from texts to vectors, whose every result is checked."""

import hashlib
import inspect
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any, TypeAlias

import numpy as np

from router.arrays import Floats, TokenVectors, Vectors
from router.encoders.encoder import Encoder, encode_with_tokens
from router.errors import EncoderError
from router.text import is_blank, plain_text

TextFunction: TypeAlias = Callable[[list[str]], Any]
"""Takes a list of texts, and gives a vector for each: an array, a tensor, or a list of lists."""

_PROBE = "Where is my order, and when will it arrive?"
_PROBE_VALUES = 32


class CallableEncoder:
    """A function from texts to vectors as an encoder.

    The vectors are scaled to length 1. Their number, their width and their values are checked.
    Blank texts are not passed to the function; each gets a zero row. What the function raises is
    not caught, so retries are its own concern.

    :param function: Takes a list of texts, and gives a vector for each, all of the same width.
    :param key: Names the model and its version: vectors are cached and routers are saved under it.
        If it is None, the function's qualified name and the vector of a fixed text are used, so
        that two models never share a cache. Give a key if the function does not always give the
        same vector for the same text.
    """

    def __init__(self, function: TextFunction, key: str | None = None) -> None:
        if not callable(function):
            raise EncoderError(
                "an encoder is made of a function from texts to vectors,"
                f" was: {type(function).__name__}"
            )
        if key is not None and (not isinstance(key, str) or not key.strip()):
            raise EncoderError(f"the key of an encoder is text that is not blank, was: {key!r}")
        self.function = function
        self.name = _qualified_name(function)
        self._key = key

    def __repr__(self) -> str:
        return f"<CallableEncoder {self._key or self.name}>"

    @cached_property
    def key(self) -> str:
        """The key that was given, or one made of the function's name and a vector."""
        if self._key is not None:
            return self._key
        step = max(1, self.width // _PROBE_VALUES)
        rounded = np.round(self._probe[0, ::step].astype(np.float64), 2) + 0.0  # no minus zero
        return f"{self.name}:{hashlib.sha256(rounded.tobytes()).hexdigest()[:16]}"

    @property
    def width(self) -> int:
        """Length of a vector; the function is called once to know it."""
        return int(self._probe.shape[1])

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch. Shape: (n_texts, width); unit rows, a zero row for a blank text.

        :raises EncoderError: The function did not give one finite vector of that width a text.
        """
        _refuse_str(texts)
        rows = [row for row, text in enumerate(texts) if not is_blank(text)]
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        if rows:
            result = self.function([plain_text(texts[row]) for row in rows])
            vectors[rows] = unit_vectors(result, self.name, len(rows), self.width)
        return vectors

    @cached_property
    def _probe(self) -> Vectors:
        return unit_vectors(self.function([_PROBE]), self.name, 1)


class CheckedEncoder:
    """An encoder of another project, whose vectors are checked and scaled to length 1.

    :param encoder: Has the key, the width and the methods of an encoder.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.name = type(encoder).__qualname__

    def __repr__(self) -> str:
        return f"<CheckedEncoder {self.name}>"

    @property
    def key(self) -> str:
        """The key of the encoder within."""
        return self.encoder.key

    @property
    def width(self) -> int:
        """Length of a vector."""
        return self.encoder.width

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch. Shape: (n_texts, width); unit rows, a zero row for a blank text.

        :raises EncoderError: The encoder did not give one finite vector of that width a text.
        """
        _refuse_str(texts)
        return self._checked(self.encoder.encode(texts), texts)

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[TokenVectors] | None]:
        """Encode a batch with the vectors of its tokens, see `router.encoders.encoder`."""
        vectors, tokens = encode_with_tokens(self.encoder, texts)
        return self._checked(vectors, texts), tokens

    def _checked(self, vectors: Vectors, texts: Sequence[str]) -> Vectors:
        """Check a batch, of which blank texts get a zero row whatever the encoder gave."""
        if not len(texts):
            return np.zeros((0, self.width), dtype=np.float32)
        array = np.array(vectors)  # a copy, since the rows of blank texts are set
        if array.shape[:1] == (len(texts),):
            array[[is_blank(text) for text in texts]] = 0
        return unit_vectors(array, self.name, len(texts), self.width)


def unit_vectors(result: object, name: str, n_texts: int, width: int | None = None) -> Vectors:
    """Check what a function gave for some texts, and scale each vector to length 1.

    A vector of zeros, which some models give for a text that has no word they know, stays so.

    :param result: Anything that numpy takes for a matrix of numbers.
    :param name: Names the function in messages.
    :param width: The length that each vector must have; any is allowed if None.
    :raises EncoderError: It is not one finite vector of that width for each text.
    """
    array = _matrix(result, name)
    expected = f"({n_texts}, {'width' if width is None else width})"
    if array.ndim != 2 or array.shape[0] != n_texts or array.shape[1] != (width or array.shape[1]):
        raise EncoderError(
            f"{name}: an encoder gives one vector a text, all of the same width: shape {expected},"
            f" was: {array.shape}; cure: return a matrix with a row for each text, in order"
        )
    if array.shape[1] == 0:
        raise EncoderError(f"{name}: a vector has at least one value, was: shape {array.shape}")
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise EncoderError(
            f"{name}: vectors are finite numbers, was: NaN or infinity for text"
            f" {int(np.argmin(finite))} of {n_texts}; cure: look at what the model gives for it"
        )
    largest = np.abs(array).max(axis=1, keepdims=True)
    scaled = array / np.where(largest > 0.0, largest, 1.0)  # so that no square overflows
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    unit: Vectors = (scaled / np.where(lengths > 0.0, lengths, 1.0)).astype(np.float32)
    return unit


def _matrix(result: object, name: str) -> Floats:
    """Make an array of numbers of what a function gave."""
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()  # it would warn that nobody awaited it
        raise EncoderError(
            f"{name}: an encoder gives vectors, was: something to await; cure: pass a function"
            " that runs it, like lambda texts: asyncio.run(embed(texts))"
        )
    try:
        if result is None:  # numpy would take it for a NaN
            raise TypeError("nothing was returned")
        if hasattr(result, "detach"):  # a tensor that may have gradients or lie on a GPU
            result = result.detach().cpu()
            result = result.float() if hasattr(result, "float") else result
        array: Floats = np.asarray(result, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise EncoderError(
            f"{name}: an encoder gives a matrix of numbers, was: {type(result).__name__} ({error});"
            " cure: return a list of lists of floats, or an array"
        ) from error
    return array


def _refuse_str(texts: object) -> None:
    if isinstance(texts, str):
        raise EncoderError(f"an encoder takes a list of texts, was one text: {texts[:60]!r}")


def _qualified_name(function: object) -> str:
    """Name a function, or an object that can be called, with its module."""
    while isinstance(function, partial):
        function = function.func
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"
