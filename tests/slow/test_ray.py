"""The engine ray against the local one, on a Ray of this machine with two small workers."""

import json
import os
import signal
import sys
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="the engine ray needs Ray: pip install '.[ray]'")

from conftest import shared_encoder  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from router.cli import app  # noqa: E402
from router.encoders.default import default_encoder  # noqa: E402
from router.engines.ray import evaluate_on_ray  # noqa: E402
from router.errors import LogError, RouterError  # noqa: E402
from router.evaluation.decisions_file import RunFolder  # noqa: E402
from router.evaluation.run import evaluate  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")  # Ray's own

LINES = [
    {"text": "my brakes squeal when it rains", "label": "fix-brakes"},
    {"text": "a nail in my tyre", "label": "fix-tyres", "time": "2026-09-01T08:00:00Z"},
    {"text": "when does the night bus leave", "label": "bus-lines", "id": "own"},
    {"text": "bike trouble", "label": "repair-or-buy"},
    {"text": "bake some bread", "label": "none"},
    {"text": "I want to buy a city bike", "label": "fix-brakes"},
]


class Faulty:
    """The encoder, until it meets a word: then it fails, or its process is killed, once."""

    def __init__(self, word, flag=None):
        self.encoder, self.word, self.flag = default_encoder(), word, flag
        self.key, self.width = self.encoder.key, self.encoder.width

    def encode(self, texts):
        if any(self.word in text for text in texts):
            if self.flag is None:
                raise ValueError("the encoder broke")
            if not self.flag.exists():
                self.flag.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return self.encoder.encode(texts)


@pytest.fixture(scope="module", autouse=True)
def cluster():
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # report nothing to anybody
    here = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=80_000_000,
            runtime_env={"env_vars": {"PYTHONPATH": here, "OMP_NUM_THREADS": "1"}},
        )
    yield
    ray.shutdown()


@pytest.fixture
def log(tmp_path):
    """Two files: 60 lines of JSON, 2 of them broken and 1 blank, and 12 rows of CSV."""
    folder = tmp_path / "log"
    folder.mkdir()
    rows = [json.dumps({**LINES[i % 6], "text": f"{LINES[i % 6]['text']} {i}"}) for i in range(58)]
    rows[7:7] = ["{broken"]
    rows[30:30] = ["", '["no object"]']
    (folder / "a.jsonl").write_text("\n".join(rows) + "\n")
    cells = [f"{line['text']},{line['label']}" for line in LINES * 2]
    (folder / "b.csv").write_text("\n".join(["text,label", *cells, "only one cell"]) + "\n")
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_result_is_that_of_the_local_engine(tiny_router, log, tmp_path):
    local = evaluate(tiny_router, log, tmp_path / "local", format="parquet", chunk_lines=10)
    spread = evaluate_on_ray(tiny_router, log, tmp_path / "ray", workers=2, chunk_lines=10)
    assert contents(spread.folder) == contents(local.folder)
    assert spread.counts == local.counts
    assert spread.metrics.lines.read == 73


def test_a_run_that_was_stopped_goes_on(tiny_router, log, tmp_path):
    def stop(done):
        if done.lines == 40:
            raise KeyboardInterrupt

    whole, out = tmp_path / "whole", tmp_path / "out"
    evaluate_on_ray(tiny_router, log, whole, workers=1, chunk_lines=10)
    with pytest.raises(KeyboardInterrupt):
        evaluate_on_ray(tiny_router, log, out, workers=1, chunk_lines=10, progress=stop)
    evaluate_on_ray(tiny_router, log, out, workers=1, chunk_lines=10)
    assert contents(out) == contents(whole)


def test_the_command_gives_the_same_figures_and_gates_on_them(tiny_router, log, tmp_path):
    """With the shipped pack's router, in its place a small one: what the command does with it."""
    told_by = {}
    for name in ("local", "ray"):
        out = tmp_path / name
        options = ["--format", "parquet"] if name == "local" else ["--workers", "2"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("router.commands.evaluate.load_router", lambda *_: tiny_router)
            command = ["evaluate", str(log), "--out", str(out), "--engine", name, *options]
            told_by[name] = CliRunner().invoke(app, [*command, "--fail-under", "accepted=1.0"])
    figures = [
        {**json.loads((tmp_path / name / "metrics.json").read_bytes())["intervals"]}
        for name in told_by
    ]
    assert figures[0] == figures[1]
    assert [one.exit_code for one in told_by.values()] == [1, 1]
    assert all("accepted must be at least 1, was" in one.stderr for one in told_by.values())
    assert len({one.stdout.split("Everything is in")[0] for one in told_by.values()}) == 1
    assert (tmp_path / "ray" / "report.html").stat().st_size > 100_000
    assert len(list(RunFolder.open(tmp_path / "ray").decisions())) == 70


def test_a_folder_may_be_named_by_its_uri(tiny_router, log, tmp_path):
    uris = [(tmp_path / name).as_uri() for name in ("log", "out")]
    spread = evaluate_on_ray(tiny_router, *uris, workers=1)
    assert spread.folder == tmp_path / "out"
    assert [one.line for one in spread.rejected()] == [8, 32, 75]


def test_a_second_run_leaves_nothing_of_the_first(tiny_router, log, tmp_path):
    out = tmp_path / "ray"
    evaluate_on_ray(tiny_router, log, out, workers=1, chunk_lines=5)
    again = evaluate_on_ray(tiny_router, log / "b.csv", out, workers=1, chunk_lines=50)
    assert again.table().num_rows == 12
    assert [one.line for one in again.rejected()] == [14]


def test_a_worker_killed_midway_changes_nothing(tiny_router, log, tmp_path):
    flag = tmp_path / "killed"
    plain = evaluate_on_ray(tiny_router, log, tmp_path / "plain", workers=2, chunk_lines=10)
    killed = evaluate_on_ray(
        tiny_router,
        log,
        tmp_path / "killed-run",
        workers=2,
        chunk_lines=10,
        encoder=partial(Faulty, "brakes squeal when it rains 36", flag),
    )
    assert flag.exists()
    assert contents(killed.folder) == contents(plain.folder)


def test_an_error_in_a_row_names_the_row(tiny_router, log, tmp_path):
    broken = partial(Faulty, "squeal when it rains 36")
    with pytest.raises(
        RouterError, match=r"line 40: can't be decided: the encoder broke.*rains 36"
    ):
        evaluate_on_ray(
            tiny_router, log, tmp_path / "out", workers=1, chunk_lines=10, encoder=broken
        )
    assert not (tmp_path / "out" / "metrics.json").exists()


def test_a_strict_run_stops_at_the_line_that_cannot_be_read(tiny_router, log, tmp_path):
    with pytest.raises(LogError, match=r"a\.jsonl:8: not JSON"):
        evaluate_on_ray(tiny_router, log, tmp_path / "out", workers=1, strict=True)


@dataclass
class Other:
    """An encoder that the router was not fitted with."""

    key: str = "other"


def test_workers_with_another_encoder_are_refused(tiny_router, log, tmp_path):
    assert shared_encoder().key == tiny_router.encoder.key
    with pytest.raises(RouterError, match="a worker has other; cure: encoder=partial"):
        evaluate_on_ray(tiny_router, log, tmp_path / "out", workers=1, encoder=Other)


def test_a_log_that_is_not_there_is_named(tiny_router, tmp_path):
    with pytest.raises(LogError, match="nowhere: no such file"):
        evaluate_on_ray(tiny_router, tmp_path / "nowhere", tmp_path / "out")


def test_turns_of_conversations_are_decided_as_by_the_local_engine(tiny_router, tmp_path):
    def stop(done):
        if done.lines >= 6:
            raise KeyboardInterrupt

    said = ["my brakes squeal when it rains", "and the rear one too?", "thanks, bye"]
    rows = [
        {"messages": [{"role": "user", "content": text} for text in said[: 1 + i % 3]]}
        for i in range(9)
    ]
    log = tmp_path / "chats.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {"turns": "all", "chunk_lines": 2}
    local = evaluate(tiny_router, log, tmp_path / "local", format="parquet", **settings)
    spread = evaluate_on_ray(tiny_router, log, tmp_path / "ray", workers=2, **settings)
    out = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        evaluate_on_ray(tiny_router, log, out, workers=1, progress=stop, **settings)
    evaluate_on_ray(tiny_router, log, out, workers=1, **settings)
    assert contents(spread.folder) == contents(local.folder) == contents(out)
    assert [at.turns for at in spread.turns.positions] == [9, 6, 3]
