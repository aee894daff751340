import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.heads.lexicon import Lexicon, WordVotes
from router.text import words_in

TEXTS = ["red bike", "red car", "the C++ build of llama.cpp", "a bike, a bike and a car"]
QUICK = settings(max_examples=200, derandomize=True, deadline=None)


def votes_of(lexicon, width=3):
    generator = np.random.default_rng(3)
    return generator.normal(size=(len(lexicon), width)).astype(np.float32)


@pytest.fixture
def lexicon():
    return Lexicon.fit(TEXTS)


@QUICK
@given(st.lists(st.sampled_from(TEXTS) | st.text(max_size=40), max_size=5))
def test_votes_are_features_times_votes_and_a_batch_is_its_texts(texts):
    lexicon = Lexicon.fit(TEXTS)
    term_votes = votes_of(lexicon)
    word_votes = WordVotes(lexicon, term_votes)
    votes = word_votes.of(words_in(texts))
    assert votes.shape == (len(texts), 3)
    np.testing.assert_allclose(votes, lexicon.features(texts) @ term_votes, atol=1e-6)
    for row, words in zip(votes, words_in(texts), strict=True):
        np.testing.assert_array_equal(word_votes.of([words])[0], row)


def test_many_texts_are_added_up_in_parts(lexicon, monkeypatch):
    texts = [*TEXTS, "zzz", "", TEXTS[0]] * 3
    whole = WordVotes(lexicon, votes_of(lexicon)).of(words_in(texts))
    monkeypatch.setattr("router.heads.lexicon._VOTES_BATCH", 4)
    parts = WordVotes(lexicon, votes_of(lexicon)).of(words_in(texts))
    np.testing.assert_array_equal(parts, whole)


def test_the_cache_never_shows(lexicon, monkeypatch):
    words = words_in(TEXTS * 2)
    expected = WordVotes(lexicon, votes_of(lexicon)).of(words)
    monkeypatch.setattr("router.heads.lexicon._CACHED_BYTES", 600)  # two words
    small = WordVotes(lexicon, votes_of(lexicon))
    for _ in range(2):
        np.testing.assert_array_equal(small.of(words), expected)


def test_it_is_pickled_without_its_cache(lexicon):
    votes = WordVotes(lexicon, votes_of(lexicon))
    before = len(pickle.dumps(votes))
    expected = votes.of(words_in(TEXTS))
    again = pickle.dumps(votes)
    np.testing.assert_array_equal(pickle.loads(again).of(words_in(TEXTS)), expected)
    assert len(again) < before + 20_000  # the lexicon keeps what it looks terms up in


@pytest.mark.parametrize("texts", [[], ["unknown"], ["\0", ""]])
def test_without_a_known_word_the_votes_are_zero(texts):
    lexicon = Lexicon.fit(["only"], pieces=False)
    votes = WordVotes(lexicon, votes_of(lexicon)).of(words_in(texts))
    np.testing.assert_array_equal(votes, np.zeros((len(texts), 3)))
