import pytest

from router.packs.pack_file import load_pack
from router.watch.changes import (
    FilesRead,
    OutcomeChanges,
    PackFaults,
    next_event,
)
from router.watch.files import file_stamps, read_files


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
    assert event == OutcomeChanges({}, {"a": "fix-brakes", "b": "ask which-part"}, 2)
    assert state.pack is pack
    assert decide.calls == 1


def test_an_edit_says_which_queries_moved_from_where_to_where(pack, edited):
    files = FilesRead(pack, (), ("a", "b"))
    state, _ = next_event(None, files, deciding(a="fix-brakes", b="ask which-part"))
    files = FilesRead(edited, (), ("a", "b"))
    state, event = next_event(state, files, deciding(a="fix-brakes", b="fix-tyres"))
    assert event == OutcomeChanges({"b": ("ask which-part", "fix-tyres")}, {}, 2)
    assert state.pack is edited


def test_a_new_query_has_an_outcome_and_is_no_change(pack):
    state, _ = next_event(None, FilesRead(pack, (), ("a",)), deciding(a="fix-brakes"))
    files = FilesRead(pack, (), ("b",))
    state, event = next_event(state, files, deciding(b="ask which-part"))
    assert event == OutcomeChanges({}, {"b": "ask which-part"}, 1)
    assert set(state.outcomes) == {"b"}


def test_what_did_not_change_is_not_fitted_again(pack):
    files = FilesRead(pack, (), ("a",))
    state, _ = next_event(None, files, deciding(a="fix-brakes"))
    decide = deciding(a="fix-brakes")
    assert next_event(state, files, decide) == (state, None)
    assert decide.calls == 0


def test_a_fault_is_shown_once_and_the_last_valid_pack_stays(pack, edited):
    state, _ = next_event(None, FilesRead(pack, (), ("a",)), deciding(a="fix-brakes"))
    broken = FilesRead(None, ("pack.yaml:3: not YAML",), ())
    state, event = next_event(state, broken, deciding())
    assert event == PackFaults(("pack.yaml:3: not YAML",))
    assert state.pack is pack
    state, event = next_event(state, broken, deciding())
    assert event is None
    state, event = next_event(state, FilesRead(edited, (), ("a",)), deciding(a="fix-tyres"))
    assert event == OutcomeChanges({"a": ("fix-brakes", "fix-tyres")}, {}, 1)
    assert state.faults == ()


def test_a_fault_that_is_repaired_is_shown_without_a_fit(pack):
    files = FilesRead(pack, (), ("a",))
    state, _ = next_event(None, files, deciding(a="fix-brakes"))
    state, _ = next_event(state, FilesRead(None, ("broken",), ()), deciding())
    state, event = next_event(state, files, deciding())
    assert event == OutcomeChanges({}, {}, 1)
    assert state.faults == ()


def test_a_fault_at_the_start_is_shown_before_the_first_look(pack):
    state, event = next_event(None, FilesRead(None, ("broken",), ()), deciding())
    assert (state, event) == (None, PackFaults(("broken",)))
    _, event = next_event(state, FilesRead(pack, (), ("a",)), deciding(a="fix-brakes"))
    assert event == OutcomeChanges({}, {"a": "fix-brakes"}, 1)


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
    (tiny / "exemplars" / "several.jsonl").write_text("")
    assert len(file_stamps(tiny, queries)) == len(before)
