"""Every family of sentence-transformers models is exported, and gives the vectors of the model."""

import hashlib
import pickle

import numpy as np
import pytest
from small_models import save_small_model

import router.encoders.onnx_export as onnx_export
from router.encoders.default import as_encoder, load_encoder
from router.encoders.model_files import downloaded_folder
from router.encoders.onnx_encoder import OnnxEncoder
from router.encoders.sentence_transformer import SentenceTransformerEncoder

TEXTS = [
    "my order was charged twice",
    "refund",
    "Where is the REFUND of my order, and how do I cancel it?",
    "zebra crossing",
    "   ",
]
CASES = {
    "bert": {"family": "bert"},
    "mpnet": {"family": "mpnet"},
    "xlm-roberta by its first token": {"family": "xlm-roberta", "pooling": "cls"},
    "distilbert with a dense layer": {"family": "distilbert", "dense": 12},
    "bert with a prompt": {"family": "bert", "prompt": "how do i: "},
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ROUTER_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("case", CASES)
def test_the_exported_model_is_the_model(case, tmp_path):
    folder = save_small_model(tmp_path, **CASES[case])
    notes = []
    encoder, reference = load_encoder(folder, notes.append), SentenceTransformerEncoder(folder)
    assert isinstance(encoder, OnnxEncoder)
    precision = encoder.prepare()[1].precision
    assert precision in ("int8", "fp32")
    assert notes[-1].startswith(f"The encoder is ready, in {precision}: ")
    exact, wanted = OnnxEncoder(folder, "fp32").encode(TEXTS), reference.encode(TEXTS)
    assert encoder.width == wanted.shape[1]
    np.testing.assert_allclose(exact, wanted, atol=1e-4)
    assert (encoder.encode(TEXTS) * wanted).sum(axis=1)[:4].mean() >= 0.98
    single = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(encoder.encode(TEXTS), single, atol=1e-5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(encoder)).encode(TEXTS[:1]), single[:1])


def test_a_model_that_loses_too_much_in_8_bits_runs_in_32(tmp_path, monkeypatch):
    folder = save_small_model(tmp_path)
    monkeypatch.setattr(onnx_export, "LEAST_COSINE", 1.1)
    encoder = OnnxEncoder(folder)
    assert encoder.prepare()[1].precision == "fp32"
    np.testing.assert_allclose(
        encoder.encode(TEXTS), SentenceTransformerEncoder(folder).encode(TEXTS), atol=1e-4
    )


def test_a_model_whose_export_gives_other_vectors_runs_in_torch(tmp_path, monkeypatch):
    folder = save_small_model(tmp_path)
    monkeypatch.setattr(onnx_export, "LEAST_COSINE_OF_EXPORT", 1.1)
    with pytest.warns(UserWarning, match="which is slower: .*gives other vectors"):
        encoder = as_encoder(str(folder))
    assert isinstance(encoder, SentenceTransformerEncoder)


def test_a_model_of_the_hub_is_found_by_its_name(tmp_path, monkeypatch):
    hub = tmp_path / "hub"
    snapshot = hub / "models--somebody--small" / "snapshots" / hashlib.sha1(b"").hexdigest()
    snapshot.parent.mkdir(parents=True)
    save_small_model(tmp_path).rename(snapshot)
    refs = hub / "models--somebody--small" / "refs"
    refs.mkdir()
    (refs / "main").write_text(snapshot.name)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
    assert downloaded_folder("somebody/small") == snapshot
    assert downloaded_folder("somebody/else") is None
    encoder = load_encoder("somebody/small")
    assert isinstance(encoder, OnnxEncoder)
    assert encoder.key == OnnxEncoder(snapshot).key
