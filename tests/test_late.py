import numpy as np
import pytest
from conftest import shared_encoder, skills_router, write_skills

from router import Router
from router.encoders.cached import CachedEncoder
from router.encoders.encoder import encode_with_tokens
from router.encoders.sentence_transformer import SentenceTransformerEncoder
from router.encoders.vector_store import VectorStore
from router.estimators import TwoLayerEncoder
from router.fitting.fit import fit_model
from router.heads import late as lates
from router.heads.document_head import DocumentHead
from router.heads.late_interaction import CLOSEST, POINTS, LateInteraction, points_of
from router.heads.similarity import unit_rows
from router.packs.pack_file import load_pack
from router.skill_folders.pack_of_skills import init_pack
from router.watch import LiveRouter

E1, E2, E3 = np.eye(3, dtype=np.float16)
DICE = np.random.default_rng(5)


class WithoutTokens:
    """An encoder of the user's own, which gives nothing but vectors."""

    def __init__(self, encoder):
        self.encoder = encoder
        self.key, self.width = encoder.key, encoder.width

    def encode(self, texts):
        return self.encoder.encode(texts)


def rows(*vectors):
    return np.array(vectors, dtype=np.float16)


def fit(documents, everyday):
    width = next(len(line[0]) for lines in [*documents, everyday] for line in lines)
    return LateInteraction.of([points_of(lines, width) for lines in documents], everyday)


def made(count, width=16, seed=0):
    dice = np.random.default_rng(seed)
    return unit_rows(dice.normal(size=(count, width))).astype(np.float16)


def test_closeness_by_hand():
    late = fit([[rows(E1), rows(E2)], [rows(E3)]], [rows(E3)])
    assert late.usual == pytest.approx([0.0, 1.0])
    half = unit_rows(np.array([[1.0, 0.0, 1.0]]))[0]
    found = late.closeness([rows(E1, half)], np.zeros((1, 2)))
    a, b = (1.0 + 0.5**0.5) / 2, (0.0 + 0.5**0.5) / 2 - 1.0
    assert found == pytest.approx(np.array([[a, b]]), abs=1e-3)


def test_a_text_without_tokens_is_close_to_nothing():
    late = fit([[rows(E1)], []], [])
    assert late.usual.tolist() == [0.0, 0.0]
    nothing = np.zeros((0, 1), dtype=np.float16)
    assert late.closeness([nothing, rows(E1)], np.zeros((2, 2))).tolist() == [[0, 0], [1, 0]]


def test_a_long_document_is_kept_in_centroids():
    centres = np.repeat(made(POINTS // 2), 10, axis=0)
    tokens = unit_rows(centres + 0.2 * made(len(centres), seed=1)).astype(np.float16)
    again = np.repeat(made(3), 50, axis=0)
    late = fit([[tokens], [again]], [])
    assert late.counts.tolist() == [POINTS, 3]
    close = late.closeness([tokens[:1]], np.zeros((1, 2)))[0]
    assert close[0] > 0.9


def test_of_many_documents_those_that_all_else_speaks_for_are_read(monkeypatch):
    documents = [[made(4, seed=number)] for number in range(3 * CLOSEST)]
    late = fit(documents, [made(2, seed=99)])
    tokens, scores = [made(5, seed=77)], DICE.normal(size=(1, 3 * CLOSEST))
    found = late.closeness(tokens, scores)[0]
    monkeypatch.setattr(lates, "CLOSEST", 3 * CLOSEST)
    every = late.closeness(tokens, scores)[0]
    best = np.argsort(-scores[0])[:CLOSEST]
    assert found[best] == pytest.approx(every[best], abs=1e-6)
    rest = np.setdiff1d(np.arange(3 * CLOSEST), best)
    assert found[rest] == pytest.approx(np.full(len(rest), found[best].min()))


@pytest.mark.parametrize("make", [shared_encoder, SentenceTransformerEncoder])
def test_encoders_give_their_tokens(make):
    texts = ["a loaf", "", "why does the bread stay flat?", "a loaf"] + ["so it is"] * 30
    encoder = make()
    vectors, tokens = encode_with_tokens(encoder, texts)
    np.testing.assert_allclose(vectors, encoder.encode(texts), atol=1e-6)
    assert [len(one) for one in tokens] == [2, 0, 7, 2] + [3] * 30
    np.testing.assert_array_equal(tokens[0], tokens[3])
    lengths = np.linalg.norm(tokens[2].astype(np.float64), axis=1)
    assert lengths == pytest.approx(np.ones(7), abs=1e-3)
    alone = encode_with_tokens(encoder, texts[2:3])[1][0].astype(np.float64)
    assert (alone * tokens[2]).sum(axis=1) == pytest.approx(np.ones(7), abs=2e-3)


def test_both_encoders_give_the_same_tokens():
    encoders = (shared_encoder(), SentenceTransformerEncoder())
    fast, slow = (encode_with_tokens(one, ["my loaf stays flat"])[1][0] for one in encoders)
    assert ((fast.astype(np.float64) * slow).sum(axis=1) > 0.97).all()


def test_who_gives_no_tokens_says_so(tmp_path):
    plain = WithoutTokens(shared_encoder())
    assert encode_with_tokens(plain, ["a"])[1] is None
    assert encode_with_tokens(TwoLayerEncoder(), ["a"])[1] is None
    cache = VectorStore(tmp_path)
    assert encode_with_tokens(CachedEncoder(plain, cache), ["a"])[1] is None
    assert encode_with_tokens(CachedEncoder(shared_encoder(), cache), ["a"])[1] is not None
    cache.close()


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    root = tmp_path_factory.mktemp("kitchen")
    said = {
        "bread": "Bake bread with wild yeast.",
        "soup": "Cook soups and stews.",
        "knives": "Care for tools.",
    }
    write_skills(root, said)
    init_pack(root, None, shared_encoder(), False, lambda _: None)
    return root


def test_a_folder_of_skills_is_weighed_by_tokens_where_there_are_any(kitchen):
    pack = load_pack(kitchen)
    router = Router(pack, shared_encoder(), fit_model(pack, shared_encoder()))
    assert isinstance(router.model.head, DocumentHead)
    text = ["sourdough"]
    vectors, tokens = encode_with_tokens(router.encoder, text)
    alone = router.model.head.probabilities(text, vectors)
    both = router.model.head.probabilities(text, vectors, None, tokens)
    np.testing.assert_allclose(router.decide(text)[0].probabilities, both)
    plain = WithoutTokens(shared_encoder())
    np.testing.assert_allclose(
        Router(pack, plain, router.model).decide(text)[0].probabilities, alone
    )
    unaided = fit_model(pack, plain).head
    assert unaided.late is None
    np.testing.assert_allclose(unaided.probabilities(text, vectors, None, tokens), alone, atol=1e-6)


def test_an_exemplar_that_a_user_adds_counts_beside_tokens(kitchen):
    pack = load_pack(kitchen)
    line = "my santoku has gone dull"
    before = Router(pack, shared_encoder(), fit_model(pack, shared_encoder()))
    path = kitchen / "exemplars" / "skills" / "knives.txt"
    path.write_text(path.read_text() + f"{line}\n")
    grown = load_pack(kitchen)
    after = Router(grown, shared_encoder(), fit_model(grown, shared_encoder()))
    column = before.model.names.index("skill:knives")
    first, second = (one.decide([line])[0].probabilities[0, column] for one in (before, after))
    assert second > max(first, 0.9)


def test_while_watching_a_folder_only_the_edited_line_of_it_is_embedded(kitchen, empty_cache):
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
    lines = {text for _, text in pack.target_exemplars()}
    assert embedded & lines == {"the ladle is too small"}
    assert live.n_embedded == len(embedded)  # the others are queries joined of two exemplars
    assert live.model.head.late is not None


def test_lines_may_be_added_later():
    late = fit([[rows(E1)], [rows(E2)]], [rows(E3)])
    grown = late.with_lines({0: [rows(E3), rows(E2)]})
    assert grown.counts.tolist() == [3, 1]
    found = grown.closeness([rows(E3)], np.zeros((1, 2)))
    assert found == pytest.approx(np.array([[1.0, 0.0]]))
    assert late.counts.tolist() == [1, 1]


def test_who_listens_hears_each_token():
    late = fit([[rows(E1), rows(E2)], [rows(E3)]], [rows(E3)])
    told = {}
    late.closeness(
        [rows(E1, E3), rows(E1)[:0]], np.zeros((2, 2)), lambda row, *rest: told.update({row: rest})
    )
    targets, near = told[0]
    assert list(told) == [0]
    assert targets.tolist() == [0, 1]
    assert near == pytest.approx(np.array([[1.0, 0.0], [-1.0, 0.0]]), abs=1e-3)


def test_two_concerns_of_a_folder_are_both_found(tmp_path):
    said = {
        "bread": "Bake bread with wild yeast. Use when the loaf stays flat.",
        "taxes": "Prepare tax returns. Use when a declaration is due.",
        "bicycles": "Repair bicycles. Use when brakes squeal or a tyre is flat.",
    }
    router = skills_router(tmp_path, said)
    one, other = "my sourdough loaf won't rise at all", "I must hand in my income tax declaration"
    assert router.route(one).skills == ("bread",)
    assert set(router.route(f"{one}. Also, {other}").skills) == {"bread", "taxes"}
    assert set(router.route(f"{other}, and {one}").skills) == {"bread", "taxes"}
