"""Any function from texts to vectors as an encoder, and the names of the default one."""

import asyncio
import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from router.encoders.callable import CallableEncoder, CheckedEncoder, unit_vectors
from router.encoders.default import as_encoder, load_encoder
from router.encoders.model_files import default_folder, find_model
from router.encoders.onnx_encoder import OnnxEncoder
from router.errors import EncoderError


def letters(texts, scale=1.0):
    """Count three letters: not a unit vector, and zeros for a text without them."""
    return [[scale * text.count(letter) for letter in "abc"] for text in texts]


class Model:
    def __init__(self, sign=1.0):
        self.sign = sign

    def encode(self, texts):
        return self.sign * np.array([[len(text), 1.0] for text in texts])


class Foreign(Model):
    key, width = "foreign", 2


def test_vectors_are_scaled_to_length_one():
    encoder = CallableEncoder(letters)
    np.testing.assert_allclose(encoder.encode(["aaabbbb"]), [[0.6, 0.8, 0.0]], rtol=1e-6)
    assert encoder.encode(["a"]).dtype == np.float32
    assert encoder.width == 3


def test_a_text_without_known_words_and_a_blank_text_have_zero_rows():
    assert not CallableEncoder(letters).encode(["xyz", "", " \n"]).any()


def test_blank_texts_and_lone_surrogates_are_not_passed_on():
    passed = []

    def function(texts):
        passed.extend(texts)
        return letters(texts)

    encoder = CallableEncoder(function)
    encoder.encode(["", "a", "  ", "b\ud800"])
    assert passed[1:] == ["a", "b?"]  # the first one is the text that tells the width
    assert encoder.encode([]).shape == (0, 3)


def test_huge_and_tiny_numbers_have_a_direction():
    np.testing.assert_allclose(unit_vectors([[3e300, 4e300]], "f", 1), [[0.6, 0.8]], rtol=1e-6)
    np.testing.assert_allclose(unit_vectors([[3e-300, 4e-300]], "f", 1), [[0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda texts: [1.0, 2.0], r"shape \(1, width\), was: \(2,\)"),
        (lambda texts: [[1.0], [2.0]], r"shape \(1, width\), was: \(2, 1\)"),
        (lambda texts: np.zeros((1, 2, 3)), r"shape \(1, width\), was: \(1, 2, 3\)"),
        (lambda texts: [[]], "at least one value"),
        (lambda texts: [[np.nan, 1.0]], "NaN or infinity for text 0 of 1"),
        (lambda texts: [[np.inf, 1.0]], "NaN or infinity for text 0 of 1"),
        (lambda texts: None, "matrix of numbers, was: NoneType"),
        (lambda texts: [["a", "b"]], "matrix of numbers, was: list"),
        (lambda texts: [[1.0, 2.0], [1.0]], "matrix of numbers, was: list"),
        (lambda texts: {"data": texts}, "matrix of numbers, was: dict"),
    ],
)
def test_what_is_no_matrix_of_finite_numbers_is_refused(function, message):
    with pytest.raises(EncoderError, match=message):
        CallableEncoder(function).encode(["a"])


def test_another_width_later_is_refused():
    encoder = CallableEncoder(lambda texts: np.ones((len(texts), 2 + len(texts))))
    with pytest.raises(EncoderError, match=r"shape \(2, 3\), was: \(2, 4\)"):
        encoder.encode(["a", "b"])


def test_an_async_function_is_refused_with_the_way_out():
    async def embed(texts):
        return letters(texts)

    with pytest.raises(EncoderError, match=r"asyncio.run\(embed\(texts\)\)"):
        CallableEncoder(embed).encode(["a"])
    encoder = CallableEncoder(lambda texts: asyncio.run(embed(texts)))
    np.testing.assert_array_equal(encoder.encode(["a"]), [[1.0, 0.0, 0.0]])


def test_what_the_function_raises_comes_through():
    def function(texts):
        raise ConnectionError("no route to host")

    with pytest.raises(ConnectionError):
        CallableEncoder(function).encode(["a"])


def test_a_tensor_with_gradients_is_taken():
    import torch

    encoder = CallableEncoder(lambda texts: torch.ones(len(texts), 4, requires_grad=True))
    np.testing.assert_allclose(encoder.encode(["a"]), np.full((1, 4), 0.5))


def test_one_text_in_place_of_a_list_is_refused():
    with pytest.raises(EncoderError, match="a list of texts, was one text: 'abc'"):
        CallableEncoder(letters).encode("abc")


def test_two_models_never_share_a_key():
    keys = {CallableEncoder(Model(sign).encode).key for sign in (1.0, -1.0)}
    assert len(keys) == 2
    assert all("Model.encode:" in key for key in keys)
    assert CallableEncoder(Model().encode).key == CallableEncoder(Model().encode).key
    assert "letters:" in CallableEncoder(partial(letters, scale=2.0)).key


def test_a_given_key_is_the_key_and_calls_nothing():
    encoder = CallableEncoder(lambda texts: 1 / 0, key="api:v3")
    assert encoder.key == "api:v3"
    with pytest.raises(EncoderError, match="text that is not blank, was: ' '"):
        CallableEncoder(letters, key=" ")


def test_it_can_be_pickled():
    encoder = pickle.loads(pickle.dumps(CallableEncoder(letters)))
    assert encoder.key == CallableEncoder(letters).key


def test_an_encoder_of_another_project_is_checked():
    encoder = as_encoder(Foreign())
    assert isinstance(encoder, CheckedEncoder)
    assert (encoder.key, encoder.width) == ("foreign", 2)
    np.testing.assert_allclose(np.linalg.norm(encoder.encode(["abc", "d"]), axis=1), 1.0)
    np.testing.assert_array_equal(encoder.encode(["", "d"])[0], 0.0)
    assert encoder.encode([]).shape == (0, 2)
    vectors, tokens = encoder.encode_with_tokens(["abc"])
    assert tokens is None
    np.testing.assert_array_equal(vectors, encoder.encode(["abc"]))
    with pytest.raises(EncoderError, match="Foreign: vectors are finite numbers"):
        as_encoder(Foreign(np.nan)).encode(["abc"])


def test_a_function_a_model_and_an_encoder_are_taken():
    assert as_encoder(letters).encode(["a"]).shape == (1, 3)
    assert as_encoder(Model()).encode(["a"]).shape == (1, 2)
    own = CallableEncoder(letters)
    assert as_encoder(own) is own


@pytest.mark.parametrize("value", [42, ["all-MiniLM-L6-v2"]])
def test_what_is_no_encoder_is_refused(value):
    with pytest.raises(EncoderError, match="a model's name or folder, a function"):
        as_encoder(value)


def test_a_class_is_refused_with_the_way_out():
    with pytest.raises(EncoderError, match=r"the class Model; cure: make one of it: Model\("):
        as_encoder(Model)


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"])
def test_the_name_of_the_default_model_is_the_default_model(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(OnnxEncoder, "prepare", lambda self: None)
    assert find_model(name) == default_folder()
    assert isinstance(load_encoder(name), OnnxEncoder)
    Path(name).mkdir(parents=True)
    (Path(name) / "config.json").write_text("{}")
    assert find_model(name) == Path(name)
    assert load_encoder(name).folder == Path(name)
