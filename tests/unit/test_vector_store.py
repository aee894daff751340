import sqlite3
import subprocess
import sys
import threading

import numpy as np
import pytest

from router.encoders import vector_store
from router.encoders.vector_store import VectorStore, row_bytes

A, B = b"a" * 8, b"b" * 8


@pytest.fixture
def store(tmp_path):
    store = VectorStore(tmp_path)
    yield store
    store.close()


def test_rows_are_given_in_the_order_of_the_texts(store):
    store.put("model:1", ["a", "b"], [A, B])
    assert store.get("model:1", ["b", "c", "a", "b"]) == [B, None, A, B]


def test_two_keys_do_not_mix(store):
    store.put("model:1", ["a"], [A])
    assert store.get("model:2", ["a"]) == [None]


def test_a_second_start_finds_the_rows(tmp_path):
    text = "half \ud800 a character"
    for expected in (None, A):
        store = VectorStore(tmp_path)
        assert store.get("model:1", [text]) == [expected]
        store.put("model:1", [text], [A])
        store.close()


@pytest.mark.parametrize(
    ("width", "max_bytes"),
    [
        (384, 1_000_000),
        *((width, 4_000_000) for width in (768, 1_024, 1_030, 2_040, 2_100, 6_000)),
    ],
)
def test_no_row_takes_more_than_its_bound(tmp_path, width, max_bytes):
    store = VectorStore(tmp_path, max_bytes)
    count = store.max_bytes // row_bytes(4 * width)
    texts = [str(number) for number in range(count)]
    for start in range(0, count, 50):
        part = texts[start : start + 50]
        store.put("model:1", part, [bytes(4 * width)] * len(part))
    assert None not in store.get("model:1", texts)
    store.close()


@pytest.mark.parametrize("damage", [b"no database at all", b"SQLite format 3\0" + b"\xff" * 9000])
def test_a_damaged_file_is_replaced(tmp_path, damage):
    store = VectorStore(tmp_path)
    store.put("model:1", ["a"], [A])
    store.close()
    store.path.write_bytes(damage)
    assert store.get("model:1", ["a"]) == [None]
    store.put("model:1", ["a"], [A])
    assert store.get("model:1", ["a"]) == [A]
    store.close()


def test_a_locked_file_is_left_alone(tmp_path, monkeypatch, caplog):
    first = VectorStore(tmp_path)
    first.put("model:1", ["a"], [A])
    first.close()
    monkeypatch.setattr(vector_store, "_PATIENCE", 0.01)
    other = sqlite3.connect(first.path)
    other.execute("BEGIN EXCLUSIVE")
    locked = VectorStore(tmp_path)
    locked.put("model:1", ["b"], [B])
    other.rollback()
    other.close()
    assert "no vectors are kept, the file can't be used: database is locked" in caplog.text
    assert locked.get("model:1", ["a", "b"]) == [None, None]  # it has given up for good
    assert first.get("model:1", ["a", "b"]) == [A, None]
    first.close()


def test_a_file_on_a_full_disk_is_left_alone(tmp_path, monkeypatch, caplog):
    first = VectorStore(tmp_path)
    first.put("model:1", ["a"], [A])
    first.close()
    connect = vector_store._connect

    def with_few_pages(path):
        connection = connect(path)
        connection.execute("PRAGMA max_page_count = 4")
        return connection

    monkeypatch.setattr(vector_store, "_connect", with_few_pages)
    full = VectorStore(tmp_path)
    full.put("model:1", ["b"], [bytes(100_000)])
    full.close()
    assert "no vectors are kept, the file can't be used: database or disk is full" in caplog.text
    assert first.get("model:1", ["a", "b"]) == [A, None]
    first.close()


def test_a_damaged_row_counts_as_absent(store):
    store.put("model:1", ["a", "b"], [A, B])
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE vectors SET vector = ? WHERE vector = ?", (b"\1" * 8, A))
    connection.close()
    assert store.get("model:1", ["a", "b"]) == [None, B]


def test_the_oldest_rows_are_deleted_to_make_room(tmp_path):
    store = VectorStore(tmp_path, max_bytes=1_000_000)
    texts = [str(number) for number in range(2_000)]
    for start in range(0, 2_000, 100):
        store.put("model:1", texts[start : start + 100], [bytes(4 * 384)] * 100)
    is_kept = [row is not None for row in store.get("model:1", texts)]
    assert 300 <= sum(is_kept) <= 650  # a row takes some 1,600 bytes
    assert all(is_kept[-100:])
    assert not any(is_kept[:1000])
    store.close()
    assert store.path.stat().st_size < 1_400_000


def test_stores_that_create_a_file_at_once_wait_for_one_another(tmp_path):
    for round_ in range(40):  # without waiting, one in twelve fails
        stores = [VectorStore(tmp_path / str(round_)) for _ in range(4)]
        together = threading.Barrier(len(stores))

        def work(store, number, together=together):
            together.wait()
            store.put("model:1", [str(number)], [A])

        threads = [
            threading.Thread(target=work, args=(store, number))
            for number, store in enumerate(stores)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        texts = [str(number) for number in range(len(stores))]
        assert stores[0].get("model:1", texts) == [A] * len(stores)
        for store in stores:
            store.close()


SHARED = """
import sys
import numpy as np
from router.encoders.vector_store import VectorStore
folder, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
store = VectorStore(folder, max_bytes=1 << 20)
wrong = 0
for start in range(first, last, 50):
    texts = [f"text {i}" for i in range(start, start + 50)]
    rows = [np.int64(i).tobytes() for i in range(start, start + 50)]
    stored = store.get("model:1", texts)
    wrong += sum(row not in (None, expected) for row, expected in zip(stored, rows))
    store.put("model:1", texts, rows)
store.close()
print(wrong)
"""


def test_processes_share_a_file_and_none_waits_in_vain_or_reads_what_is_wrong(tmp_path):
    parts = [(0, 2_000), (1_000, 3_000), (0, 3_000)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SHARED, str(tmp_path), *map(str, part)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for part in parts
    ]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert outputs == [("0\n", "")] * len(parts)
    store = VectorStore(tmp_path)
    rows = store.get("model:1", [f"text {i}" for i in range(3_000)])
    store.close()
    assert rows == [np.int64(i).tobytes() for i in range(3_000)]


def test_max_bytes_says_what_must_hold(tmp_path):
    with pytest.raises(ValueError, match="at least 1, was: 0"):
        VectorStore(tmp_path, max_bytes=0)
