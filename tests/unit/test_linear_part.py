"""Linear classifiers on vectors and words, where each target has many exemplars."""

import numpy as np
import pytest

from router.heads.discriminant_head import fit_discriminant_head
from router.heads.linear_part import fit_linear_part
from router.text import words_in

WIDTH, N = 8, 1_000


def made(n_targets=2, seed=0):
    """Vectors that say nothing, and a word that says all."""
    chance = np.random.default_rng(seed)
    vectors = chance.normal(size=(N, WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = sorted(f"t{row % n_targets}" for row in range(N))
    return [f"line {label}" for label in labels], vectors, labels


def test_words_decide_what_vectors_do_not_know():
    texts, vectors, labels = made(4)
    part = fit_linear_part(texts, vectors, labels)
    asked = words_in(["t2 line", "a t3", "nothing known"])
    shares = part.joined(np.full((3, 4), 0.25), np.zeros((3, WIDTH), np.float32), asked)
    assert shares.sum(axis=1) == pytest.approx(np.ones(3))
    assert shares.argmax(axis=1).tolist()[:2] == [2, 3]
    assert shares[:2].max(axis=1).min() > 0.5 > shares[2].max()


def test_of_two_targets_both_have_weights():
    texts, vectors, labels = made(2)
    part = fit_linear_part(texts, vectors, labels)
    assert part.weights.shape == (WIDTH, 2)
    assert part.weights[:, 0] == pytest.approx(-part.weights[:, 1])
    shares = part.joined(np.full((2, 2), 0.5), vectors[:2] * 0, words_in(["t0", "t1"]))
    assert shares.argmax(axis=1).tolist() == [0, 1]


def test_counts_are_no_prior():
    texts, vectors, labels = made(2)
    rows = [*range(60), *range(N // 2, N), *range(N // 2, N)]  # 60 lines against 1,000
    part = fit_linear_part([texts[i] for i in rows], vectors[rows], [labels[i] for i in rows])
    unknown = part.joined(np.full((200, 2), 0.5), vectors[:200], words_in(["unknown"] * 200))
    assert 0.35 < unknown[:, 0].mean() < 0.65


@pytest.mark.parametrize(
    ("n_targets", "n"),
    [(1, N), (2, N - 1), (41, N)],
    ids=["one target", "few exemplars", "few of each"],
)
def test_too_few_exemplars_have_no_linear_part(n_targets, n):
    texts, vectors, labels = made(n_targets)
    assert fit_linear_part(texts[:n], vectors[:n], labels[:n]) is None


def test_the_head_joins_it_in_where_it_knows_the_texts():
    texts, vectors, labels = made(4)
    titles = np.zeros((4, WIDTH), np.float32)
    without = fit_discriminant_head(vectors, labels, titles)
    head = fit_discriminant_head(vectors, labels, titles, texts=texts)
    assert without.linear is None
    truth = np.array([head.names.index(label) for label in labels])
    right = head.decisions(vectors, words_in(texts)).argmax(axis=1) == truth
    assert right.mean() > 0.99 > (without.decisions(vectors).argmax(axis=1) == truth).mean()
