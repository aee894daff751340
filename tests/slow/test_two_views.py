import numpy as np
import pytest

from router.encoders.sentence_transformer import SentenceTransformerEncoder
from router.estimators import PromptedEncoder, TwoLayerEncoder


@pytest.fixture(scope="module")
def encoder():
    return TwoLayerEncoder(precision="fp32")


def test_the_first_half_of_two_layers_is_the_reference(encoder):
    texts = ["where is my card?", "", "a much longer question about the rate of exchange for yen"]
    vectors = encoder.encode(texts)
    reference = SentenceTransformerEncoder().encode(texts)
    assert vectors[:, :384] * np.sqrt(2) == pytest.approx(reference, abs=1e-5)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 0.0, 1.0], abs=1e-5)
    assert encoder.width == vectors.shape[1]
    assert encoder.key.endswith("layered")


def test_a_prompted_encoder_joins_the_views_of_a_text(encoder):
    prompted = PromptedEncoder(encoder, ("{}", "so: {}"))
    texts = ["where is my card?", " \0", "what {} means"]
    vectors = prompted.encode(texts)
    plain = encoder.encode(texts)
    asked = encoder.encode(["so: where is my card?", "", "so: what {} means"])
    assert vectors * np.sqrt(2) == pytest.approx(np.hstack([plain, asked]), abs=1e-6)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 0.0, 1.0], abs=1e-5)
    assert prompted.width == vectors.shape[1]
    assert prompted.key != PromptedEncoder(encoder).key


@pytest.mark.parametrize("prompts", [(), ("no place",), ("{} and {}",)])
def test_a_prompt_has_one_place_for_the_text(encoder, prompts):
    with pytest.raises(ValueError, match='"{}"'):
        PromptedEncoder(encoder, prompts)
