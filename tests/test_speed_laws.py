"""Laws that speed must not break, never timings: what is the same however fast it came."""

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from router import Router
from router.evaluation.evaluate import evaluate
from router.heads import head as heads
from router.heads.kernel_head import Head
from router.heads.similarity import BLOCK, FEW, cosines, product, unit_rows
from router.report import write_report

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import speed  # noqa: E402
import speed_made  # noqa: E402

TEXTS = [
    "my brakes squeal in the rain, and a nail went through the tyre",
    "which bus goes to the station",
    "bike trouble",
    "",
    "buy a gravel bike, then patch the tube",
    "who won the match?",
]
DICE = np.random.default_rng(5)


@dataclass
class Noting:
    """An encoder that notes what it embeds, in which threads, and how many at once."""

    encoder: object
    texts: list = field(default_factory=list)
    most_at_once: int = 0
    gate: threading.Barrier | None = None

    @property
    def key(self):
        return self.encoder.key

    @property
    def width(self):
        return self.encoder.width

    def encode(self, texts):
        self.texts += texts
        if self.gate is not None:
            self.gate.wait(timeout=30)  # passes only if so many threads are in here together
        return self.encoder.encode(texts)


def noting(router, gate=None):
    encoder = Noting(router.encoder, gate=gate)
    return Router(router.pack, encoder, router.model), encoder


def test_clauses_are_encoded_only_where_a_further_concern_is_possible(tiny_router):
    router, encoder = noting(tiny_router)
    several, bus = "my brakes squeal, and a nail went through the tyre", "in town, which bus is it"
    reading, _ = router.decide([several, bus])
    assert encoder.texts[:2] == [several, bus]
    clauses = {"my brakes squeal", "a nail went through the tyre"}
    assert clauses <= set(encoder.texts[2:])
    assert not any(one in bus for one in encoder.texts[2:])  # a neighbour's, whatever else it says
    assert reading.further[1].max() == 0.0


@pytest.mark.parametrize("rows", [1, 3, FEW, FEW + 1])
@pytest.mark.parametrize("width", [1, 22, 5_000, 30_000])
def test_a_product_in_blocks_is_that_of_the_whole(rows, width):
    one = DICE.standard_normal((rows, 131)).astype(np.float32)
    other = DICE.standard_normal((131, width)).astype(np.float32)
    np.testing.assert_allclose(product(one, other), one @ other, rtol=1e-4, atol=1e-4)


def test_8_threads_decide_what_one_does(tiny_router):
    fresh = Router(tiny_router.pack, tiny_router.encoder, tiny_router.model)
    expected = tiny_router.route_many(TEXTS)
    with ThreadPoolExecutor(8) as pool:
        rounds = list(pool.map(fresh.route_many, [TEXTS] * 24))
        single = list(pool.map(fresh.route, TEXTS * 8))
    assert all(found == expected for found in rounds)
    assert single == expected * 8


def test_8_threads_are_in_the_router_together(tiny_router):
    """Nothing around the encoder makes them wait for one another."""
    router, _ = noting(tiny_router, threading.Barrier(8))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(router.route, [TEXTS[0]] * 8))
    assert found == [tiny_router.route(TEXTS[0])] * 8


def test_an_event_loop_goes_on_while_a_thread_routes(tiny_router):
    release = threading.Event()

    class Waiting(Noting):
        def encode(self, texts):
            assert release.wait(timeout=30)
            return self.encoder.encode(texts)

    router = Router(tiny_router.pack, Waiting(tiny_router.encoder), tiny_router.model)

    async def both():
        routing = asyncio.create_task(asyncio.to_thread(router.route, TEXTS[1]))
        await asyncio.sleep(0)
        assert not routing.done()
        release.set()  # only a loop that is not blocked comes this far
        return await routing

    assert asyncio.run(both()) == tiny_router.route(TEXTS[1])


def test_a_log_evaluated_again_is_not_embedded_again(tiny_router, tmp_path):
    log = speed_made.made_log(tmp_path, TEXTS, 30)
    router, encoder = noting(tiny_router)
    first = evaluate(router, log, tmp_path / "first")
    assert set(TEXTS) <= set(encoder.texts)
    encoder.texts.clear()
    again = evaluate(router, log, tmp_path / "again")
    write_report(again.folder, router)
    assert encoder.texts == []
    assert again.table().equals(first.table())
    evaluate(router, log, tmp_path / "anew", cache=False)
    assert set(TEXTS) <= set(encoder.texts)


def test_a_log_of_repeats_embeds_each_text_once(tiny_router, tmp_path):
    log = speed_made.made_log(tmp_path, TEXTS, 60)
    router, encoder = noting(tiny_router)
    evaluate(router, log, tmp_path / "out", chunk_lines=10)
    assert sorted(text for text in encoder.texts if text in TEXTS) == sorted(TEXTS)


@pytest.mark.parametrize("n_texts", [0, 1, 3, FEW, FEW + 1, 400])
@pytest.mark.parametrize("n_points", [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 5])
def test_cosines_of_few_texts_are_those_of_many(n_texts, n_points):
    texts, points = (unit(DICE.normal(size=(n, 24))).reshape(n, 24) for n in (n_texts, n_points))
    found = cosines(texts, points)
    assert found.shape == (n_texts, n_points)
    np.testing.assert_allclose(found, texts @ points.T, atol=1e-6)


def test_scores_do_not_depend_on_how_many_are_scored_at_a_time(monkeypatch, tiny_router):
    head, texts = tiny_router.model.head, TEXTS * 5
    vectors = tiny_router.encoder.encode(texts)
    expected = head.scores(texts, vectors)
    monkeypatch.setattr(heads, "SCORED", 4)
    np.testing.assert_allclose(head.scores(texts, vectors), expected, atol=1e-6)


LABELS = ["a", "a", "a", "b", "b", "c"]
VECTORS = unit_rows(np.array([[2, 0, 1], [2, 1, 0], [2, 0, 0], [0, 2, 1], [0, 2, 0], [1, 1, 3]]))


@pytest.fixture
def many(monkeypatch):
    """Let 6 exemplars be too many to solve for."""
    monkeypatch.setattr(heads, "MOST_EXEMPLARS", 5)


def test_too_many_exemplars_are_known_by_their_centroids(many):
    head, _ = fit_exemplar_head([""] * 6, VECTORS, LABELS)
    means = np.array([VECTORS[:3].sum(axis=0), VECTORS[3:5].sum(axis=0), VECTORS[5]])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    query = unit_rows(np.array([[1.0, 2.0, 0.5], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(head.centroids, means, atol=1e-6)
    np.testing.assert_allclose(
        head.scores(["", ""], query), np.exp(3 * (query @ means.T - 1)), atol=1e-6
    )
    assert head.names == ("a", "b", "c")
    assert len(head.votes) == len(head.term_votes) == len(head.lexicon) == 0


def test_too_many_votes_are_too_many(monkeypatch):
    monkeypatch.setattr(heads, "MOST_VOTES", 17)  # 6 exemplars of 3 targets are 18
    assert fit_exemplar_head(["a word"] * 6, VECTORS, LABELS)[0].centroids is not None
    monkeypatch.setattr(heads, "MOST_VOTES", 18)
    assert fit_exemplar_head(["a word"] * 6, VECTORS, LABELS)[0].centroids is None


def test_a_held_out_exemplar_meets_the_centroid_of_the_others(many, monkeypatch):
    """The closed form against six refits."""
    head, held_out = fit_exemplar_head([""] * 6, VECTORS, LABELS)
    monkeypatch.setattr(heads, "MOST_EXEMPLARS", 4)
    for left_out in range(5):  # the sixth is the only one of its target
        rest = [i for i in range(6) if i != left_out]
        refitted, _ = fit_exemplar_head([""] * 5, VECTORS[rest], [LABELS[i] for i in rest])
        scores = refitted.scores([""], VECTORS[left_out : left_out + 1])
        np.testing.assert_allclose(held_out[left_out], scores[0], atol=1e-5)
    # Left out, it leaves its target unknown: a cosine of 0 with nothing.
    unknown = head.scores([""], VECTORS[5:])
    unknown[0, 2] = np.exp(-3)
    np.testing.assert_allclose(held_out[5], unknown[0], atol=1e-5)


def test_a_router_of_many_made_routes_finds_their_exemplars(tiny_router, monkeypatch):
    monkeypatch.setattr(heads, "MOST_VOTES", 100)
    made = speed_made.made_router(30, 5, tiny_router)
    assert isinstance(made.model.head, Head)
    assert made.model.head.centroids is not None
    texts = made.model.exemplar_texts
    wanted = [label.removeprefix("skill:") for label in made.model.exemplar_labels]
    found = made.route_arrow(list(texts)).column("skills").to_pylist()
    right = [own in skills for own, skills in zip(wanted, found, strict=True)]
    assert np.mean(right) >= 0.9


def test_made_texts_differ_and_go_on_where_they_ended():
    texts = speed_made.made_texts(1_500)
    assert len(set(texts)) == 1_500
    assert speed_made.made_texts(500, 1_000) == texts[1_000:]


def test_the_report_has_every_ratio_first_and_says_what_was_not_measured():
    ratios = dict.fromkeys(speed.WANTED, 0.5) | {"batch_vs_semantic_router": None}
    spread = {"median": 0.5, "low": 0.25, "high": 0.75}
    report = {
        "ratios": ratios,
        "spreads": {name: spread for name, value in ratios.items() if value is not None},
        "wanted": dict.fromkeys(speed.WANTED, "<= 1"),
        "figures": {"memory_bytes": {"ours": {"median": 2e6, "low": 1e6, "high": 3e6}}},
        "laws": {"routes": [{"routes": 10, "ours": 123.4}]},
        "seconds": 7.0,
    }
    lines = speed.to_markdown(report).splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:][: len(speed.WANTED)]] == [
        *speed.WANTED
    ]
    assert "| repeats_vs_unique | 0.5 | 0.25 to 0.75 | <= 1 |" in lines
    assert "| batch_vs_semantic_router | not measured |  | <= 1 |" in lines
    assert "| memory | ours | 2.00 MB | 1.00 to 3.00 |" in lines
    assert "| 10 | 123.4 |" in lines


def test_subjects_take_turns_and_each_begins_once():
    order = []
    measures = {
        name: lambda round_, name=name: order.append(name) or round_ for name in ("a", "b", "c")
    }
    assert speed.in_turn(measures, 3) == {"a": [0, 1, 2], "b": [0, 1, 2], "c": [0, 1, 2]}
    assert "".join(order) == "abcbcacab"
