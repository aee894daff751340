import numpy as np
import pytest

from router.heads.lexicon import Lexicon
from router.heads.postings import Postings
from router.heads.term_counts import TermCounts
from router.text import words_in

DOCUMENTS = ["merge the pages of a pdf", "pdf forms: fill and sign", "bake bread", ""]
WORDS = TermCounts.of(words_in(DOCUMENTS))
LEXICON = Lexicon.of_documents(WORDS)
POSTINGS = Postings.of(LEXICON.document_features(WORDS))


@pytest.mark.parametrize("times", [1, 64])
def test_votes_are_cosines_of_words_and_of_pieces(times):
    texts = ["sign a pdf", "", "zzz", "bread"] * times
    votes = POSTINGS.votes(LEXICON, words_in(texts))
    queries = LEXICON.document_features(TermCounts.of(words_in(texts)))
    expected = (queries @ LEXICON.document_features(WORDS).T).toarray()
    np.testing.assert_allclose(votes, expected, atol=1e-6)
    assert votes.shape == (4 * times, 4)
    assert votes[0].argmax() == 1


def test_no_text_has_no_votes():
    assert POSTINGS.votes(LEXICON, []).shape == (0, 4)


def test_a_document_votes_for_itself_with_both_kinds():
    votes = POSTINGS.votes(LEXICON, words_in(DOCUMENTS[:3]))[np.arange(3), np.arange(3)]
    assert votes == pytest.approx(2.0)
