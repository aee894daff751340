import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from router.heads.kernel_head import KernelSettings
from router.heads.similarity import unit_rows
from router.statistics.probability_maps import Power, fit_power

TEXTS = [
    "my brakes squeal",
    "brake pads are worn",
    "the brake cable snapped",
    "the lever feels soft",
    "flat tyre again",
    "a hole in the tube",
    "the tyre loses air",
    "glass in the rear tyre",
    "buy a city bike",
    "a new bike for my child",
    "how much is this bike",
    "order a cargo bike",
]
LABELS = ["brakes"] * 4 + ["tyres"] * 4 + ["sales"] * 4
NAMES = ("brakes", "sales", "tyres")
GENERATOR = np.random.default_rng(7)
CENTRES = {"brakes": [2, 0, 0, 0], "tyres": [0, 2, 0, 0], "sales": [0, 0, 2, 0]}
VECTORS = unit_rows(np.array([CENTRES[label] for label in LABELS]) + GENERATOR.normal(size=(12, 4)))
QUERIES = ["squealing brakes", "", "a tyre for my new bike"]
QUERY_VECTORS = np.vstack([unit(GENERATOR.normal(size=(2, 4))), np.zeros((1, 4))]).astype("f4")
BOTH = pytest.mark.parametrize("lexical", [0.0, 0.3])


def kernel(head, texts, vectors):
    """Likeness of texts with the exemplars, straight from the definition."""
    near = np.exp(head.settings.sharpness * (np.float64(vectors) @ np.float64(VECTORS).T - 1))
    words = head.lexicon.features(texts).toarray() @ head.lexicon.features(TEXTS).toarray().T
    return near + head.settings.lexical * words


@BOTH
def test_scores_are_those_of_ridge_regression(lexical):
    head, _ = fit_exemplar_head(TEXTS, VECTORS, LABELS, KernelSettings(lexical=lexical, ridge=0.5))
    assert head.names == NAMES
    truth = np.array([[label == name for name in NAMES] for label in LABELS], dtype=float)
    prior = np.full(3, 1 / 3)
    damped = kernel(head, TEXTS, VECTORS) + 0.5 * np.eye(12)
    votes = np.linalg.solve(damped, truth - prior)
    expected = kernel(head, QUERIES, QUERY_VECTORS) @ votes + prior
    np.testing.assert_allclose(head.scores(QUERIES, QUERY_VECTORS), expected, atol=1e-5)


@BOTH
def test_held_out_probabilities_are_those_of_a_head_refitted_without_the_exemplar(lexical):
    """The closed form against twelve refits; prior and lexicon stay those of all exemplars."""
    head, held_out = fit_exemplar_head(TEXTS, VECTORS, LABELS, KernelSettings(lexical=lexical))
    truth = np.array([[label == name for name in NAMES] for label in LABELS], dtype=float)
    whole = kernel(head, TEXTS, VECTORS)
    refitted = np.zeros_like(truth)
    for left_out in range(12):
        rest = [i for i in range(12) if i != left_out]
        damped = whole[np.ix_(rest, rest)] + head.settings.ridge * np.eye(11)
        votes = np.linalg.solve(damped, truth[rest] - head.prior)
        refitted[left_out] = whole[left_out, rest] @ votes + head.prior
    np.testing.assert_allclose(held_out, refitted, atol=1e-9)


def test_a_held_out_exemplar_does_not_speak_for_itself():
    """One exemplar is labelled wrongly; seen it pulls to its label, left out it cannot."""
    labels = ["tyres", *LABELS[1:]]
    vectors = VECTORS.copy()
    vectors[0] = vectors[1]  # lies just where another exemplar of the brakes lies
    head, held_out = fit_exemplar_head(
        TEXTS, vectors, labels, KernelSettings(lexical=0.0, ridge=0.01)
    )
    seen = head.probabilities([TEXTS[0]], vectors[:1])[0]
    tyres = NAMES.index("tyres")
    assert held_out[0, tyres] < seen[tyres]
    assert held_out[0].argmax() == NAMES.index("brakes")


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    arrays(np.float64, (3, 4), elements=st.floats(-1e3, 1e3)),
    st.floats(1e-4, 10),
    st.floats(1e-3, 20),
)
def test_probabilities_sum_to_1_and_keep_the_order_of_scores(scores, floor, exponent):
    probabilities = Power(floor, exponent).transform(scores)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities >= 0).all()
    positive = np.maximum(scores, 0)
    higher = positive[:, :, None] > positive[:, None, :]
    assert (probabilities[:, :, None] >= probabilities[:, None, :])[higher].all()


def test_fitting_a_power_lowers_the_loss():
    scores = np.array([[0.5, 0.2], [0.6, 0.1], [0.1, 0.4], [0.3, 0.2], [0.35, 0.3]])
    labels = np.array([0, 0, 1, 0, 1])

    def loss(power):
        return -np.log(power.transform(scores)[np.arange(5), labels]).mean()

    fitted = fit_power(scores, labels)
    grid = [Power(floor, exponent) for floor in (0.01, 0.1, 1.0) for exponent in (0.5, 2.0, 8.0)]
    assert loss(fitted) <= min(map(loss, grid)) + 1e-4


def test_an_exemplar_is_of_its_own_label():
    head, held_out = fit_exemplar_head(TEXTS, VECTORS, LABELS)
    probabilities = head.probabilities(TEXTS, VECTORS)
    assert [NAMES[i] for i in probabilities.argmax(axis=1)] == LABELS
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(held_out.sum(axis=1), 1)  # shares, and they sum to 1


def test_a_text_that_resembles_nothing_gets_about_the_shares_of_the_exemplars():
    """No vector, no known word: every exemplar votes alike, and the votes of all cancel."""
    head, _ = fit_exemplar_head(TEXTS, VECTORS, LABELS, KernelSettings(sharpness=30.0))
    scores = head.scores(["zzz"], np.zeros((1, 4), dtype=np.float32))[0]
    np.testing.assert_allclose(scores, 1 / 3, atol=1e-6)


@BOTH
def test_the_order_of_exemplars_does_not_matter(lexical):
    places = GENERATOR.permutation(12)
    settings = KernelSettings(lexical=lexical)
    one, held_out = fit_exemplar_head(TEXTS, VECTORS, LABELS, settings)
    other, other_held_out = fit_exemplar_head(
        [TEXTS[i] for i in places], VECTORS[places], [LABELS[i] for i in places], settings
    )
    scores = one.scores(QUERIES, QUERY_VECTORS)
    np.testing.assert_allclose(scores, other.scores(QUERIES, QUERY_VECTORS), atol=1e-6)
    np.testing.assert_allclose(
        one.probabilities(QUERIES, QUERY_VECTORS),
        other.probabilities(QUERIES, QUERY_VECTORS),
        atol=1e-6,
    )
    np.testing.assert_allclose(held_out[places], other_held_out, atol=1e-6)


def test_a_batch_is_its_texts_one_by_one():
    head, _ = fit_exemplar_head(TEXTS, VECTORS, LABELS)
    batch = head.probabilities([*QUERIES, *TEXTS], np.vstack([QUERY_VECTORS, VECTORS]))
    pairs = zip([*QUERIES, *TEXTS], [*QUERY_VECTORS, *VECTORS], strict=True)
    single = np.concatenate([head.probabilities([text], row[None]) for text, row in pairs])
    np.testing.assert_allclose(batch, single, atol=1e-6)
    assert head.probabilities([], np.zeros((0, 4), dtype=np.float32)).shape == (0, 3)
