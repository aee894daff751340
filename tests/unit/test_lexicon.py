import math
import sys
from collections import Counter

import numpy as np
import pytest

from router.heads.lexicon import BoundedCache, Lexicon, Terms, word_terms
from router.heads.term_counts import TermCounts, pieces_of
from router.text import words_in

TEXTS = ["red bike", "red car", "the C++ build of llama.cpp", "a bike, a bike and a car"]


def of_documents(texts):
    return Lexicon.of_documents(TermCounts.of(words_in(texts)))


def document_rows(lexicon, texts):
    return lexicon.document_features(TermCounts.of(words_in(texts)))


def test_word_terms_are_words_and_pairs():
    assert word_terms("Serve the Model") == ["serve", "the", "model", "serve the", "the model"]
    assert word_terms("model") == ["model"]
    assert word_terms("") == []


def test_pieces_are_runs_inside_padded_words():
    pieces = TermCounts.of(words_in(["ab c", "!?", "c c"])).pieces
    assert list(pieces.terms) == sorted([" a", "ab", "b ", " ab", "ab ", " ab ", " c", "c ", " c "])
    assert pieces.counts.toarray()[1:].tolist() == [[0] * 9, [2 * ("c" in t) for t in pieces.terms]]


def test_pieces_of_many_words_are_those_of_each():
    words = ("llama.cpp", "banana", "naïve", "技能", "\U0001d7d9", "x")
    pieces = TermCounts.of([words]).pieces
    expected = Counter(piece for word in words for piece in pieces_of(word))
    assert dict(zip(pieces.terms, pieces.counts.toarray()[0].tolist(), strict=True)) == expected
    assert list(pieces.terms) == sorted(expected)


def test_tf_idf_by_hand():
    terms = Terms.fit(TermCounts.of(map(word_terms, ["red bike", "red car"])))
    assert terms.terms == ("bike", "car", "red", "red bike", "red car")
    idf_1, idf_2 = math.log(3 / 2) + 1, math.log(3 / 3) + 1  # in one of two texts, in both
    np.testing.assert_allclose(terms.idf, [idf_1, idf_1, idf_2, idf_1, idf_1])
    lexicon = Lexicon(terms, Terms((), np.empty(0)))
    text = ["bike, bike! Unknown red"]
    for row, counted in ((lexicon.features(text), 1), (document_rows(lexicon, text), 2)):
        bike, red = (1 + math.log(counted)) * idf_1, idf_2
        length = math.hypot(bike, red)
        np.testing.assert_allclose(row.toarray(), [[bike / length, 0, red / length, 0, 0]])


def test_rows_are_two_unit_vectors_side_by_side():
    lexicon = of_documents(TEXTS)
    rows = document_rows(lexicon, TEXTS).toarray()
    n_words = len(lexicon.words.terms)
    assert rows.shape == (4, len(lexicon))
    np.testing.assert_allclose(np.linalg.norm(rows[:, :n_words], axis=1), 1)
    np.testing.assert_allclose(np.linalg.norm(rows[:, n_words:], axis=1), 1)


def test_a_repeated_word_adds_nothing_but_a_piece_in_two_words_counts_twice():
    lexicon = of_documents(["ab ac", "ad"])
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
    lexicon, unknown = Lexicon.fit(TEXTS), ["", "\U0001f680", "zyx"]
    for rows in (lexicon.features(unknown), document_rows(lexicon, unknown)):
        assert not rows.toarray().any()


def test_the_order_of_texts_does_not_matter():
    lexicon, turned = Lexicon.fit(TEXTS), Lexicon.fit(TEXTS[::-1])
    assert lexicon.words.terms == turned.words.terms
    for kind in (Lexicon.features, document_rows):
        rows = [kind(fitted, TEXTS).toarray() for fitted in (lexicon, turned)]
        np.testing.assert_allclose(rows[0], rows[1], atol=1e-12)


def test_the_cache_of_words_never_shows(monkeypatch):
    monkeypatch.setattr("router.heads.lexicon._CACHED_BYTES", 500)
    small = Lexicon.fit(TEXTS)
    rows = [small.features(TEXTS * 2).toarray() for _ in range(2)]
    monkeypatch.undo()
    np.testing.assert_array_equal(rows[0], rows[1])
    expected = Lexicon.fit(TEXTS).features(TEXTS * 2).toarray()
    np.testing.assert_array_equal(rows[0], expected)


def test_hostile_words_fill_a_cache_no_further_than_its_bytes():
    cache = BoundedCache(lambda word: list(word), 1_000_000)
    for number in range(1_000):
        cache[f"{number}" * 1_000]
        kept = sum(sys.getsizeof(key) + sys.getsizeof(value) for key, value in cache.items())
        assert kept < 1_000_000 or len(cache) == 1
    assert cache["ab"] == ["a", "b"]
