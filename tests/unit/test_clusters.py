import numpy as np
import pytest
from lines import decided

from router.evaluation.clusters import clusters_of
from router.evaluation.gaps import is_unfit
from router.evaluation.keywords import keywords_of
from router.evaluation.sampling import DistinctSample


def test_a_sample_of_a_stream_counts_exactly_and_ignores_order():
    stream = [f"text {i % 50}" for i in range(500)] + ["text 3"] * 7
    forwards, backwards = DistinctSample(10), DistinctSample(10)
    for text in stream:
        forwards.add(text, None)
    for text in reversed(stream):
        backwards.add(text, None)
    kept = {text: count for text, _, count in forwards.items()}
    assert kept == {text: stream.count(text) for text in kept}
    assert len(kept) == 10
    assert list(forwards.items()) == list(backwards.items())
    assert forwards.n_added == 507


def test_a_sample_says_what_size_must_hold():
    with pytest.raises(ValueError, match="at least 1, was: 0"):
        DistinctSample(0)


def test_what_fits_nothing():
    assert is_unfit(decided(1, "x", "none", confidence=0.99))
    assert is_unfit(decided(1, "x", "route", skills=("a",), confidence=0.4))
    assert not is_unfit(decided(1, "x", "route", skills=("a",), confidence=0.8))
    assert not is_unfit(decided(1, "x", "clarify", question="q", confidence=0.4))
    assert is_unfit(decided(1, "x", "route", skills=("a",), confidence=0.9, accepted=False))


def test_texts_that_have_nothing_in_common_are_no_cluster():
    assert set(clusters_of(np.eye(12, dtype=np.float32))) == {-1}
    assert clusters_of(np.eye(3, dtype=np.float32)).tolist() == [-1] * 3


def test_keywords_by_hand():
    texts = ["boil eggs", "boil the eggs", "prune roses", "prune eggs", "other"]
    words = keywords_of(texts, np.array([0, 0, 1, 1, -1]))
    assert words == [("boil", "eggs"), ("prune",)]  # "roses" is said once
    # what the field says anyway tells nothing
    field = ["boil water", "boil milk", "boil soup", "boil rice"]
    assert keywords_of(texts, np.array([0, 0, 1, 1, -1]), field)[0] == ("boil eggs",)
    assert keywords_of(["..."], np.array([0])) == [()]
