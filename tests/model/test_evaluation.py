import io
import json
import sys

import msgspec
import pytest
from typer import Typer
from typer.testing import CliRunner

from router import RouterError
from router.commands.evaluate import evaluate_command as command
from router.errors import LogError
from router.evaluation.decision_memo import DecisionMemo
from router.evaluation.fail_under import failures_of, figure_names, read_conditions
from router.evaluation.metrics import Metrics, metrics_schema
from router.evaluation.rows import decided_lines, outcome_batch
from router.evaluation.run import evaluate
from router.logs.reader import Columns, LogLine
from router.paths import DATA

ROWS = [
    {"id": "a", "text": "flat tyre again", "label": "fix-tyres", "time": "2026-09-01T08:00:00Z"},
    {"id": "b", "text": "my brakes squeal", "label": "fix-brakes", "time": "2026-09-01T09:00:00Z"},
    {"id": "c", "text": "flat tyre again", "label": "fix-tyres", "time": "2026-09-02T08:00:00Z"},
    {"id": "d", "text": "flat tyre again", "label": "sell-bikes", "time": "2026-09-02T08:00:00Z"},
    {"id": "e", "text": "<b>buy</b> \u2028 a bike [/dim]"},
]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def log(tmp_path):
    return write(tmp_path / "log.jsonl", ROWS)


def test_each_line_has_its_decision_in_order(tiny_router, log, tmp_path):
    evaluate(tiny_router, log, tmp_path / "out")
    rows = read(tmp_path / "out" / "decisions.jsonl")  # one a line even for splitlines()
    assert [row["id"] for row in rows] == ["a", "b", "c", "d", "e"]
    assert [row["text"] for row in rows] == [row["text"] for row in ROWS]
    assert [row["line"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[0]["time"] == "2026-09-01T08:00:00Z"
    assert "time" not in rows[4]
    for row, decision in zip(rows, tiny_router.route_many([r["text"] for r in ROWS]), strict=True):
        told = decision.to_dict()
        assert {row[name] == told[name] for name in ("action", "skills", "packs", "question")} == {
            True
        }
        assert row["reason"] == told["reason"]
        assert row["confidence"] == pytest.approx(told["confidence"], abs=2e-4)
    assert [row.get("accepted") for row in rows] == [True, True, True, False, None]
    assert rows[3]["gold"]["skills"] == ["sell-bikes"]


def test_metrics_hold_figures_lists_and_versions(tiny_router, log, tmp_path):
    evaluation = evaluate(tiny_router, log, tmp_path / "out")
    metrics = msgspec.json.decode((tmp_path / "out" / "metrics.json").read_bytes(), type=Metrics)
    assert metrics == evaluation.metrics
    assert metrics.figures["accepted"] == 0.75
    assert metrics.lines.texts == 3
    assert [(one.text, one.count, one.line) for one in metrics.repeated] == [
        ("flat tyre again", 3, 1)
    ]
    assert [one.line for one in metrics.mistakes] == [4]
    assert metrics.mistakes[0].gold.skills == ("sell-bikes",)
    assert list(metrics.days) == ["2026-09-01", "2026-09-02"]
    assert metrics.versions.pack == "bike-shop"
    assert metrics.versions.encoder == tiny_router.encoder.key


def test_the_schema_that_is_shipped_is_the_one_in_the_code():
    assert (DATA / "metrics.schema.json").read_text() == metrics_schema()


def test_parquet_and_json_lines_hold_the_same(tiny_router, log, tmp_path):
    as_json = evaluate(tiny_router, log, tmp_path / "json")
    as_parquet = evaluate(tiny_router, log, tmp_path / "parquet", format="parquet")
    assert as_parquet.table().equals(as_json.table())
    assert as_parquet.metrics == as_json.metrics
    assert not as_parquet.table().schema.field("text").nullable
    frame = as_parquet.to_pandas()
    assert frame["gold_skills"][3].tolist() == ["sell-bikes"]


def test_another_format_replaces_the_decisions_of_before(tiny_router, log, tmp_path):
    evaluate(tiny_router, log, tmp_path / "out")
    evaluate(tiny_router, log, tmp_path / "out", format="parquet")
    names = {"decisions.parquet", "metrics.json", "rejected.jsonl", "run.json"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names


def test_the_size_of_a_chunk_shows_in_no_result(tiny_router, log, tmp_path):
    found = []
    for size in (1, 2, 100):
        evaluate(tiny_router, log, tmp_path / str(size), chunk_lines=size)
        files = contents(tmp_path / str(size))
        del files["run.json"]  # says the size
        found.append(files)
    assert found[0] == found[1] == found[2]


def test_without_a_folder_the_files_go_with_the_result(tiny_router, log):
    evaluation = evaluate(tiny_router, log)
    folder = evaluation.folder
    assert evaluation.table().num_rows == 5
    del evaluation
    assert not folder.exists()


def test_progress_ends_with_all_lines(tiny_router, log, tmp_path):
    told = []
    evaluate(tiny_router, log, tmp_path / "out", progress=told.append, chunk_lines=2)
    assert [(one.lines, one.texts) for one in told] == [(2, 2), (4, 2), (5, 3)]
    assert told[-1].share == 1.0


def log_lines(texts, start=1):
    return [LogLine(line, str(line), text) for line, text in enumerate(texts, start)]


def decide(memo, router, lines):
    new = memo.look_up(lines)
    return memo.fill(new, router.outcomes([line.text for line in new.lines])), new


def decisions(batch):
    return [
        (batch.outcomes[i], float(confidence), float(margin))
        for i, confidence, margin in zip(batch.indices, batch.confidence, batch.margin, strict=True)
    ]


def test_each_text_is_decided_once_as_far_as_there_is_room(tiny_router):
    texts = ["flat tyre", "squealing brakes", "flat tyre", "buy a bike", "buy a bike"]
    first, again = log_lines(texts), log_lines(texts, start=6)
    roomy, narrow = DecisionMemo(), DecisionMemo(max_texts=1)
    batch, new = decide(roomy, tiny_router, first)
    assert ([line.line for line in new.lines], new.n_kept) == ([1, 2, 4], 3)
    assert roomy.most_repeated(5) == {1: 2, 4: 2}
    repeated, new = decide(roomy, tiny_router, again)
    assert new.lines == []
    decide(narrow, tiny_router, first)
    crowded, new = decide(narrow, tiny_router, again)
    assert ([line.line for line in new.lines], new.n_kept) == ([7, 9], 0)
    assert narrow.most_repeated(5) == {1: 4}
    plain = decisions(tiny_router.outcomes(texts))
    assert [decisions(other) for other in (batch, repeated, crowded)] == [plain] * 3


def test_lines_are_looked_up_before_earlier_ones_are_decided(tiny_router):
    memo = DecisionMemo(max_texts=2)
    texts = [["flat tyre", "buy a bike"], ["squealing brakes", "flat tyre"], ["buy a bike"]]
    new = [memo.look_up(log_lines(part)) for part in texts]
    batches = [
        memo.fill(part, tiny_router.outcomes([line.text for line in part.lines])) for part in new
    ]
    for batch, part in zip(batches, texts, strict=True):
        assert decisions(batch) == decisions(tiny_router.outcomes(part))


def test_a_memo_filled_from_decided_lines_decides_the_same(tiny_router):
    lines = log_lines(["flat tyre", "squealing brakes", "flat tyre"])
    first, second = DecisionMemo(), DecisionMemo()
    batch, _ = decide(first, tiny_router, lines)
    new = second.look_up(decided_lines(lines, batch, tiny_router.pack.precedence))
    again = second.fill(new, outcome_batch(new.lines))
    assert [outcome for outcome, _, _ in decisions(again)] == [
        outcome for outcome, _, _ in decisions(batch)
    ]
    assert again.confidence == pytest.approx(batch.confidence, abs=1e-4)
    assert second.most_repeated(5) == {1: 2}


def test_a_log_without_one_good_line_says_the_first_reason(tiny_router, tmp_path):
    log = write(tmp_path / "log.jsonl", [{"text": "x", "label": "y"}])
    with pytest.raises(LogError, match=r"of 1 there is none; the first: a label is .* was: 'y'"):
        evaluate(tiny_router, log, tmp_path / "out")
    log.write_text("")
    with pytest.raises(LogError, match="of 0 there is none"):
        evaluate(tiny_router, log, tmp_path / "out")
    with pytest.raises(LogError, match="no such file or folder"):
        evaluate(tiny_router, tmp_path / "nowhere", tmp_path / "out")


def test_an_evaluation_inside_its_own_log_folder_is_no_part_of_it(tiny_router, log, tmp_path):
    first = evaluate(tiny_router, tmp_path, tmp_path / "out")
    second = evaluate(tiny_router, tmp_path, tmp_path / "out")
    assert first.metrics.lines == second.metrics.lines


def test_a_gate_names_what_fails(tiny_router, log):
    metrics = evaluate(tiny_router, log).metrics
    conditions = ["accepted=0.9", "silently_wrong=0.1", "fix-tyres.recall=1", "none_recall=0.5"]
    bounds = read_conditions(conditions, figure_names(tiny_router.pack))
    assert failures_of(metrics, bounds, {}) == [
        "accepted must be at least 0.9, was: 0.75 (n = 4)",
        "silently_wrong must be at most 0.1, was: 0.25 (n = 4)",
        "none_recall must be at least 0.5, and there is no labelled query that it counts",
    ]


def test_a_gate_fails_where_most_lines_cannot_be_read(tiny_router, tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text('{"text": "flat tyre", "label": "fix-tyres"}\nbroken\nbroken\n')
    metrics = evaluate(tiny_router, log).metrics
    assert failures_of(metrics, {"accepted": 0.5}, {}) == ["2 of 3 lines can't be read"]
    assert failures_of(metrics, {}, {}) == []


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("acepted=0.9", "did you mean 'accepted'"),
        ("fix-tires.f1=0.9", "did you mean 'fix-tyres.f1'"),
        ("accepted", "such as accepted=0.9, was: 'accepted'"),
        ("accepted=90", r"a share in \[0, 1\], and so is what it must reach, was: 90"),
        ("accepted=nan", "and so is what it must reach, was: nan"),
    ],
)
def test_a_condition_says_its_form(tiny_router, condition, message):
    with pytest.raises(RouterError, match=message):
        read_conditions([condition], figure_names(tiny_router.pack))


@pytest.fixture
def run(tiny, monkeypatch):
    """Run the command as a user does, on the small pack."""
    app = Typer()
    app.command()(command)
    return lambda *words, given=None: CliRunner().invoke(
        app, [*map(str, words), "--pack", str(tiny)], input=given
    )


def test_the_command_prints_figures_mistakes_and_files(run, log, tmp_path):
    with log.open("a") as file:
        file.write("broken\n")
    result = run(log, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    for words in (
        "accepted 0.7500 ",
        "wanted sell-bikes flat tyre again",
        "6 lines: 5 decided (4 with a label, 3 different texts), 1 rejected.",
        "line 6: not JSON",
        "metrics.json",
    ):
        assert words in " ".join(result.output.split())
    assert read(tmp_path / "out" / "rejected.jsonl")[0]["raw"] == "broken\n"


def test_lines_that_are_too_long_to_be_read_whole_are_counted(run, tmp_path):
    texts = ["flat tyre again", "my tyre is flat, dear friends, " * 100]
    log = write(tmp_path / "long.jsonl", [{"text": text} for text in texts])
    result = run(log, "--out", tmp_path / "out")
    assert "50.0% were too long to be read whole." in result.output
    rows = read(tmp_path / "out" / "decisions.jsonl")
    assert [row.get("truncated") for row in rows] == [None, True]
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["lines"]["truncated"] == 1
    assert "Of 50% of the queries only the beginning" in (tmp_path / "out/report.html").read_text()


def test_the_command_fails_under_a_figure(run, log, tmp_path):
    passed = run(log, "--out", tmp_path / "a", "--fail-under", "accepted=0.75")
    failed = run(log, "--out", tmp_path / "b", "--fail-under", "accepted=0.76")
    assert (passed.exit_code, failed.exit_code) == (0, 1)
    assert "accepted must be at least 0.76, was: 0.75 (n = 4)" in failed.output


def test_the_command_reads_standard_input(run, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"query\nflat tyre\n")))
    result = run("-", "--out", tmp_path / "out", given=b"query\nflat tyre\n")
    assert result.exit_code == 0, result.output
    assert "Least certain" in result.output
    assert [row["text"] for row in read(tmp_path / "out" / "decisions.jsonl")] == ["flat tyre"]


def test_columns_are_named(tiny_router, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("what,who,when,nr\nflat tyre,fix-tyres,2026-09-01,q7\n")
    columns = Columns(text="what", label="who", time="when", id="nr")
    row = evaluate(tiny_router, log, columns=columns).table().to_pylist()[0]
    assert (row["id"], row["gold_skills"], row["time"].day) == ("q7", ["fix-tyres"], 1)


def test_outcomes_are_kept_once(tiny_router):
    memo = DecisionMemo()
    batch, _ = decide(memo, tiny_router, log_lines(["flat tyre", "flat tyre!", "a flat tyre"]))
    assert batch.outcomes == tuple(memo.outcomes)
    assert len(memo.outcomes) == 1


def test_the_former_name_of_the_format_warns(tiny_router, log):
    with pytest.warns(DeprecationWarning, match="format"):
        evaluation = evaluate(tiny_router, log, form="parquet")
    assert evaluation.format == "parquet"
    with pytest.warns(DeprecationWarning, match="Evaluation.format"):
        assert evaluation.form == "parquet"
