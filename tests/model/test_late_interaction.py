import numpy as np
import pytest
from conftest import shared_encoder, skills_router, write_skills
from evidence import RecordingEncoder

from router import Router
from router.encoders.cached import CachedEncoder
from router.encoders.encoder import encode_with_tokens
from router.encoders.sentence_transformer import SentenceTransformerEncoder
from router.encoders.vector_store import VectorStore
from router.estimators import TwoLayerEncoder
from router.fitting.fit import fit_model
from router.heads.document_head import DocumentHead
from router.packs.pack_file import load_pack
from router.skill_folders.pack_of_skills import init_pack
from router.text import words_in
from router.watch.live_router import LiveRouter


@pytest.mark.parametrize("make", [shared_encoder, SentenceTransformerEncoder])
def test_encoders_give_their_tokens(make):
    texts = ["a loaf", "", "why does the bread stay flat?", "a loaf"] + ["so it is"] * 30
    encoder = make()
    vectors, tokens = encode_with_tokens(encoder, texts)
    np.testing.assert_allclose(vectors, encoder.encode(texts), atol=1e-6)
    assert [len(of_text) for of_text in tokens] == [2, 0, 7, 2] + [3] * 30
    np.testing.assert_array_equal(tokens[0], tokens[3])
    lengths = np.linalg.norm(tokens[2].astype(np.float64), axis=1)
    assert lengths == pytest.approx(np.ones(7), abs=1e-3)
    alone = encode_with_tokens(encoder, texts[2:3])[1][0].astype(np.float64)
    assert (alone * tokens[2]).sum(axis=1) == pytest.approx(np.ones(7), abs=2e-3)


def test_both_encoders_give_the_same_tokens():
    encoders = (shared_encoder(), SentenceTransformerEncoder())
    fast, slow = (encode_with_tokens(encoder, ["my loaf stays flat"])[1][0] for encoder in encoders)
    assert ((fast.astype(np.float64) * slow).sum(axis=1) > 0.97).all()


def test_an_encoder_that_gives_no_tokens_says_so(tmp_path):
    plain = RecordingEncoder(shared_encoder())
    assert encode_with_tokens(plain, ["a"])[1] is None
    assert encode_with_tokens(TwoLayerEncoder(), ["a"])[1] is None
    cache = VectorStore(tmp_path)
    assert encode_with_tokens(CachedEncoder(plain, cache), ["a"])[1] is None
    assert encode_with_tokens(CachedEncoder(shared_encoder(), cache), ["a"])[1] is not None
    cache.close()


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    root = tmp_path_factory.mktemp("kitchen")
    descriptions = {
        "bread": "Bake bread with wild yeast.",
        "soup": "Cook soups and stews.",
        "knives": "Care for tools.",
    }
    write_skills(root, descriptions)
    init_pack(root, None, shared_encoder(), False, lambda _: None)
    return root


def test_a_folder_of_skills_is_weighed_by_tokens_where_there_are_any(kitchen):
    pack = load_pack(kitchen)
    router = Router(pack, shared_encoder(), fit_model(pack, shared_encoder()))
    assert isinstance(router.model.head, DocumentHead)
    texts = ["sourdough"]
    words = words_in(texts)
    without_tokens = router.model.head.probabilities(texts, router.encoder.encode(texts))
    with_tokens = router.model.head.score(texts, words, router.encoder)
    assert np.abs(with_tokens.probabilities - without_tokens).max() > 1e-3
    plain = RecordingEncoder(shared_encoder())
    scores = router.model.head.score(texts, words, plain)
    np.testing.assert_allclose(scores.probabilities, without_tokens)
    fitted_without = fit_model(pack, plain).head
    assert fitted_without.late is None
    scores = fitted_without.score(texts, words, router.encoder)
    np.testing.assert_allclose(scores.probabilities, without_tokens, atol=1e-6)


def test_an_exemplar_that_a_user_adds_counts_beside_tokens(kitchen):
    pack = load_pack(kitchen)
    line = "my santoku has gone dull"
    before = Router(pack, shared_encoder(), fit_model(pack, shared_encoder()))
    path = kitchen / "exemplars" / "skills" / "knives.txt"
    path.write_text(path.read_text() + f"{line}\n")
    grown = load_pack(kitchen)
    after = Router(grown, shared_encoder(), fit_model(grown, shared_encoder()))
    column = before.model.names.index("skill:knives")
    first, second = (
        router.evidence_and_result([line])[0].probabilities[0, column] for router in (before, after)
    )
    assert second > max(first, 0.9)


def test_while_watching_a_folder_only_the_edited_skill_is_embedded_again(kitchen, empty_cache):
    embedded = set()

    class Recording(SentenceTransformerEncoder):
        def encode(self, texts):
            embedded.update(texts)
            return shared_encoder().encode(texts)

        def encode_with_tokens(self, texts):
            embedded.update(texts)
            return shared_encoder().encode_with_tokens(texts)

    queries = ["my sourdough bread needs wild yeast", "cook a stew of lentils"]
    live = LiveRouter(Recording())
    first = live.decide(load_pack(kitchen), queries)
    path = kitchen / "exemplars" / "skills" / "soup.txt"
    path.write_text(path.read_text() + "the ladle is too small\n")
    pack = load_pack(kitchen)
    embedded.clear()
    assert live.decide(pack, queries) == first
    embedded_again = (
        "skill:soup",
        "none",
    )  # everyday lines are few, and their tokens are not stored
    lines = {text for label, text in pack.target_exemplars() if label not in embedded_again}
    assert embedded & lines == set()
    assert "the ladle is too small" in embedded
    assert live.n_embedded == len(embedded)  # some are queries joined of two exemplars
    assert live.model.head.late is not None


def test_two_concerns_of_a_folder_are_both_found(tmp_path):
    descriptions = {
        "bread": "Bake bread with wild yeast. Use when the loaf stays flat.",
        "taxes": "Prepare tax returns. Use when a declaration is due.",
        "bicycles": "Repair bicycles. Use when brakes squeal or a tyre is flat.",
    }
    router = skills_router(tmp_path, descriptions)
    bread, taxes = "my sourdough loaf won't rise at all", "I must hand in my income tax declaration"
    assert router.route(bread).skills == ("bread",)
    assert set(router.route(f"{bread}. Also, {taxes}").skills) == {"bread", "taxes"}
    assert set(router.route(f"{taxes}, and {bread}").skills) == {"bread", "taxes"}
