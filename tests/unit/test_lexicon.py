import math
import sys

import numpy as np
import pytest

from router.heads.lexicon import BoundedCache, Lexicon, Terms, char_terms, word_terms

TEXTS = ["red bike", "red car", "the C++ build of llama.cpp", "a bike, a bike and a car"]


def test_word_terms_are_words_and_pairs():
    assert word_terms("Serve the Model") == ["serve", "the", "model", "serve the", "the model"]
    assert word_terms("model") == ["model"]
    assert word_terms("") == []


def test_char_terms_are_runs_inside_padded_words():
    assert sorted(char_terms("ab c")) == sorted(
        [" a", "ab", "b ", " ab", "ab ", " ab ", " c", "c ", " c "]
    )
    assert list(char_terms("!?")) == []


def test_tf_idf_by_hand():
    terms = Terms.fit(["red bike", "red car"], word_terms)
    assert terms.terms == ("bike", "car", "red", "red bike", "red car")
    idf_1, idf_2 = math.log(3 / 2) + 1, math.log(3 / 3) + 1  # in one of two texts, in both
    np.testing.assert_allclose(terms.idf, [idf_1, idf_1, idf_2, idf_1, idf_1])
    lexicon = Lexicon(terms, Terms((), np.empty(0)))
    text = ["bike, bike! Unknown red"]
    for row, counted in ((lexicon.features(text), 1), (lexicon.document_features(text), 2)):
        bike, red = (1 + math.log(counted)) * idf_1, idf_2
        length = math.hypot(bike, red)
        np.testing.assert_allclose(row.toarray(), [[bike / length, 0, red / length, 0, 0]])


def test_rows_are_two_unit_vectors_side_by_side():
    lexicon = Lexicon.fit(TEXTS)
    rows = lexicon.document_features(TEXTS).toarray()
    n_words = len(lexicon.words.terms)
    assert rows.shape == (4, len(lexicon))
    np.testing.assert_allclose(np.linalg.norm(rows[:, :n_words], axis=1), 1)
    np.testing.assert_allclose(np.linalg.norm(rows[:, n_words:], axis=1), 1)


def test_a_repeated_word_adds_nothing_but_a_piece_in_two_words_counts_twice():
    lexicon = Lexicon.fit(["ab ac", "ad"], pairs=False)
    plain, repeated = lexicon.features(["ab ac", "ac ab ab ac"]).toarray()
    np.testing.assert_allclose(plain, repeated)
    column = {term: i for i, term in enumerate([*lexicon.words.terms, *lexicon.chars.terms])}
    before = column[" a"] - lexicon.chars.terms.index(" a")
    ab = [column[term] for term in (" a", "ab", "b ", " ab", "ab ", " ab ")]
    ac = [column[term] for term in (" a", "ac", "c ", " ac", "ac ", " ac ")]
    idf = lexicon.idf[[*ab, *ac]]
    expected = np.zeros(len(lexicon))
    np.add.at(expected, [*ab, *ac], idf / np.linalg.norm(idf))
    np.testing.assert_allclose(plain[before:], expected[before:])
    weight = lexicon.idf[column[" a"]] / np.linalg.norm(idf)
    assert plain[column[" a"]] == pytest.approx(2 * weight)


def test_unknown_words_give_a_zero_row():
    lexicon = Lexicon.fit(TEXTS)
    for features in (lexicon.features, lexicon.document_features):
        assert not features(["", "\U0001f680", "zyx"]).toarray().any()


def test_the_order_of_texts_does_not_matter():
    lexicon, turned = Lexicon.fit(TEXTS), Lexicon.fit(TEXTS[::-1])
    assert lexicon.words.terms == turned.words.terms
    for kind in ("features", "document_features"):
        rows = [getattr(fitted, kind)(TEXTS).toarray() for fitted in (lexicon, turned)]
        np.testing.assert_allclose(rows[0], rows[1], atol=1e-12)


def test_the_cache_of_words_never_shows(monkeypatch):
    monkeypatch.setattr("router.heads.lexicon._CACHED_BYTES", 500)
    small = Lexicon.fit(TEXTS)
    rows = [small.document_features(TEXTS * 2).toarray() for _ in range(2)]
    monkeypatch.undo()
    np.testing.assert_array_equal(rows[0], rows[1])
    expected = Lexicon.fit(TEXTS).document_features(TEXTS * 2).toarray()
    np.testing.assert_array_equal(rows[0], expected)


def test_hostile_words_fill_a_cache_no_further_than_its_bytes():
    cache = BoundedCache(lambda word: list(word), 1_000_000)
    for number in range(1_000):
        cache[f"{number}" * 1_000]
        kept = sum(sys.getsizeof(key) + sys.getsizeof(value) for key, value in cache.items())
        assert kept < 1_000_000 or len(cache) == 1
    assert cache["ab"] == ["a", "b"]
