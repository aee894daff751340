"""Conversations in logs: each turn with what was said before it, in any run that is stopped."""

import json

import pytest

from router.errors import LogError, RouterError
from router.evaluation.run import evaluate
from router.logs.turns import user_texts

FIRST, SECOND = "my brakes squeal in the rain", "and the rear one too?"


def chat(*texts):
    turns = [{"role": "user", "content": text} for text in texts]
    return [message for turn in turns for message in (turn, {"role": "assistant", "content": "ok"})]


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def chats(tmp_path):
    rows = [
        {"id": "a", "messages": chat(FIRST, SECOND, "thanks, bye"), "skill": "none"},
        {"id": "b", "messages": chat(FIRST), "skill": "fix-brakes"},
        {"id": "c", "messages": chat(FIRST, SECOND), "skill": "fix-brakes"},
    ]
    return write_lines(tmp_path / "chats.jsonl", rows)


@pytest.fixture
def named(tmp_path):
    rows = [
        {"conversation_id": "x", "time": "2026-09-01T08:02:00Z", "text": SECOND},
        {"conversation_id": "y", "time": "2026-09-01T08:01:00Z", "text": "bake bread"},
        {"conversation_id": "x", "time": "2026-09-01T08:00:00Z", "text": FIRST},
    ]
    return write_lines(tmp_path / "named.jsonl", rows)


def decisions(folder):
    return [json.loads(line) for line in (folder / "decisions.jsonl").read_text().splitlines()]


def test_the_last_turn_of_each_chat_is_decided_with_its_history(tiny_router, chats, tmp_path):
    evaluation = evaluate(tiny_router, chats, tmp_path / "run", turns="last", cache=False)
    rows = decisions(tmp_path / "run")
    assert [row["id"] for row in rows] == ["a", "b", "c"]
    assert rows[0]["reason"] == "acknowledged"
    assert rows[2]["skills"] == ["fix-brakes"]
    assert "turns.json" in evaluation.files
    assert [at.turns for at in evaluation.turns.positions] == [1, 1, 1]
    assert evaluation.turns.positions[2].acknowledged == 1


def test_every_turn_of_a_chat_is_decided_and_only_the_last_has_the_label(
    tiny_router, chats, tmp_path
):
    evaluation = evaluate(tiny_router, chats, tmp_path / "run", turns="all", cache=False)
    rows = decisions(tmp_path / "run")
    assert [row["id"] for row in rows] == ["a#1", "a#2", "a", "b", "c#1", "c"]
    assert [row["text"] for row in rows[:3]] == [FIRST, SECOND, "thanks, bye"]
    assert evaluation.metrics.lines.labelled == 3
    assert [at.turns for at in evaluation.turns.positions] == [3, 2, 1]
    assert [at.labelled for at in evaluation.turns.positions] == [1, 1, 1]


def test_lines_of_a_conversation_are_ordered_by_time(tiny_router, named, tmp_path):
    evaluation = evaluate(tiny_router, named, tmp_path / "run", turns="all", cache=False)
    rows = decisions(tmp_path / "run")
    assert [row["line"] for row in rows] == [1, 2, 3]
    assert rows[0]["skills"] == ["fix-brakes"]
    assert [at.turns for at in evaluation.turns.positions] == [2, 1]
    evaluate(tiny_router, named, tmp_path / "last", turns="last", cache=False)
    assert [row["line"] for row in decisions(tmp_path / "last")] == [1, 2]


def test_a_stopped_run_of_turns_ends_in_the_same_bytes(tiny_router, chats, tmp_path):
    settings = {"turns": "all", "cache": False, "chunk_lines": 1}
    evaluate(tiny_router, chats, tmp_path / "whole", **settings)

    class Stopped(Exception):
        pass

    def stop(progress):
        if progress.share > 0.5:
            raise Stopped

    with pytest.raises(Stopped):
        evaluate(tiny_router, chats, tmp_path / "run", progress=stop, **settings)
    with pytest.raises(LogError, match="other turns"):
        evaluate(tiny_router, chats, tmp_path / "run", **{**settings, "turns": "last"})
    evaluate(tiny_router, chats, tmp_path / "run", **settings)
    for name in ("decisions.jsonl", "metrics.json", "turns.json", "rejected.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_without_turns_nothing_of_a_chat_but_its_last_turn_is_read(tiny_router, chats, tmp_path):
    evaluation = evaluate(tiny_router, chats, tmp_path / "run", cache=False)
    assert evaluation.turns is None
    assert "turns.json" not in evaluation.files
    (tmp_path / "run" / "ranking.json").write_text("{}")
    again = evaluate(tiny_router, chats, tmp_path / "run", cache=False)
    assert "ranking.json" not in again.files  # which an earlier run has left
    assert [row["text"] for row in decisions(tmp_path / "run")] == ["thanks, bye", FIRST, SECOND]


def test_turns_are_last_or_all(tiny_router, chats):
    with pytest.raises(RouterError, match="turns is last, all or None"):
        evaluate(tiny_router, chats, turns="first")


def test_only_what_the_user_says_is_a_turn():
    messages = [{"from": "human", "value": "hi"}, {"role": "user", "content": [{"text": "x"}, {}]}]
    assert user_texts([*messages, {"role": "system", "content": "no"}, 3]) == ["hi", "x"]
    assert user_texts("hi") == []
    customer = [{"role": "Customer", "content": "hello"}, {"role": ["odd"], "content": "x"}]
    assert user_texts(customer) == ["hello"]


@pytest.mark.parametrize("turns", ["last", "all"])
def test_a_chunk_without_a_turn_is_no_fault(tiny_router, named, tmp_path, turns):
    run = evaluate(tiny_router, named, tmp_path / "run", turns=turns, cache=False, chunk_lines=1)
    assert run.turns.turns == (3 if turns == "all" else 2)
