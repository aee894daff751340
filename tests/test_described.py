from math import exp, log

import numpy as np
import pytest
from conftest import shared_encoder, skills_router
from msgspec.structs import replace

from router import Clarify, Router
from router.fitting.fit import refit_on
from router.fitting.head_fitters import halved
from router.heads.document_head import (
    ALONE,
    SHARPNESS,
    Description,
    DocumentHead,
    densities,
    documents_of,
    fit_document_head,
)
from router.heads.kernel_head import Head
from router.heads.lexicon import Lexicon
from router.packs.pack_file import load_pack

E1, E2, E3 = np.eye(3, dtype=np.float32)


def fitted(rows, descriptions=None):
    labels, texts, vectors = zip(*rows, strict=True)
    said = descriptions or {}
    words = {name: one.text for name, one in said.items()}
    documents = documents_of(zip(labels, texts, strict=True), words)
    lexicon = Lexicon.fit(list(documents.values()))
    return fit_document_head(texts, np.array(vectors, dtype=np.float32), labels, said, lexicon)


def test_a_density_by_hand():
    near = np.array([[1.0, 0.0, 0.5]], dtype=np.float32)
    found = densities(near, np.array([0, 2]), np.array([2, 1]))
    one = log((exp(SHARPNESS) + 1.0) / 2.0) / SHARPNESS
    assert found == pytest.approx(np.array([[one, 0.5]]), abs=1e-6)


def test_scores_by_hand_where_nothing_is_everyday():
    rows = [("skill:a", "aa", E1), ("skill:a", "ab", E2), ("skill:b", "bb", E3)]
    head = fitted(rows, {"skill:a": Description("xx", unit(E1[None] + E2[None])[0])})
    # No word is shared. b has no description: its centroid, the only line, stands in.
    query = np.array([[0.6, 0.0, 0.8]], dtype=np.float32)
    dense = log((exp(0.6 * SHARPNESS) + 1.0) / 2.0) / SHARPNESS
    a = ALONE.density * dense + ALONE.description * 0.6 / 2**0.5
    b = (ALONE.density + ALONE.description) * 0.8
    assert head.scores(["qqq"], query) == pytest.approx(np.array([[a, b]]), abs=1e-4)
    shares = head.probabilities(["qqq"], query)
    assert shares[0, 1] == pytest.approx(1 / (1 + exp(a - b)), abs=1e-4)


def test_a_shared_document_counts_its_words():
    head = fitted([("skill:a", "merge pages", E1), ("skill:b", "plan a garden", E2)])
    text, vector = "merge pages\n", np.zeros((1, 3), dtype=np.float32)
    # The query is a's whole document: words and pieces are a unit row each.
    assert head.scores([text], vector)[0, 0] == pytest.approx(2 * ALONE.words, abs=1e-4)


EVERYDAY = [("none", "hi", E3), ("none", "hello", unit(E3[None] + E2[None])[0])]


def test_a_target_has_no_evidence_from_what_is_everyday():
    head = fitted([*EVERYDAY, ("skill:a", "aa", E1), ("skill:b", "bb", E2)])
    mean = np.array([vector for _, _, vector in EVERYDAY])
    scores = head.scores(["", ""], mean)
    assert scores[:, 1:].mean(axis=0) == pytest.approx([0.0, 0.0], abs=1e-4)
    assert (scores[:, 0] >= ALONE.beyond).all()


def test_none_needs_a_crowd_of_everyday_queries_to_be_more_than_usual():
    head = fitted([*EVERYDAY, ("skill:a", "aa", E1)])
    far, inside = E1[None], unit(2 * E3[None] + E2[None])
    assert head.scores([""], far)[0, 0] == ALONE.beyond
    assert head.scores([""], inside)[0, 0] > ALONE.beyond
    one = fitted([EVERYDAY[0], ("skill:a", "aa", E1)])  # its only line is left out: no crowd
    assert one.scores([""], E3[None])[0, 0] == ALONE.beyond


def test_halves_hold_every_exemplar_out_once():
    parts = halved(["a", "a", "a", "b"])
    assert parts == [([0, 2, 3], [1]), ([1], [0, 2, 3])]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    root = tmp_path_factory.mktemp("workshop")
    said = {
        "brakes": "Repair the brakes of a bicycle: pads, discs, cables. Use when it squeals.",
        "wheels": "Mend flat tyres and true the wheels of a bicycle.",
        "bread": "Bake bread with wild yeast. Use when the dough won't rise.",
    }
    return skills_router(root, said), root


def test_descriptions_choose_the_head_and_their_absence_the_other(workshop, tiny_router):
    router, root = workshop
    assert load_pack(root) == router.pack
    assert router.pack.skills["bread"].description.startswith("Bake bread with wild yeast.")
    assert isinstance(router.model.head, DocumentHead)
    assert isinstance(tiny_router.model.head, Head)


def test_a_described_router_is_stored_to_the_last_bit(workshop, tmp_path):
    router, _ = workshop
    router.save(tmp_path / "saved")
    again = Router.load(tmp_path / "saved", encoder=shared_encoder())
    texts = ["my loaf stays flat", "it squeals when I brake"]
    assert (again.decide(texts)[0].probabilities == router.decide(texts)[0].probabilities).all()


def test_fitted_again_on_all_exemplars_it_is_the_same_head(workshop):
    router, _ = workshop
    kept = np.arange(len(router.model.exemplar_labels))
    again = refit_on(router.pack, router.model, kept).head
    texts = ["my loaf stays flat"]
    vectors = router.encoder.encode(texts)
    assert again.scores(texts, vectors) == pytest.approx(router.model.head.scores(texts, vectors))


def test_an_unsure_query_is_asked_which_skill_it_is_about(workshop):
    router, _ = workshop
    assert 0.0 < router.pack.file.policy.confidence_threshold < 1.0
    never_sure = replace(router.pack.file.policy, confidence_threshold=1.0)
    pack = replace(router.pack, file=replace(router.pack.file, policy=never_sure))
    asked = Router(pack, router.encoder, router.model).route("my bicycle needs a repair")
    assert isinstance(asked, Clarify)
    assert {one.id for one in asked.question.options[:2]} == {"skill:brakes", "skill:wheels"}
