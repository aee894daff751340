import json
import os
import re
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from hashlib import sha512
from shutil import which

import pytest

from router import Router
from router.errors import LogError, RouterError, WriteError
from router.evaluation.checkpoint import UnfinishedRun
from router.evaluation.decisions_file import RunFolder
from router.evaluation.run import evaluate
from router.report import write_report

CHUNK = 40
SKILLS = ("fix-tyres", "fix-brakes", "sell-bikes", "bus-lines", "none", "which-part")


def rows(count, start=0):
    """Lines of a log in which every text comes twice on average, each third one labelled."""
    for i in range(start, start + count):
        row = {
            "id": i,
            "text": f"flat tyre number {i % (count // 2)}",
            "time": 1_788_249_600 + 900 * i,
        }
        yield row | ({"label": SKILLS[i % len(SKILLS)]} if i % 3 == 0 else {})


def write(path, count=400, start=0):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(count, start)))
    return path


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def log(tmp_path):
    return write(tmp_path / "log.jsonl")


@pytest.fixture
def unbroken(tiny_router, log, tmp_path):
    def run(form="jsonl"):
        evaluate(tiny_router, log, tmp_path / "unbroken", chunk_lines=CHUNK, format=form)
        return contents(tmp_path / "unbroken")

    return run


RUN = """
import sys
from router import Router
from router.evaluation import evaluate

pack, log, out, form, chunk = sys.argv[1:]
evaluate(
    Router.load(pack), log, out, format=form, chunk_lines=int(chunk),
    progress=lambda done: print(done.lines, flush=True),
)
"""


@pytest.mark.parametrize(("form", "chunks"), [("jsonl", 1), ("jsonl", 6), ("parquet", 3)])
def test_killed_and_resumed_is_the_same_to_the_byte(tiny, log, tmp_path, form, chunks):
    arguments = [str(tiny), str(log), str(tmp_path / "out"), form, str(CHUNK)]
    with subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        for _ in range(chunks):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert {path.name for path in (tmp_path / "out").iterdir()} == {".unfinished", ".lock"}
    router, told = Router.load(tiny), []
    evaluate(router, log, tmp_path / "out", format=form, chunk_lines=CHUNK, progress=told.append)
    assert told[chunks - 1].lines == CHUNK * chunks
    evaluate(router, log, tmp_path / "unbroken", format=form, chunk_lines=CHUNK)
    assert contents(tmp_path / "out") == contents(tmp_path / "unbroken")


def test_what_is_done_is_not_decided_again(tiny_router, log, tmp_path, unbroken, monkeypatch):
    stop_after(tiny_router, log, tmp_path / "out", 5)
    asked, decide = [], Router.outcomes

    def noted(self, texts):
        asked.extend(texts)
        return decide(self, texts)

    monkeypatch.setattr(Router, "outcomes", noted)
    evaluate(tiny_router, log, tmp_path / "out", chunk_lines=CHUNK)
    assert asked == []  # the first five of ten chunks hold every text
    assert contents(tmp_path / "out") == unbroken()


def stop_after(router, log, out, chunks):
    def progress(done):
        if done.lines == CHUNK * chunks:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(router, log, out, chunk_lines=CHUNK, progress=progress)


def test_stopped_twice_and_left_with_half_a_chunk(tiny_router, log, tmp_path, unbroken):
    out = tmp_path / "out"
    stop_after(tiny_router, log, out, 2)
    (out / ".unfinished" / ".000002.part.x7f").write_bytes(b"half a ro")
    stop_after(tiny_router, log, out, 7)
    evaluate(tiny_router, log, out, chunk_lines=CHUNK)
    assert contents(out) == unbroken()


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: b"", bytes])
def test_a_part_that_is_not_what_was_written_is_decided_again(
    tiny_router, log, tmp_path, unbroken, damage
):
    """After a power failure a part may be cut off, empty, or filled with zeros."""
    out = tmp_path / "out"
    stop_after(tiny_router, log, out, 4)
    part = out / ".unfinished" / "000001.part"
    content = part.read_bytes()
    part.write_bytes(damage(content) if damage is not bytes else bytes(len(content)))
    evaluate(tiny_router, log, out, chunk_lines=CHUNK)
    assert contents(out) == unbroken()


def test_parts_without_their_settings_are_dropped(tiny_router, log, tmp_path, unbroken):
    out = tmp_path / "out"
    stop_after(tiny_router, write(tmp_path / "other.jsonl", start=7), out, 3)
    (out / ".unfinished" / "run.json").unlink()
    evaluate(tiny_router, log, out, chunk_lines=CHUNK)
    assert contents(out) == unbroken()


def test_two_runs_into_one_folder_are_refused(tiny_router, log, tmp_path, unbroken):
    out, refused = tmp_path / "out", []

    def start_another(done):
        with pytest.raises(LogError, match=rf"another process is writing here.* {os.getpid()};"):
            evaluate(tiny_router, tmp_path / "log.jsonl", out, restart=True)
        refused.append(done.lines)

    evaluate(tiny_router, log, out, chunk_lines=CHUNK, progress=start_another)
    assert len(refused) == 10
    assert contents(out) == unbroken()


def test_a_lock_that_a_killed_run_left_holds_nobody_up(tiny_router, log, tmp_path, unbroken):
    out = tmp_path / "out"
    out.mkdir()
    (out / ".lock").write_text("1")
    evaluate(tiny_router, log, out, chunk_lines=CHUNK)
    assert contents(out) == unbroken()


def test_a_line_that_cannot_be_decided_is_named(tiny_router, log, tmp_path):
    def decide(batches):
        for batch in batches:
            if any("number 41" in text for text in batch):
                raise ValueError("the encoder broke")
            yield tiny_router.outcomes(batch)

    with pytest.raises(RouterError, match=r"line 42: can't be decided: the encoder broke.*ber 41"):
        evaluate(tiny_router, log, tmp_path / "out", chunk_lines=CHUNK, decide=decide)
    evaluate(tiny_router, log, tmp_path / "out", chunk_lines=CHUNK)


def test_stopped_between_the_results_and_the_end(tiny_router, log, tmp_path, unbroken, monkeypatch):
    def killed(self):
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(UnfinishedRun, "drop", killed)
        with pytest.raises(KeyboardInterrupt):
            evaluate(tiny_router, log, out, chunk_lines=CHUNK)
    evaluate(tiny_router, log, out, chunk_lines=CHUNK)
    assert contents(out) == unbroken()


def test_another_log_does_not_go_on_with_an_unfinished_run(tiny_router, log, tmp_path, unbroken):
    out = tmp_path / "out"
    stop_after(tiny_router, write(tmp_path / "other.jsonl", start=7), out, 3)
    with pytest.raises(
        LogError, match="an unfinished run is here, with another log; cure: .*--restart"
    ):
        evaluate(tiny_router, log, out, chunk_lines=CHUNK)
    with pytest.raises(LogError, match="with another log and another format"):
        evaluate(tiny_router, log, out, chunk_lines=CHUNK, format="parquet")
    evaluate(tiny_router, log, out, chunk_lines=CHUNK, restart=True)
    assert contents(out) == unbroken()


def test_a_stopped_run_leaves_earlier_results_alone(tiny_router, log, tmp_path, unbroken):
    out = tmp_path / "out"
    evaluate(tiny_router, log, out, chunk_lines=CHUNK)
    stop_after(tiny_router, write(tmp_path / "other.jsonl", start=7), out, 3)
    kept = unbroken()
    assert {name: (out / name).read_bytes() for name in kept} == kept


@contextmanager
def largest_file(size):
    """Let no file grow beyond a size, as a full disk does not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize("size", [3_000, 40_000])  # not one chunk fits; all do, but not the whole
def test_a_full_disk_is_said_and_harms_nothing(tiny_router, log, tmp_path, unbroken, size, form):
    out = tmp_path / "out"
    evaluate(tiny_router, write(tmp_path / "other.jsonl", start=7), out, chunk_lines=CHUNK)
    before = contents(out)
    with (
        largest_file(size),
        pytest.raises(WriteError, match="can't write: File too large; .* are done"),
    ):
        evaluate(tiny_router, log, out, chunk_lines=CHUNK, format=form)
    assert {name: (out / name).read_bytes() for name in before} == before
    evaluate(tiny_router, log, out, chunk_lines=CHUNK, format=form)
    assert contents(out) == unbroken(form)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MB of its own, and how to make it larger."""
    place = tmp_path / "disk"
    place.mkdir()
    if which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)])
    if mounted.returncode:
        pytest.skip("this machine does not let us mount a small disk")

    def grow():
        subprocess.run(["mount", "-o", "remount,size=40m", str(place)], check=True)

    yield place, grow
    subprocess.run(["umount", str(place)], check=True)


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "router.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_on_a_full_disk(tiny, tiny_router, tmp_path, small_disk):
    disk, grow = small_disk
    out = disk / "run"
    evaluate(tiny_router, write(tmp_path / "first.jsonl", count=40), out)
    before = contents(out)
    log = tmp_path / "log.jsonl"
    with log.open("w") as file:  # three chunks; no two of them find room
        for i in range(10_000):
            row = {"id": f"{i}-{sha512(b'%d' % i).hexdigest()}", "text": f"flat tyre {i % 50}"}
            file.write(json.dumps(row) + "\n")
    again = ["evaluate", log, "--out", out, "--pack", tiny, "--no-report"]
    told = command(*again)
    assert told.returncode == 2
    assert "Traceback" not in told.stderr
    assert re.search(
        r"run: can't write: No space left on device; (0|4,096|8,192|10,000) lines are done and kept"
        ", the same command goes on from there, .*; cure: make room there, then try again",
        told.stderr,
    )
    assert {name: (out / name).read_bytes() for name in before} == before
    kept = {path.suffix for path in (out / ".unfinished").iterdir()} - {".json"}
    assert kept <= {".part"}  # no temporary file
    grow()
    assert command(*again).returncode == 0
    evaluate(tiny_router, log, tmp_path / "unbroken")
    assert contents(out) == contents(tmp_path / "unbroken")


def test_a_report_that_finds_no_room_leaves_the_earlier_one(tiny, tmp_path, small_disk):
    disk, grow = small_disk
    out = disk / "run"
    router = Router.load(tiny)
    evaluate(router, write(tmp_path / "log.jsonl", count=40), out)
    write_report(out, router)
    before = contents(out)
    (disk / "ballast").write_bytes(bytes(500_000))
    told = command("report", out, "--pack", tiny)
    assert told.returncode == 2
    assert "Traceback" not in told.stderr
    assert "report.html: can't write: No space left on device; cure: make room" in told.stderr
    assert contents(out) == before
    grow()
    write_report(out, router)
    assert contents(out) == before


def test_a_place_that_is_no_folder_is_said_with_another_cure(tiny_router, log, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cure: name a place that can be written to"):
        evaluate(tiny_router, log, tmp_path / "file" / "out")


def test_one_broken_line_in_a_hundred_is_named_and_none_is_lost(tiny_router, tmp_path):
    kinds = [
        b"{",
        b'{"text": 1}',
        b'{"text": "\xff"}',
        b'{"t": ""}',
        b'{"text": "x", "label": "y"}',
    ]
    lines = [json.dumps(row).encode() for row in rows(1_000)]
    broken = list(range(37, 1_000, 100))
    for place, line in enumerate(broken):
        lines[line - 1] = kinds[place % len(kinds)]
    log = tmp_path / "log.jsonl"
    log.write_bytes(b"\n".join(lines))
    evaluation = evaluate(tiny_router, log, tmp_path / "out", chunk_lines=CHUNK)
    rejected = list(evaluation.rejected())
    assert [one.line for one in rejected] == broken
    assert all(one.reason and one.raw for one in rejected)
    kept = evaluation.table().column("line").to_pylist()
    assert sorted(kept + broken) == list(range(1, 1_001))
    assert (evaluation.metrics.lines.decided, evaluation.metrics.lines.rejected) == (990, 10)


def test_strict_leaves_nothing_behind_that_a_mended_log_would_trip_over(tiny_router, log, tmp_path):
    good = log.read_text()
    log.write_text(good + "broken\n")
    with pytest.raises(LogError, match=r"log.jsonl:401: not JSON"):
        evaluate(tiny_router, log, tmp_path / "out", chunk_lines=CHUNK, strict=True)
    log.write_text(good)
    evaluation = evaluate(tiny_router, log, tmp_path / "out", chunk_lines=CHUNK, strict=True)
    assert evaluation.metrics.lines.read == 400


HOSTILE = [
    'he said "stop",\nbut the brakes did not',
    "a\0b flat tyre",
    "<script>alert(1)</script> & <b>brakes</b>",
    "tyre " * 200_000,  # 1 MB
    "={1+1} my tyre; DROP TABLE",
    "tyre\u2028line separator \ufeff mark inside",
]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize("name", ["log.csv", "log.tsv", "log.jsonl"])
def test_a_hostile_log_comes_through_whole(tiny_router, tmp_path, name, form):
    """A byte-order mark, CRLF, quotes and newlines in fields, 1 MB lines, NUL bytes, HTML."""
    path = tmp_path / name
    mark = "" if name == "log.jsonl" else "text\tlabel" if name == "log.tsv" else "text,label"
    if name == "log.jsonl":
        lines = [json.dumps({"text": text, "label": "fix-tyres"}) for text in HOSTILE]
    else:
        between = mark[4]
        quoted = ['"' + text.replace('"', '""') + '"' for text in HOSTILE]
        lines = [mark, *(f"{text}{between}fix-tyres" for text in quoted)]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*lines, ""]).encode())
    evaluation = evaluate(tiny_router, path, tmp_path / "out", format=form, chunk_lines=2)
    assert evaluation.table().column("text").to_pylist() == HOSTILE
    assert [row.text for row in RunFolder.open(tmp_path / "out").decisions()] == HOSTILE
    told = evaluation.metrics.lines
    assert (told.decided, told.labelled, told.rejected) == (6, 6, 0)


def test_a_broken_line_of_a_megabyte_is_named_by_its_start(tiny_router, tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_bytes(b'{"text": "flat tyre"}\n{"text": "' + b"x" * 1_000_000 + b"\n" * 2)
    evaluation = evaluate(tiny_router, log, tmp_path / "out")
    (rejected,) = evaluation.rejected()
    assert (rejected.line, len(rejected.raw)) == (2, 200)
