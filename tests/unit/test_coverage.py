from math import log

import numpy as np
import pytest

from router.heads.coverage import Coverage, stems_in
from router.heads.term_counts import TermCounts
from router.text import words_in


def shares(documents, queries):
    coverage = Coverage.of(TermCounts.of(words_in(documents)), 1.0, 0.0)
    return coverage.shares(stems_in(words_in(queries)))


def test_a_share_by_hand():
    # Of two documents, "merge" is in one and "pages" in both; "rust" is in none.
    rare, common, unknown = (log(1 + (2 - n + 0.5) / (n + 0.5)) for n in (1, 2, 0))
    found = shares(["merge pages", "rotate pages"], ["merge pages", "pages rust", "rust", ""])
    assert found[0] == pytest.approx([1.0, common / (rare + common)], abs=1e-6)
    assert found[1] == pytest.approx(np.full(2, common / (common + unknown)), abs=1e-6)
    assert found[2:].tolist() == [[0, 0], [0, 0]]


def test_endings_and_compounds_count_as_their_stems():
    queries = ["merge", "merged", "files", "pdf", "pdf-file"]
    found = shares(["merging pdf-files", "rotate"], queries)
    assert (found[:, 0] > 0.99).all()
    assert (found[:, 1] == 0.0).all()


def test_a_repeated_word_adds_less_and_less():
    once, twice, thrice = (shares([f"{'a ' * n}b", "c"], ["a"])[0, 0] for n in (1, 2, 3))
    assert once < twice < thrice < 2 * once
    assert thrice - twice < twice - once
