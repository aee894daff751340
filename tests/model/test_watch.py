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
from router.encoders.default import default_encoder
from router.model.model import model_hash
from router.packs.pack_file import load_pack
from router.watch.changes import (
    FilesRead,
    FirstLook,
    NoChange,
    OutcomeChange,
    OutcomeChanges,
    PackFaults,
    next_event,
)
from router.watch.files import file_stamps, read_files
from router.watch.live_head import LiveHead
from router.watch.live_router import LiveRouter

COMMAND = "import typer; from router.commands.watch import watch_command; typer.run(watch_command)"


def deciding(**by_query):
    """Decide by a table; `calls` counts how often a pack was fitted."""

    def decide(pack, queries):
        decide.calls += 1
        return [by_query[query] for query in queries]

    decide.calls = 0
    return decide


@pytest.fixture
def pack(tiny):
    return load_pack(tiny)


@pytest.fixture
def edited(tiny):
    file = tiny / "exemplars" / "skills" / "fix-brakes.txt"
    file.write_text(file.read_text() + "the pads are gone\n")
    return load_pack(tiny)


def test_the_first_look_says_where_each_query_goes(pack):
    decide = deciding(a="fix-brakes", b="ask which-part")
    state, event = next_event(None, FilesRead(pack, (), ("a", "b")), decide)
    assert event == FirstLook({"a": "fix-brakes", "b": "ask which-part"})
    assert state.pack is pack
    assert decide.calls == 1


def test_an_edit_says_which_queries_moved_from_where_to_where(pack, edited):
    files = FilesRead(pack, (), ("a", "b"))
    state, _ = next_event(None, files, deciding(a="fix-brakes", b="ask which-part"))
    files = FilesRead(edited, (), ("a", "b"))
    state, event = next_event(state, files, deciding(a="fix-brakes", b="fix-tyres"))
    change = OutcomeChange("b", "ask which-part", "fix-tyres")
    assert event == OutcomeChanges((change,), {}, 2)
    assert state.pack is edited


def test_a_new_query_has_an_outcome_and_is_no_change(pack):
    state, _ = next_event(None, FilesRead(pack, (), ("a",)), deciding(a="fix-brakes"))
    files = FilesRead(pack, (), ("b",))
    state, event = next_event(state, files, deciding(b="ask which-part"))
    assert event == OutcomeChanges((), {"b": "ask which-part"}, 1)
    assert set(state.outcomes) == {"b"}


def test_what_did_not_change_is_not_fitted_again(pack):
    files = FilesRead(pack, (), ("a",))
    state, _ = next_event(None, files, deciding(a="fix-brakes"))
    decide = deciding(a="fix-brakes")
    assert next_event(state, files, decide) == (state, NoChange())
    assert decide.calls == 0


def test_a_fault_is_shown_once_and_the_last_valid_pack_stays(pack, edited):
    state, _ = next_event(None, FilesRead(pack, (), ("a",)), deciding(a="fix-brakes"))
    broken = FilesRead(None, ("pack.yaml:3: not YAML",), ())
    state, event = next_event(state, broken, deciding())
    assert event == PackFaults(("pack.yaml:3: not YAML",))
    assert state.pack is pack
    state, event = next_event(state, broken, deciding())
    assert event == NoChange()
    state, event = next_event(state, FilesRead(edited, (), ("a",)), deciding(a="fix-tyres"))
    assert event == OutcomeChanges((OutcomeChange("a", "fix-brakes", "fix-tyres"),), {}, 1)
    assert state.faults == ()


def test_a_fault_that_is_repaired_is_shown_without_a_fit(pack):
    files = FilesRead(pack, (), ("a",))
    state, _ = next_event(None, files, deciding(a="fix-brakes"))
    state, _ = next_event(state, FilesRead(None, ("broken",), ()), deciding())
    state, event = next_event(state, files, deciding())
    assert event == OutcomeChanges((), {}, 1)
    assert state.faults == ()


def test_a_fault_at_the_start_is_shown_before_the_first_look(pack):
    state, event = next_event(None, FilesRead(None, ("broken",), ()), deciding())
    assert (state, event) == (None, PackFaults(("broken",)))
    _, event = next_event(state, FilesRead(pack, (), ("a",)), deciding(a="fix-brakes"))
    assert event == FirstLook({"a": "fix-brakes"})


def test_reading_the_files_names_every_fault(tiny, tmp_path):
    queries = tmp_path / "queries.txt"
    assert "no such file; it holds one query a line" in read_files(tiny, queries).faults[0]
    queries.write_text("# mine\nbrakes squeal\n\nbrakes squeal\nflat tyre\n")
    files = read_files(tiny, queries)
    assert (files.faults, files.queries) == ((), ("brakes squeal", "flat tyre"))
    (tiny / "exemplars" / "skills" / "fix-brakes.txt").write_text("too few\n")
    assert "at least 3 exemplars" in read_files(tiny, queries).faults[0]


def test_stamps_differ_after_a_save_and_only_then(tiny, tmp_path):
    queries = tmp_path / "queries.txt"
    queries.write_text("brakes squeal\n")
    before = file_stamps(tiny, queries)
    assert file_stamps(tiny, queries) == before
    file = tiny / "exemplars" / "none.txt"
    file.write_text(file.read_text() + "one more\n")
    assert file_stamps(tiny, queries) != before
    file.unlink()
    assert len(file_stamps(tiny, queries)) == len(before) - 1


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


class RunningCommand:
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
    running = RunningCommand(tiny, "--queries", queries)
    try:
        running.wait_for(r"2 queries \([\d.]+ s, [\d,]+ embedded\)\n(?s:.*)fix-brakes\n")
        brakes = tiny / "exemplars" / "skills" / "sell-bikes.txt"
        good = brakes.read_text()
        brakes.write_text(
            good + "the bottom bracket creaks\nmy bottom bracket creaks, a new bike\n"
        )
        running.wait_for(r"1 of 2 queries moved .*\n  the bottom .*\n    - .*\n    \+ sell-bikes\n")
        brakes.write_text("too few\n")
        running.wait_for(r"last valid pack stays in use:\n  .*at least 3 exemplars")
        brakes.write_text(good)
        running.wait_for(
            r"(?s:.*)stays in use(?s:.*)1 of 2 queries moved .*\n.*\n    - sell-bikes\n"
        )
    finally:
        code = running.stop()
    assert code == 0
    assert "Traceback" not in running.text
