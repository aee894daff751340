"""A router in forked, spawned and threaded servers, and in a process that may not use a network."""

import multiprocessing
import os
import pickle
import platform
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from router import Router
from router.encoders.onnx_encoder import OnnxEncoder
from router.encoders.sentence_transformer import SentenceTransformerEncoder
from router.encoders.vector_store import VectorStore
from router.paths import SAMPLE_LOG, cache_folder
from router.threads import ProcessLock

QUERIES = ["quantize our BERT and serve it", "my model is slow", "bake bread", ""] * 4

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def decisions_in_child(code):
    """Run code in a process of its own, and give what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120
    )
    return done.stdout, done.stderr


@needs_fork
def test_a_child_that_is_forked_right_after_the_load_routes():
    code = """
import os
from router import Router
router = Router.load()
for _ in range(2):
    if not os.fork():
        os.write(1, f"{router.route('quantize our BERT').to_dict()['skills']}\\n".encode())
        os._exit(0)
for _ in range(2):
    os.wait()
print(router.route("quantize our BERT").to_dict()["skills"])
"""
    output, errors = decisions_in_child(code)
    first, *others = output.splitlines()
    assert (others, errors) == ([first] * 2, "")


def test_a_load_leaves_no_thread_behind(tiny):
    before = threading.active_count()
    Router.load(tiny)
    assert threading.active_count() == before


@needs_fork
def test_a_lock_that_another_thread_holds_is_free_in_a_forked_child():
    lock, held, done = ProcessLock(), threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            done.wait(60)

    with ThreadPoolExecutor(1) as workers:
        workers.submit(hold)
        held.wait(60)
        child = os.fork()
        if not child:
            with lock:
                os._exit(7)
        done.set()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@needs_fork
def test_a_forked_child_opens_a_vector_store_of_its_own(tmp_path):
    store = VectorStore(tmp_path)
    store.put("key", ["text"], [b"row"])
    child = os.fork()
    if not child:
        store.put("key", ["child"], [b"other"])
        os._exit(0 if store.get("key", ["text"]) == [b"row"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.get("key", ["text", "child"]) == [b"row", b"other"]


def test_threads_decide_as_one_thread_does(router):
    expected = [router.route(query) for query in QUERIES]
    fresh = pickle.loads(pickle.dumps(router))  # all threads wait for one load
    with ThreadPoolExecutor(8) as workers:
        assert list(workers.map(fresh.route, QUERIES)) == expected


def test_a_router_goes_to_a_spawned_process(tiny_router):
    expected = [tiny_router.route(query) for query in QUERIES]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(tiny_router.route, QUERIES) == expected


def test_encoders_are_pickled_as_what_they_were_made_of():
    for encoder in (OnnxEncoder(precision="fp32"), SentenceTransformerEncoder()):
        content = pickle.dumps(encoder)
        assert len(content) < 1_000
        assert pickle.loads(content).key == encoder.key


WITHOUT_NETWORK = """
import ctypes, struct, sys

# seccomp: end the process at socket(AF_INET or AF_INET6, ...).
load, equal, give = 0x20, 0x15, 0x06
number = {"x86_64": 41, "aarch64": 198}[sys.argv[1]]
rules = [(load, 0, 0, 0), (equal, 0, 4, number), (load, 0, 0, 16), (equal, 1, 0, 2),
         (equal, 0, 1, 10), (give, 0, 0, 0x80000000), (give, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rules), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
"""
LOAD_ROUTE_EVALUATE_REPORT = """
from router.cli import app
for command in (["ask", "my model is slow"], ["evaluate", sys.argv[2], "--out", "out"],
                ["report", "out"], ["lint", sys.argv[3]]):
    app(command, standalone_mode=False)
print("all done")
"""


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="sockets are refused by Linux's seccomp",
)
def test_nothing_opens_a_socket_or_writes_elsewhere(tmp_path, tiny):
    folders = {name: tmp_path / name for name in ("home", "temporary", "work")}
    for folder in folders.values():
        folder.mkdir()
    environment = {name: value for name, value in os.environ.items() if name[:4] != "ORT_"}
    environment |= {
        "HOME": str(folders["home"]),
        "TMPDIR": str(folders["temporary"]),
        "ROUTER_CACHE": str(cache_folder()),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    lines = SAMPLE_LOG.read_text(encoding="utf-8").splitlines(keepends=True)[:200]
    log = tmp_path / "log.jsonl"
    log.write_text("".join(lines), encoding="utf-8")

    def run(code):
        arguments = [sys.executable, "-c", code, platform.machine(), str(log), str(tiny)]
        return subprocess.run(
            arguments, cwd=folders["work"], env=environment, capture_output=True, text=True
        )

    refused = run(WITHOUT_NETWORK + "import socket; socket.socket()")
    assert refused.returncode == -31, refused.stderr  # SIGSYS: the rule works
    done = run(WITHOUT_NETWORK + LOAD_ROUTE_EVALUATE_REPORT)
    assert "all done" in done.stdout, (done.returncode, done.stderr)
    assert list(folders["home"].rglob("*")) == []
    assert list(folders["temporary"].rglob("*")) == []
    assert [path.name for path in folders["work"].iterdir()] == ["out"]
