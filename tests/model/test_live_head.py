import numpy as np
import pytest

from router import Router
from router.encoders.default import default_encoder
from router.model.model import model_hash
from router.packs.pack_file import load_pack
from router.watch.live_head import LiveHead
from router.watch.live_router import LiveRouter


@pytest.fixture
def pack(tiny):
    return load_pack(tiny)


@pytest.fixture(scope="module")
def encoder():
    return default_encoder()


def test_an_updated_head_is_the_head_fitted_on_the_same_exemplars(tiny_router, encoder):
    model = tiny_router.model
    exemplars = list(zip(model.exemplar_labels, model.exemplar_texts, strict=True))
    live = LiveHead.of(model.head, exemplars)
    texts = ["my brakes squeal", "the pads are gone", "a new bike, please"]
    vectors = encoder.encode(texts)
    # The same exemplars give the same scores.
    same = live.with_exemplars(exemplars, encoder).head
    expected = model.head.decisions(texts, vectors)
    assert np.allclose(same.decisions(texts, vectors), expected, atol=1e-5)
    wanted = [*exemplars[3:], ("skill:fix-brakes", "the pads are gone"), ("none", "boil an egg")]
    updated = live.with_exemplars(wanted, encoder)
    assert sorted(updated.exemplars) == sorted(wanted)
    # By hand: solve the whole system for these exemplars, with the words weighed as before.
    settings, points = model.head.settings, updated.head.exemplars.astype(np.float64)
    kernel = np.exp(settings.sharpness * (points @ points.T - 1.0))
    kernel += settings.lexical * (updated.features @ updated.features.T).toarray()
    kernel += settings.ridge * np.eye(len(kernel))
    column = {name: index for index, name in enumerate(model.names)}
    shares = np.eye(len(column))[[column[label] for label, _ in updated.exemplars]]
    votes = np.linalg.solve(kernel, shares - shares.mean(axis=0))
    assert np.allclose(updated.head.votes, votes, atol=1e-5)
    assert np.allclose(updated.inverse @ kernel, np.eye(len(kernel)), atol=1e-9)
    with_both = updated.in_model(model, tiny_router.pack)
    assert list(with_both.exemplar_labels) == sorted(with_both.exemplar_labels)
    direct = Router(tiny_router.pack, encoder, with_both).route("the pads are gone")
    assert direct.evidence[0].text == "the pads are gone"


def test_only_an_edited_line_is_embedded(tiny, encoder, empty_cache):
    pack, query = load_pack(tiny), ["my brakes squeal"]
    live = LiveRouter(encoder)
    assert live.decide(pack, query) == ["fix-brakes"]
    assert live.n_embedded > 50
    file = tiny / "exemplars" / "skills" / "fix-brakes.txt"
    file.write_text(file.read_text() + "the pads are gone\n")
    live.decide(load_pack(tiny), query)
    assert live.n_embedded == 1
    live.decide(pack, query)
    assert live.n_embedded == 0


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("options/which-part/tyre", ["it hisses", "a puncture", "no air", "the tube has a hole"]),
        ("none", []),
        ("skills/fix-brakes", [f"brake number {number} squeals" for number in range(20)]),
    ],
)
def test_an_edit_of_more_than_a_few_exemplars_is_fitted_in_full(
    tiny, encoder, empty_cache, name, lines
):
    live = LiveRouter(encoder)
    live.decide(load_pack(tiny), [])
    (tiny / "exemplars" / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))
    pack = load_pack(tiny)
    assert live.decide(pack, ["a flat tyre"]) == ["fix-tyres"]
    assert live.model.pack_hash == model_hash(pack)
