import numpy as np
import pytest
from conftest import shared_encoder, skills_router, write_skills
from evidence import RecordingEncoder, random_units

from router import Router
from router.encoders.cached import CachedEncoder
from router.encoders.encoder import encode_with_tokens
from router.encoders.sentence_transformer import SentenceTransformerEncoder
from router.encoders.vector_store import VectorStore
from router.estimators import TwoLayerEncoder
from router.fitting.fit import fit_model
from router.heads.document_head import DocumentHead
from router.heads.late_interaction import MAX_TOKEN_CENTROIDS, LateInteraction, token_centroids
from router.heads.similarity import unit_rows
from router.packs.pack_file import load_pack
from router.skill_folders.pack_of_skills import init_pack
from router.text import words_in
from router.watch.live_router import LiveRouter

E1, E2, E3 = np.eye(3, dtype=np.float16)


def rows(*vectors):
    return np.array(vectors, dtype=np.float16)


def fit(documents, everyday):
    width = next(len(line[0]) for lines in [*documents, everyday] for line in lines)
    return LateInteraction.of([token_centroids(lines, width) for lines in documents], everyday)


def random_tokens(count, seed=0):
    return random_units(count, seed=seed).astype(np.float16)


def test_closeness_by_hand():
    late = fit([[rows(E1), rows(E2)], [rows(E3)]], [rows(E3)])
    assert late.baseline == pytest.approx([0.0, 1.0])
    half = unit_rows(np.array([[1.0, 0.0, 1.0]]))[0]
    closeness, _ = late.closeness([rows(E1, half)], np.zeros((1, 2)))
    a, b = (1.0 + 0.5**0.5) / 2, (0.0 + 0.5**0.5) / 2 - 1.0
    assert closeness == pytest.approx(np.array([[a, b]]), abs=1e-3)


def test_a_text_without_tokens_is_close_to_nothing():
    late = fit([[rows(E1)], []], [])
    assert late.baseline.tolist() == [0.0, 0.0]
    no_tokens = np.zeros((0, 1), dtype=np.float16)
    closeness, matches = late.closeness([no_tokens, rows(E1)], np.zeros((2, 2)))
    assert closeness.tolist() == [[0, 0], [1, 0]]
    assert list(matches) == [1]


def test_a_long_document_is_kept_in_centroids():
    centres = np.repeat(random_tokens(MAX_TOKEN_CENTROIDS // 2), 10, axis=0)
    tokens = unit_rows(centres + 0.2 * random_tokens(len(centres), seed=1)).astype(np.float16)
    repeated = np.repeat(random_tokens(3), 50, axis=0)
    late = fit([[tokens], [repeated]], [])
    assert late.counts.tolist() == [MAX_TOKEN_CENTROIDS, 3]
    closeness, _ = late.closeness([tokens[:1]], np.zeros((1, 2)))
    assert closeness[0, 0] > 0.9


def test_of_many_documents_those_that_other_evidence_speaks_for_are_read(monkeypatch):
    late = fit([[random_tokens(4, number)] for number in range(48)], [random_tokens(2, 99)])
    tokens, log_odds = [random_tokens(5, 77)], np.random.default_rng(5).normal(size=(1, 48))
    closeness, matches = late.closeness(tokens, log_odds)
    best = np.argsort(-log_odds[0])[:16]
    assert set(matches[0].targets) == set(best)
    monkeypatch.setattr("router.heads.late_interaction._READ_DOCUMENTS", 48)
    of_all, _ = late.closeness(tokens, log_odds)
    assert closeness[0, best] == pytest.approx(of_all[0, best], abs=1e-6)
    rest = np.setdiff1d(np.arange(48), best)
    assert closeness[0, rest] == pytest.approx(np.full(32, closeness[0, best].min()))


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
    assert with_tokens.token_matches.keys() == {0}
    assert np.abs(with_tokens.probabilities - without_tokens).max() > 1e-3
    plain = RecordingEncoder(shared_encoder())
    scores = router.model.head.score(texts, words, plain)
    assert scores.token_matches is None
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

    queries = ["sourdough", "a pot of lentils"]
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


def test_how_near_each_token_is_by_hand():
    late = fit([[rows(E1), rows(E2)], [rows(E3)]], [rows(E3)])
    _, matches = late.closeness([rows(E1, E3), rows(E1)[:0]], np.zeros((2, 2)))
    assert list(matches) == [0]
    assert matches[0].targets.tolist() == [0, 1]
    # Everyday queries have a closeness of 0 with the first document and of 1 with the second.
    expected = np.array([[1.0, 0.0], [-1.0, 0.0]])
    assert matches[0].similarities == pytest.approx(expected, abs=1e-3)


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
