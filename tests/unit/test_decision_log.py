import gzip
import json
import multiprocessing
import threading

import pytest
from shop import shop_router

from router import DecisionLog, LogError, RouterError
from router.evaluation import RunFolder, evaluate, find_gaps
from router.evaluation.service_log import metrics_of_service
from router.report import write_report
from router.review import select


@pytest.fixture(scope="module")
def router():
    return shop_router()


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_decision_is_a_line_and_its_text_is_redacted(tmp_path, router):
    log = DecisionLog(tmp_path / "log.jsonl", redact=lambda text: text.replace("jane", "[name]"))
    decision = router.route("where is my parcel, says jane")
    log.append("where is my parcel, says jane", decision, id="7", user={"name": "jane"})
    (row,) = rows_of(log.path)
    assert row["text"] == "where is my parcel, says [name]"
    assert (row["id"], row["user"]) == ("7", {"name": "[name]"})
    assert row["skills"] == list(decision.skills)
    assert "jane" not in log.path.read_text()


def test_a_text_whose_redaction_fails_stays_off_the_disk(tmp_path, router):
    log = DecisionLog(tmp_path / "log.jsonl", redact=lambda text: text[1_000])
    log.append("secret", router.route("secret"))
    assert rows_of(log.path)[0]["text"] == "[redacted]"


def test_full_files_are_numbered_and_no_line_is_lost(tmp_path, router):
    log = DecisionLog(tmp_path / "log.jsonl", max_bytes=2_000)
    decision = router.route("return a jacket")
    texts = [f"query {number}" for number in range(40)]
    for text in texts:
        log.append(text, decision)
    assert len(list(tmp_path.glob("log.0*.jsonl"))) >= 3
    assert max(path.stat().st_size for path in tmp_path.glob("log*.jsonl")) <= 2_000
    lines = list(RunFolder.open(log.path).decisions())
    assert [line.text for line in lines] == texts
    assert [line.line for line in lines] == list(range(1, 41))


def test_full_files_that_were_compressed_are_read_and_keep_their_numbers(tmp_path, router):
    log, decision = DecisionLog(tmp_path / "log.jsonl", max_bytes=2_000), router.route("a jacket")
    texts = [f"query {number}" for number in range(40)]
    for text in texts[:20]:
        log.append(text, decision)
    for full in sorted(tmp_path.glob("log.0*.jsonl")):
        packed = full.with_name(f"{full.name}.gz")
        packed.write_bytes(gzip.compress(full.read_bytes()))
        full.unlink()
    (tmp_path / "log.202610.jsonl").write_text("of another hand")
    for text in texts[20:]:
        log.append(text, decision)
    assert [line.text for line in RunFolder.open(log.path).decisions()] == texts
    assert evaluate(router, log.path, cache=False).counts.lines == 40


def append_many(path, name, decision):
    log = DecisionLog(path, max_bytes=4_000)
    for number in range(50):
        log.append(f"{name} {number}", decision)


def test_threads_and_processes_share_a_file(tmp_path, router):
    path, decision = tmp_path / "log.jsonl", router.route("return a jacket")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=append_many, args=(path, n, decision)) for n in "ab"]
    workers += [threading.Thread(target=append_many, args=(path, n, decision)) for n in "cd"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    texts = [line.text for line in RunFolder.open(path).decisions()]
    assert sorted(texts) == sorted(f"{name} {number}" for name in "abcd" for number in range(50))


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path, router):
    log, decision = DecisionLog(tmp_path / "log.jsonl"), router.route("return a jacket")
    log.append("first", decision)
    with log.path.open("ab") as file:
        file.write(b'{"text": "cut o')
    log.append("third", decision)
    assert [line.text for line in RunFolder.open(log.path).decisions()] == ["first", "third"]


def test_evaluate_gaps_and_review_read_it(tmp_path, router):
    log = DecisionLog(tmp_path / "log.jsonl")
    texts = ["where is my parcel", "refund for shoes", "when do you close", "a joke please"]
    for text in texts:
        log.append(text, router.route(text))
    evaluation = evaluate(router, log.path, cache=False)
    assert (evaluation.counts.lines, evaluation.counts.labelled) == (4, 0)
    run = RunFolder.open(log.path)
    run.check_pack(router)
    assert find_gaps(run.decisions(), router).n_lines == 4
    assert sorted(select(log.path, 4, router)) == [0, 1, 2, 3]


def test_a_report_shows_the_decisions_as_they_were_made(tmp_path, router):
    log = DecisionLog(tmp_path / "live.jsonl")
    refused = router.route("a joke please", only=["returns"])
    for text, decision in (("where is my parcel", router.route("where is my parcel")),) * 3:
        log.append(text, decision)
    log.append("where is it", refused)  # which the router would decide otherwise now
    metrics = metrics_of_service(RunFolder.open(log.path), router)
    assert sum(metrics.shares.actions.values()) == metrics.lines.decided == 4
    assert metrics.shares.actions[rows_of(log.path)[3]["action"]] >= 1
    assert [(query.text, query.count) for query in metrics.repeated] == [("where is my parcel", 3)]
    assert (metrics.lines.labelled, metrics.lines.texts, len(metrics.days)) == (0, 2, 1)
    page = write_report(log.path, router)
    assert page == tmp_path / "live-report.html"
    assert "live.jsonl" in page.read_text()


def test_a_decision_for_what_the_pack_lacks_is_named(tmp_path, router):
    log = DecisionLog(tmp_path / "live.jsonl")
    log.append("a gift card", router.route("a gift card"))
    (row,) = rows_of(log.path)
    log.path.write_text(json.dumps(row | {"action": "route", "skills": ["gift-cards"]}))
    with pytest.raises(LogError, match="'gift-cards', which the pack"):
        write_report(log.path, router)


def test_a_field_of_the_decision_is_not_written_over(tmp_path, router):
    log = DecisionLog(tmp_path / "log.jsonl")
    with pytest.raises(RouterError, match="has the field 'skills'"):
        log.append("where", router.route("where"), skills=["x"])
    with pytest.raises(RouterError, match="is JSON"):
        log.append("where", router.route("where"), user=object())
    with pytest.raises(RouterError, match="redact is a function"):
        DecisionLog(tmp_path / "log.jsonl", redact="x")
