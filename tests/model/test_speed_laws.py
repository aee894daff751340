"""What speed must not change: the same decisions in threads, and nothing embedded twice."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import speed
import speed_made

from router import Router
from router.evaluation.run import evaluate
from router.report import write_report

TEXTS = [
    "my brakes squeal in the rain, and a nail went through the tyre",
    "which bus goes to the station",
    "bike trouble",
    "",
    "buy a gravel bike, then patch the tube",
    "who won the match?",
]


@dataclass
class RecordingEncoder:
    """Records the texts that it embeds; a barrier lets only so many threads pass together."""

    encoder: object
    texts: list = field(default_factory=list)
    barrier: threading.Barrier | None = None

    @property
    def key(self):
        return self.encoder.key

    @property
    def width(self):
        return self.encoder.width

    def encode(self, texts):
        self.texts += texts
        if self.barrier is not None:
            self.barrier.wait(timeout=30)
        return self.encoder.encode(texts)


def recording(router, barrier=None):
    encoder = RecordingEncoder(router.encoder, barrier=barrier)
    return Router(router.pack, encoder, router.model), encoder


def test_clauses_are_encoded_only_where_a_further_concern_is_possible(tiny_router):
    router, encoder = recording(tiny_router)
    several, bus = "my brakes squeal, and a nail went through the tyre", "in town, which bus is it"
    evidence, _ = router.evidence_and_result([several, bus])
    assert encoder.texts[:2] == [several, bus]
    clauses = {"my brakes squeal", "a nail went through the tyre"}
    assert clauses <= set(encoder.texts[2:])
    # A neighbour serves the other, whatever else it mentions.
    assert not any(clause in bus for clause in encoder.texts[2:])
    assert evidence.extra_skills[1].max() == 0.0


def test_8_threads_decide_what_a_single_thread_does(tiny_router):
    fresh = Router(tiny_router.pack, tiny_router.encoder, tiny_router.model)
    expected = tiny_router.route_many(TEXTS)
    with ThreadPoolExecutor(8) as pool:
        rounds = list(pool.map(fresh.route_many, [TEXTS] * 24))
        single = list(pool.map(fresh.route, TEXTS * 8))
    assert all(decisions == expected for decisions in rounds)
    assert single == expected * 8


def test_8_threads_are_in_the_router_together(tiny_router):
    """No lock around the encoder makes them wait for each other."""
    router, _ = recording(tiny_router, threading.Barrier(8))
    with ThreadPoolExecutor(8) as pool:
        decisions = list(pool.map(router.route, [TEXTS[0]] * 8))
    assert decisions == [tiny_router.route(TEXTS[0])] * 8


def test_an_event_loop_goes_on_while_a_thread_routes(tiny_router):
    release = threading.Event()

    class WaitingEncoder(RecordingEncoder):
        def encode(self, texts):
            assert release.wait(timeout=30)
            return self.encoder.encode(texts)

    router = Router(tiny_router.pack, WaitingEncoder(tiny_router.encoder), tiny_router.model)

    async def route_in_a_thread():
        routing = asyncio.create_task(asyncio.to_thread(router.route, TEXTS[1]))
        await asyncio.sleep(0)
        assert not routing.done()
        release.set()  # a blocked loop never comes this far
        return await routing

    assert asyncio.run(route_in_a_thread()) == tiny_router.route(TEXTS[1])


def test_a_log_evaluated_again_is_not_embedded_again(tiny_router, tmp_path):
    log = speed_made.made_log(tmp_path, TEXTS, 30)
    router, encoder = recording(tiny_router)
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
    router, encoder = recording(tiny_router)
    evaluate(router, log, tmp_path / "out", chunk_lines=10)
    assert sorted(text for text in encoder.texts if text in TEXTS) == sorted(TEXTS)


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
