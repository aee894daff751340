import threading

import numpy as np
import pytest

from router.encoders.cached import CachedEncoder
from router.encoders.vector_store import VectorStore, row_bytes

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


class TokenEncoder(LetterEncoder):
    """Gives a row for each letter of a text as well."""

    def encode_with_tokens(self, texts):
        units = np.eye(3, dtype=np.float16)
        tokens = [units[[ord(letter) % 3 for letter in text]].reshape(-1, 3) for text in texts]
        return self.encode(texts), tokens


@pytest.fixture
def store(tmp_path):
    store = VectorStore(tmp_path)
    yield store
    store.close()


def test_a_second_start_embeds_nothing(tmp_path):
    texts = ["banana", "", "kiwi", "banana", "half \ud800 a character"]
    encoders = [LetterEncoder(), LetterEncoder()]
    results = []
    for encoder in encoders:
        store = VectorStore(tmp_path)
        results.append(CachedEncoder(encoder, store).encode(texts))
        store.close()
    assert encoders[0].embedded == texts
    assert encoders[1].embedded == []
    np.testing.assert_array_equal(*results)


def test_only_new_texts_are_embedded(store):
    encoder = LetterEncoder()
    cached = CachedEncoder(encoder, store)
    cached.encode(["pear"])
    np.testing.assert_array_equal(cached.encode(["aa", "pear"])[0], A)
    assert encoder.embedded == ["pear", "aa"]
    assert (cached.key, cached.width) == (encoder.key, encoder.width)


def test_rows_of_another_width_are_embedded_again(store):
    store.put("letters:1", ["aa"], [bytes(12)])
    np.testing.assert_array_equal(CachedEncoder(LetterEncoder(), store).encode(["aa"]), [A])


@pytest.mark.parametrize("tokens", [True, False])
def test_tokens_are_stored_only_where_that_is_wanted(tmp_path, tokens):
    texts = ["abc", "", "a", "abc"]
    expected, expected_tokens = TokenEncoder().encode_with_tokens(texts)
    for encoder in (TokenEncoder(), TokenEncoder()):
        store = VectorStore(tmp_path)
        cached = CachedEncoder(encoder, store, tokens=tokens)
        vectors, vectors_of_tokens = cached.encode_with_tokens(texts)
        assert vectors.dtype == np.float32
        np.testing.assert_array_equal(vectors, expected)
        for rows, expected_rows in zip(vectors_of_tokens, expected_tokens, strict=True):
            np.testing.assert_array_equal(rows, expected_rows)
        store.close()
    assert encoder.embedded == ([] if tokens else texts)
    assert cached.encode_with_tokens([])[0].shape == (0, 2)


def test_vectors_tokens_and_computed_rows_do_not_replace_each_other(store):
    texts = ["abc", "aa"]
    expected, expected_tokens = TokenEncoder().encode_with_tokens(texts)
    kinds = {"points": 8.0, "others": 9.0}
    embedded, computed = [], []

    def compute(kind):
        computed.append(kind)
        return np.full((len(texts), 2), kinds[kind], dtype=np.float32)  # as wide as the vectors

    for _ in range(2):
        encoder = TokenEncoder()
        cached = CachedEncoder(encoder, store, tokens=True)
        np.testing.assert_array_equal(cached.encode(texts), expected)
        vectors, tokens = cached.encode_with_tokens(texts)
        np.testing.assert_array_equal(vectors, expected)
        for rows, expected_rows in zip(tokens, expected_tokens, strict=True):
            np.testing.assert_array_equal(rows, expected_rows)
        for kind, value in kinds.items():
            rows = cached.get_or_compute(kind, texts, 2, lambda _, kind=kind: compute(kind))
            assert rows.tolist() == [[value, value]] * 2
        embedded.append(encoder.embedded)
    assert embedded == [texts * 2, []]  # once for the vectors, once with the tokens, never again
    assert computed == ["points", "others"]


def test_only_missing_rows_are_computed(store):
    cached = CachedEncoder(LetterEncoder(), store)
    lengths = np.array([[1.0], [2.0], [3.0]], dtype=np.float32)
    cached.get_or_compute("length", ["aa"], 1, lambda missing: lengths[[1]])
    rows = cached.get_or_compute("length", ["a", "aa", "aaa"], 1, lambda missing: lengths[missing])
    np.testing.assert_array_equal(rows, lengths)


def test_an_encoder_without_tokens_embeds_once_too(store):
    encoder = LetterEncoder()
    cached = CachedEncoder(encoder, store, tokens=True)
    for _ in range(2):
        vectors, tokens = cached.encode_with_tokens(["aa"])
        np.testing.assert_array_equal(vectors, [A])
        assert tokens is None
    assert encoder.embedded == ["aa"]


def test_the_beginning_of_a_log_that_is_too_long_is_kept(store):
    texts = [f"{'a' * number}b" for number in range(6)]
    for _ in range(2):
        encoder = LetterEncoder()
        cached = CachedEncoder(encoder, store, max_bytes=4 * row_bytes(8))
        for start in (0, 3):
            cached.encode(texts[start : start + 3])
    assert encoder.embedded == texts[4:]
    rows = store.get(encoder.key, texts)
    assert [row is not None for row in rows] == [True] * 4 + [False] * 2


def test_the_beginning_of_a_long_log_is_kept_with_its_tokens(store):
    texts = ["a" * number for number in range(1, 7)]
    max_bytes = sum(row_bytes(4 + 8 + 6 * number) for number in (1, 2, 3, 4))
    for _ in range(2):
        encoder = TokenEncoder()
        cached = CachedEncoder(encoder, store, max_bytes, tokens=True)
        for start in (0, 3):
            cached.encode_with_tokens(texts[start : start + 3])
    assert encoder.embedded == texts[4:]


def test_where_nothing_can_be_written_it_still_encodes(tmp_path, caplog):
    (tmp_path / "file").write_text("not a folder")
    store = VectorStore(tmp_path / "file" / "cache")
    encoder = LetterEncoder()
    for _ in range(2):
        np.testing.assert_array_equal(CachedEncoder(encoder, store).encode(["aa"]), [A])
    assert encoder.embedded == ["aa", "aa"]
    assert "no vectors are kept" in caplog.text


def test_threads_share_a_store_and_two_stores_share_a_file(tmp_path):
    stores = [VectorStore(tmp_path), VectorStore(tmp_path)]
    texts = [f"{'a' * (number % 7)} {number}" for number in range(400)]
    alone = LetterEncoder().encode(texts)
    results = [None] * 6

    def work(number):
        cached = CachedEncoder(LetterEncoder(), stores[number % 2])
        parts = [cached.encode(texts[start : start + 50]) for start in range(0, 400, 50)]
        results[number] = np.concatenate(parts)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        np.testing.assert_array_equal(result, alone)
    assert None not in stores[0].get("letters:1", texts)
    for store in stores:
        store.close()
