import os
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from router import Router
from router.decisions.decision import Asked, Clarify, NoRoute, Redirect, Route
from router.encoders.encoder import default_encoder
from router.model.model import model_hash
from router.model.refit import LiveHead, Refit, likeness, with_head
from router.packs.pack_file import load_pack
from router.watch import (
    Faulty,
    Move,
    Moved,
    Opened,
    Same,
    Saved,
    outcome,
    read_saved,
    stamp_of,
    step,
)

COMMAND = "import typer; from router.commands.watch import watch; typer.run(watch)"
TOLD = {"confidence": 0.9, "margin": 0.8, "reason": "by hand"}
BRAKES = Route(**TOLD, skills=("fix-brakes",))
BOTH = Route(**TOLD, skills=("fix-tyres", "fix-brakes"), packs=("bus-lines",))
ASKS = Clarify(**TOLD, question=Asked("which-part", "What is broken?", ()))


def deciding(**by_query):
    """Decide by a table; `calls` counts how often something was fitted."""

    def decide(pack, queries):
        decide.calls += 1
        return [by_query[query] for query in queries]

    decide.calls = 0
    return decide


@pytest.fixture
def pack(tiny):
    return load_pack(tiny)


@pytest.fixture
def other(tiny):
    file = tiny / "exemplars" / "skills" / "fix-brakes.txt"
    file.write_text(file.read_text() + "the pads are gone\n")
    return load_pack(tiny)


def test_an_outcome_in_words():
    assert outcome(BRAKES) == "fix-brakes"
    assert outcome(BOTH) == "fix-tyres, then fix-brakes (see bus-lines)"
    assert outcome(ASKS) == "asks which-part"
    assert outcome(Redirect(**TOLD, packs=("bus-lines",))) == "redirect to bus-lines"
    assert outcome(NoRoute(**TOLD)) == "none"


def test_the_first_look_tells_where_each_query_goes(pack):
    decide = deciding(a=BRAKES, b=ASKS)
    watched, told = step(None, Saved(pack, (), ("a", "b")), decide)
    assert told == Opened({"a": "fix-brakes", "b": "asks which-part"})
    assert watched.pack is pack
    assert decide.calls == 1


def test_a_change_tells_what_moved_from_where_to_where(pack, other):
    watched, _ = step(None, Saved(pack, (), ("a", "b")), deciding(a=BRAKES, b=ASKS))
    watched, told = step(watched, Saved(other, (), ("a", "b")), deciding(a=BRAKES, b=BOTH))
    move = Move("b", "asks which-part", "fix-tyres, then fix-brakes (see bus-lines)")
    assert told == Moved((move,), {}, 2)
    assert watched.pack is other


def test_a_new_query_has_an_outcome_and_is_no_move(pack):
    watched, _ = step(None, Saved(pack, (), ("a",)), deciding(a=BRAKES))
    watched, told = step(watched, Saved(pack, (), ("b",)), deciding(b=ASKS))
    assert told == Moved((), {"b": "asks which-part"}, 1)
    assert set(watched.decisions) == {"b"}


def test_what_did_not_change_is_not_fitted_again(pack):
    watched, _ = step(None, Saved(pack, (), ("a",)), deciding(a=BRAKES))
    decide = deciding(a=BRAKES)
    assert step(watched, Saved(pack, (), ("a",)), decide) == (watched, Same())
    assert decide.calls == 0


def test_a_fault_is_told_once_and_the_last_good_pack_stays(pack, other):
    watched, _ = step(None, Saved(pack, (), ("a",)), deciding(a=BRAKES))
    broken = Saved(None, ("pack.yaml:3: not YAML",), ())
    watched, told = step(watched, broken, deciding())
    assert told == Faulty(("pack.yaml:3: not YAML",))
    assert watched.pack is pack
    watched, told = step(watched, broken, deciding())
    assert told == Same()
    watched, told = step(watched, Saved(other, (), ("a",)), deciding(a=ASKS))
    assert told == Moved((Move("a", "fix-brakes", "asks which-part"),), {}, 1)
    assert watched.faults == ()


def test_a_fault_taken_back_is_told_without_a_fit(pack):
    watched, _ = step(None, Saved(pack, (), ("a",)), deciding(a=BRAKES))
    watched, _ = step(watched, Saved(None, ("broken",), ()), deciding())
    watched, told = step(watched, Saved(pack, (), ("a",)), deciding())
    assert told == Moved((), {}, 1)
    assert watched.faults == ()


def test_a_fault_at_the_start_is_told_and_awaits_a_good_pack(pack):
    watched, told = step(None, Saved(None, ("broken",), ()), deciding())
    assert (watched, told) == (None, Faulty(("broken",)))
    _, told = step(watched, Saved(pack, (), ("a",)), deciding(a=ASKS))
    assert told == Opened({"a": "asks which-part"})


def test_what_is_saved_names_every_fault(tiny, tmp_path):
    queries = tmp_path / "queries.txt"
    assert "no such file; one query a line" in read_saved(tiny, queries).faults[0]
    queries.write_text("# mine\nbrakes squeal\n\nbrakes squeal\nflat tyre\n")
    saved = read_saved(tiny, queries)
    assert (saved.faults, saved.queries) == ((), ("brakes squeal", "flat tyre"))
    (tiny / "exemplars" / "skills" / "fix-brakes.txt").write_text("too few\n")
    assert "at least 3 exemplars" in read_saved(tiny, queries).faults[0]


def test_a_stamp_differs_after_a_save_and_only_then(tiny, tmp_path):
    queries = tmp_path / "queries.txt"
    queries.write_text("brakes squeal\n")
    before = stamp_of(tiny, queries)
    assert stamp_of(tiny, queries) == before
    file = tiny / "exemplars" / "none.txt"
    file.write_text(file.read_text() + "one more\n")
    assert stamp_of(tiny, queries) != before
    file.unlink()
    assert len(stamp_of(tiny, queries)) == len(before) - 1


@pytest.fixture(scope="module")
def encoder():
    return default_encoder()


def test_a_mended_head_is_the_head_fitted_on_the_same_rows(tiny_router, encoder):
    model = tiny_router.model
    rows = list(zip(model.exemplar_labels, model.exemplar_texts, strict=True))
    live = LiveHead.of(model.head, rows)
    texts = ["my brakes squeal", "the pads are gone", "a new bike, please"]
    vectors = encoder.encode(texts)
    # Taken as it is, the head says what it said.
    same = live.with_rows(rows, encoder).head
    assert np.allclose(same.scores(texts, vectors), model.head.scores(texts, vectors), atol=1e-5)
    other = [*rows[3:], ("skill:fix-brakes", "the pads are gone"), ("none", "boil an egg")]
    mended = live.with_rows(other, encoder)
    assert sorted(mended.rows) == sorted(other)
    # By hand: solve the whole system for those rows, with the words weighed as before.
    every, features = mended.head.exemplars, mended.features
    kernel = likeness(model.head.settings, every, features, every, features)
    kernel += model.head.settings.ridge * np.eye(len(kernel))
    column = {name: place for place, name in enumerate(model.names)}
    shares = np.eye(len(column))[[column[label] for label, _ in mended.rows]]
    votes = np.linalg.solve(kernel, shares - shares.mean(axis=0))
    assert np.allclose(mended.head.votes, votes, atol=1e-5)
    assert np.allclose(mended.inverse @ kernel, np.eye(len(kernel)), atol=1e-9)
    with_both = with_head(model, tiny_router.pack, mended)
    assert list(with_both.exemplar_labels) == sorted(with_both.exemplar_labels)
    direct = Router(tiny_router.pack, encoder, with_both).route("the pads are gone")
    assert direct.evidence[0].text == "the pads are gone"


def test_a_changed_line_is_all_that_is_embedded(tiny, encoder, empty_cache):
    pack, query = load_pack(tiny), ["my brakes squeal"]
    refit = Refit(encoder)
    first = refit(pack, query)
    assert refit.embedded > 50
    assert first[0].skills == ("fix-brakes",)
    file = tiny / "exemplars" / "skills" / "fix-brakes.txt"
    file.write_text(file.read_text() + "the pads are gone\n")
    refit(load_pack(tiny), query)
    assert refit.embedded == 1
    refit(pack, query)
    assert refit.embedded == 0


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("options/which-part/tyre", ["it hisses", "a puncture", "no air", "the tube has a hole"]),
        ("none", []),
        ("skills/fix-brakes", [f"brake number {number} squeals" for number in range(20)]),
    ],
)
def test_what_moves_more_than_a_few_exemplars_is_fitted_in_full(
    tiny, encoder, empty_cache, name, lines
):
    refit = Refit(encoder)
    refit(load_pack(tiny), [])
    (tiny / "exemplars" / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))
    pack = load_pack(tiny)
    assert refit(pack, ["a flat tyre"])[0].skills == ("fix-tyres",)
    assert refit.model.pack_hash == model_hash(pack)


class Listening:
    """A running command, and the lines that it has printed."""

    def __init__(self, *args):
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", COMMAND, *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.text = ""
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.text += line

    def wait_for(self, pattern, seconds=60):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            assert self.process.poll() is None, self.text
            assert time.monotonic() < end, self.text
            time.sleep(0.05)

    def stop(self):
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGINT)
        code = self.process.wait(timeout=20)
        self.reader.join()
        self.process.stdout.close()
        return code


def test_a_saved_exemplar_moves_a_query_at_once(tiny, tmp_path):
    queries = tmp_path / "queries.txt"
    queries.write_text("the bottom bracket creaks\nmy brakes squeal\n")
    running = Listening(tiny, "--queries", queries)
    try:
        running.wait_for(r"2 queries \([\d.]+ s, [\d,]+ embedded\)\n(?s:.*)fix-brakes\n")
        brakes = tiny / "exemplars" / "skills" / "sell-bikes.txt"
        good = brakes.read_text()
        brakes.write_text(
            good + "the bottom bracket creaks\nmy bottom bracket creaks, a new bike\n"
        )
        running.wait_for(r"1 of 2 queries moved .*\n  the bottom .*\n    - .*\n    \+ sell-bikes\n")
        brakes.write_text("too few\n")
        running.wait_for(r"Faulty; the last good pack stays in force:\n  .*at least 3 exemplars")
        brakes.write_text(good)
        running.wait_for(r"(?s:.*)Faulty(?s:.*)1 of 2 queries moved .*\n.*\n    - sell-bikes\n")
    finally:
        code = running.stop()
    assert code == 0
    assert "Traceback" not in running.text
