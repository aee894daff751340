import pickle

import numpy as np
import pytest
from evidence import random_units

from router.heads.kernel_head import KernelSettings, fit_kernel_head, fit_kernel_heads
from router.heads.similarity import unit_rows
from router.statistics.probability import fit_power
from router.watch.live_head import LiveHead

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
QUERY_VECTORS = np.vstack([unit_rows(GENERATOR.normal(size=(2, 4))), np.zeros((1, 4))]).astype("f4")
BOTH = pytest.mark.parametrize("lexical", [0.0, 0.3])


def kernel(head, texts, vectors):
    """Compute the kernel of texts with the exemplars, straight from the definition."""
    vector_part = np.exp(
        head.settings.sharpness * (np.float64(vectors) @ np.float64(VECTORS).T - 1)
    )
    words = head.lexicon.features(texts).toarray() @ head.lexicon.features(TEXTS).toarray().T
    return vector_part + head.settings.lexical * words


@BOTH
def test_decisions_are_those_of_ridge_regression(lexical):
    head, _ = fit_kernel_head(TEXTS, VECTORS, LABELS, KernelSettings(lexical=lexical, ridge=0.5))
    assert head.names == NAMES
    truth = np.array([[label == name for name in NAMES] for label in LABELS], dtype=float)
    prior = np.full(3, 1 / 3)
    damped = kernel(head, TEXTS, VECTORS) + 0.5 * np.eye(12)
    votes = np.linalg.solve(damped, truth - prior)
    expected = kernel(head, QUERIES, QUERY_VECTORS) @ votes + prior
    np.testing.assert_allclose(head.decisions(QUERIES, QUERY_VECTORS), expected, atol=1e-5)


@BOTH
def test_held_out_decisions_are_those_of_a_head_refitted_without_the_exemplar(lexical):
    """The closed form against twelve refits; prior and lexicon stay those of all exemplars."""
    head, held_out = fit_kernel_head(TEXTS, VECTORS, LABELS, KernelSettings(lexical=lexical))
    truth = np.array([[label == name for name in NAMES] for label in LABELS], dtype=float)
    whole = kernel(head, TEXTS, VECTORS)
    refitted = np.zeros_like(truth)
    for left_out in range(12):
        rest = [i for i in range(12) if i != left_out]
        damped = whole[np.ix_(rest, rest)] + head.settings.ridge * np.eye(11)
        votes = np.linalg.solve(damped, truth[rest] - head.prior)
        refitted[left_out] = whole[left_out, rest] @ votes + head.prior
    np.testing.assert_allclose(held_out, refitted, rtol=0, atol=1e-5)  # single precision


def test_the_head_without_the_judged_exemplars_is_ridge_regression_on_the_others():
    """From one factor of the kernel of all; prior and lexicon stay those of all exemplars."""
    judged = np.array([1, 6, 7])
    head, held_out, without = fit_kernel_heads(TEXTS, VECTORS, LABELS, judged)
    seen = [i for i in range(12) if i not in judged]
    truth = np.array([[label == name for name in NAMES] for label in LABELS], dtype=float)
    damped = kernel(head, TEXTS, VECTORS)[np.ix_(seen, seen)] + head.settings.ridge * np.eye(9)
    votes = np.linalg.solve(damped, truth[seen] - head.prior)
    np.testing.assert_allclose(without.votes, votes, atol=1e-5)
    np.testing.assert_array_equal(without.exemplars, VECTORS[seen])
    assert without.counts.tolist() == [int(truth[seen, i].sum()) for i in range(3)]
    expected = kernel(head, TEXTS, VECTORS)[np.ix_(judged, seen)] @ votes + head.prior
    unseen = [TEXTS[i] for i in judged]
    np.testing.assert_allclose(without.decisions(unseen, VECTORS[judged]), expected, atol=1e-5)
    alone, every = fit_kernel_head(TEXTS, VECTORS, LABELS)
    np.testing.assert_allclose(head.votes, alone.votes, atol=1e-5)
    np.testing.assert_allclose(held_out, every[judged], atol=1e-5)


def test_a_held_out_exemplar_does_not_speak_for_itself():
    """A wrongly labelled exemplar pulls to its label, unless it is left out."""
    labels = ["tyres", *LABELS[1:]]
    vectors = VECTORS.copy()
    vectors[0] = vectors[1]  # just where another exemplar of the brakes lies
    head, held_out = fit_kernel_head(
        TEXTS, vectors, labels, KernelSettings(lexical=0.0, ridge=0.01)
    )
    with_itself = head.probabilities([TEXTS[0]], vectors[:1])[0]
    tyres = NAMES.index("tyres")
    assert held_out[0, tyres] < with_itself[tyres]
    assert held_out[0].argmax() == NAMES.index("brakes")


def test_an_exemplar_is_of_its_own_label():
    head, held_out = fit_kernel_head(TEXTS, VECTORS, LABELS)
    probabilities = head.probabilities(TEXTS, VECTORS)
    assert [NAMES[i] for i in probabilities.argmax(axis=1)] == LABELS
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(held_out.sum(axis=1), 1)  # shares, and they sum to 1


def test_a_text_that_resembles_nothing_gets_about_the_shares_of_the_exemplars():
    """No vector, no known word: every exemplar votes alike, and the votes of all cancel."""
    head, _ = fit_kernel_head(TEXTS, VECTORS, LABELS, KernelSettings(sharpness=30.0))
    decisions = head.decisions(["zzz"], np.zeros((1, 4), dtype=np.float32))[0]
    np.testing.assert_allclose(decisions, 1 / 3, atol=1e-6)


@BOTH
def test_the_order_of_exemplars_does_not_matter(lexical):
    order = GENERATOR.permutation(12)
    settings = KernelSettings(lexical=lexical)
    head, held_out = fit_kernel_head(TEXTS, VECTORS, LABELS, settings)
    shuffled, shuffled_held_out = fit_kernel_head(
        [TEXTS[i] for i in order], VECTORS[order], [LABELS[i] for i in order], settings
    )
    np.testing.assert_allclose(
        head.decisions(QUERIES, QUERY_VECTORS),
        shuffled.decisions(QUERIES, QUERY_VECTORS),
        atol=1e-6,
    )
    np.testing.assert_allclose(
        head.probabilities(QUERIES, QUERY_VECTORS),
        shuffled.probabilities(QUERIES, QUERY_VECTORS),
        atol=1e-6,
    )
    np.testing.assert_allclose(held_out[order], shuffled_held_out, atol=1e-6)


def test_a_batch_is_its_texts_one_by_one():
    head, _ = fit_kernel_head(TEXTS, VECTORS, LABELS)
    batch = head.probabilities([*QUERIES, *TEXTS], np.vstack([QUERY_VECTORS, VECTORS]))
    pairs = zip([*QUERIES, *TEXTS], [*QUERY_VECTORS, *VECTORS], strict=True)
    single = np.concatenate([head.probabilities([text], row[None]) for text, row in pairs])
    np.testing.assert_allclose(batch, single, atol=1e-6)
    assert head.probabilities([], np.zeros((0, 4), dtype=np.float32)).shape == (0, 3)


def test_decisions_do_not_depend_on_how_many_are_scored_at_a_time(monkeypatch):
    head, _ = fit_kernel_head(TEXTS, VECTORS, LABELS)
    expected = head.decisions(TEXTS, VECTORS)
    monkeypatch.setattr("router.heads.kernel_head._SCORED", 4)
    np.testing.assert_allclose(head.decisions(TEXTS, VECTORS), expected, atol=1e-6)


@pytest.mark.parametrize(("per_target", "lexical", "ridge"), [(59, 0.15, 0.6), (60, 0.3, 0.3)])
def test_from_60_exemplars_a_target_on_words_count_for_more_and_votes_are_damped_less(
    per_target, lexical, ridge
):
    n = 2 * per_target
    vectors = unit_rows(GENERATOR.normal(size=(n, 4))).astype("f4")
    labels = ["brakes", "tyres"] * per_target
    head, _ = fit_kernel_head([f"text {i}" for i in range(n)], vectors, labels)
    assert (head.settings.lexical, head.settings.ridge) == (lexical, ridge)


def test_probabilities_are_fitted_on_the_first_exemplars_alone_where_the_others_are_names():
    texts = [*TEXTS, "brakes", "sales", "tyres"]
    labels = [*LABELS, "sales", "tyres", "brakes"]  # held out, each of these three looks wrong
    vectors = np.vstack([VECTORS, unit_rows(np.array([CENTRES[name] for name in NAMES]))])
    head, held_out = fit_kernel_head(texts, vectors, labels, n_calibrated=12)
    truth = np.array([NAMES.index(label) for label in labels])
    assert head.power == fit_power(held_out[:12], truth[:12])
    assert head.power != fit_power(held_out, truth)


# Many exemplars, in 8 bits


N_MANY = 1_001
MANY_LABELS = [f"skill:{index % 5}" for index in range(N_MANY)]
MANY_TEXTS = [f"text {index}" for index in range(N_MANY)]


@pytest.fixture(scope="module")
def many():
    centres = random_units(5, 48)[[index % 5 for index in range(N_MANY)]]
    vectors = unit_rows(centres + random_units(N_MANY, 48, seed=1))
    return vectors, fit_kernel_head(MANY_TEXTS, vectors, MANY_LABELS)[0]


def test_many_exemplars_are_read_in_8_bits_and_decide_about_the_same(many):
    vectors, head = many
    int8, queries = head.with_int8_index(), random_units(40, 48, seed=2)
    assert int8.graph is not None
    for texts, rows in (([""] * 40, queries), (MANY_TEXTS, vectors)):
        exact, decisions = head.decisions(texts, rows), int8.decisions(texts, rows)
        assert 0.0 < np.abs(decisions - exact).max() < 0.02


def test_in_8_bits_a_text_decides_the_same_beside_any_other(many):
    int8, queries = many[1].with_int8_index(), random_units(300, 48, seed=2)
    together = int8.decisions([""] * 300, queries)
    alone = [int8.decisions([""], row[None])[0] for row in queries[:20]]
    np.testing.assert_allclose(together[:20], alone, atol=1e-5)


def test_few_exemplars_are_not_read_in_8_bits():
    head, _ = fit_kernel_head(TEXTS, VECTORS, LABELS)
    assert head.with_int8_index() is head


def test_a_head_is_pickled_with_its_graph(many):
    int8, queries = many[1].with_int8_index(), random_units(3, 48, seed=2)
    before = int8.decisions([""] * 3, queries)
    again = pickle.loads(pickle.dumps(int8))
    np.testing.assert_array_equal(again.decisions([""] * 3, queries), before)


def test_an_updated_head_does_not_read_the_exemplars_that_were_removed(many):
    vectors, head = many
    exemplars = list(zip(MANY_LABELS, MANY_TEXTS, strict=True))
    live = LiveHead.of(head.with_int8_index(), exemplars)
    updated = live.with_exemplars(exemplars[:-200], encoder=None).head
    assert updated.graph is None
    assert updated.decisions([""], vectors[:1]).shape == (1, 5)
