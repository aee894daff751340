"""What every head keeps to."""

import numpy as np
import pytest
from evidence import TableEncoder, TokenTableEncoder, random_units
from msgspec.structs import replace

from router.heads.discriminant_head import fit_discriminant_head
from router.heads.document_head import documents_of, fit_document_head
from router.heads.kernel_head import fit_kernel_head
from router.heads.late_interaction import LateInteraction, mean_closeness
from router.heads.lexicon import Lexicon
from router.heads.similarity import nearest_by_target, unit_rows
from router.heads.term_counts import TermCounts
from router.text import words_in

N_TARGETS = 70
"""So many that only the exemplars, and the tokens, of the likeliest targets are read."""

NAMES = ["none", *(f"skill:{target:02}" for target in range(1, N_TARGETS))]
LABELS = [name for name in NAMES for _ in range(3)]
TEXTS = [f"thing{target} part{part}" for target in range(N_TARGETS) for part in range(3)]
CENTRES = random_units(N_TARGETS)
VECTORS = unit_rows(np.repeat(CENTRES, 3, axis=0) + 0.2 * random_units(3 * N_TARGETS, seed=1))

QUERIES = ["", *(f"part{target % 3} of thing{target}" for target in range(1, N_TARGETS))]
QUERY_VECTORS = np.vstack([np.zeros((1, 16)), CENTRES[1:]])
TOKENS = [random_units(row % 5, seed=row).astype(np.float16) for row in range(N_TARGETS)]


def kernel_head():
    return fit_kernel_head(TEXTS, VECTORS, LABELS)[0]


def discriminant_head():
    return fit_discriminant_head(VECTORS, LABELS, VECTORS[::3])


def document_head():
    documents = documents_of(zip(LABELS, TEXTS, strict=True))
    words = TermCounts.of(words_in(documents[name] for name in NAMES))
    return fit_document_head(TEXTS, VECTORS, LABELS, {}, Lexicon.of_documents(words), words)


def document_head_with_tokens():
    points = [random_units(4, seed=100 + target).astype(np.float16) for target in range(N_TARGETS)]
    late = LateInteraction.of(points, mean_closeness(points, TOKENS[1:4]))
    return replace(document_head(), late=late)


FITS = [kernel_head, discriminant_head, document_head, document_head_with_tokens]


@pytest.fixture(scope="module", params=FITS, ids=lambda fit: fit.__name__)
def head(request):
    return request.param()


def score(head, queries):
    encoder = TableEncoder(QUERIES, QUERY_VECTORS)
    if getattr(head, "late", None) is not None:
        encoder = TokenTableEncoder(QUERIES, QUERY_VECTORS, TOKENS)
    return head.score(queries, words_in(queries), encoder)


def test_the_scores_of_a_batch_are_those_of_its_texts_one_by_one(head):
    batch = score(head, QUERIES)
    for row, query in enumerate(QUERIES):
        alone = score(head, [query])
        np.testing.assert_array_equal(alone.vectors[0], batch.vectors[row])
        np.testing.assert_allclose(alone.probabilities[0], batch.probabilities[row], atol=1e-6)
        np.testing.assert_allclose(alone.nearest[0], batch.nearest[row], atol=1e-6)


def test_probabilities_are_those_of_the_scores_where_no_token_is_known(head):
    probabilities = head.probabilities(QUERIES, np.float32(QUERY_VECTORS))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    votes = head.word_votes(words_in(QUERIES))
    again = head.probabilities(QUERIES, np.float32(QUERY_VECTORS), votes)
    np.testing.assert_allclose(again, probabilities, atol=1e-9)
    if getattr(head, "late", None) is None:
        scores = score(head, QUERIES)
        np.testing.assert_allclose(scores.probabilities, probabilities, atol=1e-6)


def test_no_text_has_no_scores(head):
    scores = score(head, [])
    assert scores.vectors.shape == (0, 16)
    assert scores.probabilities.shape == scores.nearest.shape == (0, N_TARGETS)


def test_the_nearest_by_target_by_hand():
    similarities = np.array([[0.1, 0.5, -0.2], [0.4, 0.3, 0.9]], dtype=np.float32)
    nearest = nearest_by_target(similarities, np.array([0, 2]))
    np.testing.assert_array_equal(nearest, np.float32([[0.5, -0.2], [0.4, 0.9]]))
