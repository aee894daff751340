import sqlite3
import subprocess
import sys
import threading

import numpy as np
import pytest

from router.encoders.cache import CachedEncoder, VectorCache, taken_by
from router.paths import cache_folder

A, B = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)


class LetterEncoder:
    """Counts what it embeds: the share of the letter a, and of all others, as a unit row."""

    key = "letters:1"
    width = 2

    def __init__(self):
        self.embedded = []

    def encode(self, texts):
        self.embedded.extend(texts)
        counts = [[text.count("a"), len(text) - text.count("a")] for text in texts]
        rows = np.array(counts, dtype=np.float32).reshape(-1, 2)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


@pytest.fixture
def cache(tmp_path):
    cache = VectorCache(tmp_path)
    yield cache
    cache.close()


def test_what_was_put_is_found_and_nothing_else(cache):
    cache.put("model:1", ["a", "b"], np.stack([A, B]))
    vectors, found = cache.get("model:1", ["b", "c", "a", "b"], width=2)
    assert found.tolist() == [True, False, True, True]
    np.testing.assert_array_equal(vectors, [B, [0, 0], A, B])


def test_two_encoders_do_not_mix(cache):
    cache.put("model:1", ["a"], A[None])
    assert not cache.get("model:2", ["a"], width=2)[1].any()
    assert not cache.get("model:1", ["a"], width=3)[1].any()


def test_a_second_start_embeds_nothing(tmp_path):
    texts = ["banana", "", "kiwi", "banana", "half \ud800 a character"]
    encoders = [LetterEncoder(), LetterEncoder()]
    results = []
    for encoder in encoders:
        cache = VectorCache(tmp_path)
        results.append(CachedEncoder(encoder, cache).encode(texts))
        cache.close()
    assert encoders[0].embedded == texts
    assert encoders[1].embedded == []
    np.testing.assert_array_equal(*results)


def test_only_new_texts_are_embedded(cache):
    encoder = LetterEncoder()
    cached = CachedEncoder(encoder, cache)
    cached.encode(["pear"])
    np.testing.assert_array_equal(cached.encode(["aa", "pear"])[0], A)
    assert encoder.embedded == ["pear", "aa"]
    assert (cached.key, cached.width) == (encoder.key, encoder.width)


class TokenEncoder(LetterEncoder):
    """Gives a row for each letter of a text as well."""

    def encode_with_tokens(self, texts):
        units = np.eye(3, dtype=np.float16)
        tokens = [units[[ord(letter) % 3 for letter in text]].reshape(-1, 3) for text in texts]
        return self.encode(texts), tokens


def test_tokens_are_kept_where_that_is_wanted(tmp_path):
    texts = ["abc", "", "a", "abc"]
    expected, parts = TokenEncoder().encode_with_tokens(texts)
    for wanted, embedded in ((True, []), (False, texts)):
        for encoder in (TokenEncoder(), TokenEncoder()):
            cache = VectorCache(tmp_path / str(wanted))
            cached = CachedEncoder(encoder, cache, tokens=wanted)
            vectors, tokens = cached.encode_with_tokens(texts)
            assert vectors.dtype == np.float32
            np.testing.assert_array_equal(vectors, expected)
            assert [part.tolist() for part in tokens] == [part.tolist() for part in parts]
            cache.close()
        assert encoder.embedded == embedded
    assert cached.encode_with_tokens([])[0].shape == (0, 2)


def test_of_tokens_too_the_beginning_of_a_long_log_is_kept(cache):
    texts = ["a" * number for number in range(1, 7)]
    most = sum(taken_by(4 + 8 + 6 * number) for number in (1, 2, 3, 4))
    for _ in range(2):
        encoder = TokenEncoder()
        cached = CachedEncoder(encoder, cache, most=most, tokens=True)
        for start in (0, 3):
            cached.encode_with_tokens(texts[start : start + 3])
    assert encoder.embedded == texts[4:]


def test_an_encoder_without_tokens_embeds_once_too(cache):
    encoder = LetterEncoder()
    cached = CachedEncoder(encoder, cache, tokens=True)
    for _ in range(2):
        vectors, tokens = cached.encode_with_tokens(["aa"])
        np.testing.assert_array_equal(vectors, [A])
        assert tokens is None
    assert encoder.embedded == ["aa"]


def test_of_what_is_too_long_the_beginning_is_kept(cache):
    texts = [f"{'a' * number}b" for number in range(6)]
    for _ in range(2):
        encoder = LetterEncoder()
        cached = CachedEncoder(encoder, cache, most=4 * taken_by(8))
        for start in (0, 3):
            cached.encode(texts[start : start + 3])
    assert encoder.embedded == texts[4:]
    assert cache.get(encoder.key, texts, width=2)[1].tolist() == [True] * 4 + [False] * 2


@pytest.mark.parametrize(
    ("width", "max_bytes"),
    [(384, 1_000_000), *((one, 4_000_000) for one in (768, 1_024, 1_030, 2_040, 2_100, 6_000))],
)
def test_no_row_takes_more_than_is_said(tmp_path, width, max_bytes):
    cache = VectorCache(tmp_path, max_bytes)
    count = cache.max_bytes // taken_by(4 * width)
    texts = [str(number) for number in range(count)]
    rows = np.random.default_rng(0).standard_normal((count, width), dtype=np.float32)
    for start in range(0, count, 50):
        cache.put("model:1", texts[start : start + 50], rows[start : start + 50])
    assert cache.get("model:1", texts, width=width)[1].all()
    cache.close()


@pytest.mark.parametrize("damage", [b"no database at all", b"SQLite format 3\0" + b"\xff" * 9000])
def test_a_damaged_file_is_started_afresh(tmp_path, damage):
    cache = VectorCache(tmp_path)
    cache.put("model:1", ["a"], A[None])
    cache.close()
    cache.path.write_bytes(damage)
    assert not cache.get("model:1", ["a"], width=2)[1].any()
    cache.put("model:1", ["a"], A[None])
    assert cache.get("model:1", ["a"], width=2)[1].all()
    cache.close()


def test_a_damaged_vector_counts_as_absent(cache):
    cache.put("model:1", ["a", "b"], np.stack([A, B]))
    cache.close()
    with sqlite3.connect(cache.path) as connection:
        connection.execute(
            "UPDATE vectors SET vector = ? WHERE vector = ?", (b"\1" * 8, A.tobytes())
        )
    connection.close()
    assert cache.get("model:1", ["a", "b"], width=2)[1].tolist() == [False, True]


def test_the_oldest_make_room(tmp_path):
    cache = VectorCache(tmp_path, max_bytes=1_000_000)
    rows = np.random.default_rng(0).standard_normal((2_000, 384), dtype=np.float32)
    texts = [str(number) for number in range(2_000)]
    for start in range(0, 2_000, 100):
        cache.put("model:1", texts[start : start + 100], rows[start : start + 100])
    found = cache.get("model:1", texts, width=384)[1]
    assert 300 <= found.sum() <= 650  # a vector takes some 1,600 bytes
    assert found[-100:].all()
    assert not found[:1000].any()
    cache.close()
    assert cache.path.stat().st_size < 1_400_000


def test_where_nothing_can_be_written_it_still_encodes(tmp_path, caplog):
    (tmp_path / "file").write_text("not a folder")
    cache = VectorCache(tmp_path / "file" / "cache")
    encoder = LetterEncoder()
    for _ in range(2):
        np.testing.assert_array_equal(CachedEncoder(encoder, cache).encode(["aa"]), [A])
    assert encoder.embedded == ["aa", "aa"]
    assert "no vectors are kept" in caplog.text


def test_threads_share_a_cache_and_two_caches_share_a_file(tmp_path):
    caches = [VectorCache(tmp_path), VectorCache(tmp_path)]
    texts = [f"{'a' * (number % 7)} {number}" for number in range(400)]
    alone = LetterEncoder().encode(texts)
    results = [None] * 6

    def work(number):
        cached = CachedEncoder(LetterEncoder(), caches[number % 2])
        parts = [cached.encode(texts[start : start + 50]) for start in range(0, 400, 50)]
        results[number] = np.concatenate(parts)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        np.testing.assert_array_equal(result, alone)
    assert caches[0].get("letters:1", texts, width=2)[1].all()
    for cache in caches:
        cache.close()


def test_caches_that_start_a_file_at_once_wait_for_one_another(tmp_path):
    for round_ in range(40):  # without waiting, one in twelve fails
        caches = [VectorCache(tmp_path / str(round_)) for _ in range(4)]
        together = threading.Barrier(len(caches))

        def work(cache, number, together=together):
            together.wait()
            cache.put("letters:1", [str(number)], A[None])

        threads = [threading.Thread(target=work, args=(c, n)) for n, c in enumerate(caches)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        names = [str(number) for number in range(len(caches))]
        assert caches[0].get("letters:1", names, width=2)[1].all()
        for cache in caches:
            cache.close()


SHARED = """
import sys
import numpy as np
from router.encoders.cache import VectorCache
folder, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
cache = VectorCache(folder, max_bytes=1 << 20)
wrong = 0
for start in range(first, last, 50):
    texts = [f"text {i}" for i in range(start, start + 50)]
    vectors = np.array([[i, -i] for i in range(start, start + 50)], dtype=np.float32)
    known, found = cache.get("model:1", texts, width=2)
    wrong += int((known[found] != vectors[found]).sum())
    cache.put("model:1", texts, vectors)
cache.close()
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
    told = [process.communicate(timeout=120) for process in processes]
    assert told == [("0\n", "")] * len(parts)
    cache = VectorCache(tmp_path)
    vectors, found = cache.get("model:1", [f"text {i}" for i in range(3_000)], width=2)
    cache.close()
    assert found.all()
    np.testing.assert_array_equal(vectors[:, 0], np.arange(3_000))


def test_max_bytes_says_what_must_hold(tmp_path):
    with pytest.raises(ValueError, match="at least 1, was: 0"):
        VectorCache(tmp_path, max_bytes=0)


def test_the_folder_is_the_chosen_one_else_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("ROUTER_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "shared"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("ROUTER_CACHE")
    assert cache_folder() == tmp_path / "shared" / "router"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "router"
