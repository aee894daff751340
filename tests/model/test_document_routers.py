import numpy as np
import pytest
from conftest import shared_encoder, skills_router
from msgspec.structs import replace

from router import Clarify, Router
from router.fitting.fit import refit_on
from router.heads.document_head import (
    DocumentHead,
)
from router.heads.kernel_head import KernelHead
from router.packs.pack_file import load_pack
from router.text import words_in


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    root = tmp_path_factory.mktemp("workshop")
    descriptions = {
        "brakes": "Repair the brakes of a bicycle: pads, discs, cables. Use when it squeals.",
        "wheels": "Mend flat tyres and true the wheels of a bicycle.",
        "bread": "Bake bread with wild yeast. Use when the dough won't rise.",
    }
    return skills_router(root, descriptions), root


def test_descriptions_choose_a_document_head_and_exemplars_alone_a_kernel(workshop, tiny_router):
    router, root = workshop
    assert load_pack(root) == router.pack
    assert router.pack.skills["bread"].description.startswith("Bake bread with wild yeast.")
    assert isinstance(router.model.head, DocumentHead)
    assert isinstance(tiny_router.model.head, KernelHead)


def test_a_router_of_documents_is_stored_to_the_last_bit(workshop, tmp_path):
    router, _ = workshop
    router.save(tmp_path / "saved")
    again = Router.load(tmp_path / "saved", encoder=shared_encoder())
    texts = ["my loaf stays flat", "it squeals when I brake"]
    (loaded, _), (expected, _) = (each.evidence_and_result(texts) for each in (again, router))
    np.testing.assert_array_equal(loaded.probabilities, expected.probabilities)


def test_fitted_again_on_all_exemplars_it_is_the_same_head(workshop):
    router, _ = workshop
    kept = np.arange(len(router.model.exemplar_labels))
    head, again = router.model.head, refit_on(router.pack, router.model, kept).head
    texts = ["my loaf stays flat"]
    scores, expected = (fit.score(texts, words_in(texts), router.encoder) for fit in (again, head))
    np.testing.assert_allclose(scores.probabilities, expected.probabilities, rtol=1e-6)
    np.testing.assert_array_equal(scores.nearest, expected.nearest)


def test_an_unsure_query_is_asked_which_skill_it_is_about(workshop):
    router, _ = workshop
    assert 0.0 < router.pack.file.policy.confidence_threshold < 1.0
    never_sure = replace(router.pack.file.policy, confidence_threshold=1.0)
    pack = replace(router.pack, file=replace(router.pack.file, policy=never_sure))
    asked = Router(pack, router.encoder, router.model).route("my bicycle needs a repair")
    assert isinstance(asked, Clarify)
    assert {option.id for option in asked.question.options[:2]} == {"skill:brakes", "skill:wheels"}
