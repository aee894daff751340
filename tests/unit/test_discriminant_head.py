"""The head of own routes, on vectors made for it: laws, and values worked by hand."""

import numpy as np
import pytest
from evidence import random_units

from router.fitting.discriminant_fitter import DiscriminantFitter
from router.fitting.parts_of_exemplars import part_to_judge, parts_of
from router.heads.discriminant_head import fit_discriminant_head
from router.heads.similarity import unit_rows

WIDTH = 16


def made(counts, seed=0, spread=0.8):
    """Vectors around one centre a target, target by target, with their labels."""
    rng = np.random.default_rng(seed)
    centres = random_units(len(counts), seed=3)
    codes = np.repeat(np.arange(len(counts)), counts)
    noise = rng.normal(size=(len(codes), WIDTH)) / np.sqrt(WIDTH)
    return unit_rows(centres[codes] + spread * noise), [f"t{code:02}" for code in codes]


def fit(vectors, labels):
    return fit_discriminant_head(vectors, labels, np.zeros((len(set(labels)), WIDTH)))


def accuracy(head, vectors, labels):
    best = head.decisions(vectors).argmax(axis=1)
    return np.mean(
        [head.names[column] == label for column, label in zip(best, labels, strict=True)]
    )


def test_counts_are_no_prior():
    queries, truth = made([200] * 6, seed=9)
    others = [row for row, label in enumerate(truth) if label != "t00"]
    even = accuracy(fit(*made([10] * 6)), queries[others], [truth[row] for row in others])
    odd = accuracy(fit(*made([100, *[10] * 5])), queries[others], [truth[row] for row in others])
    assert odd > even - 0.03


def test_what_differs_within_targets_only_is_not_read():
    """One axis tells the two targets apart, and a louder one is noise."""
    noise = np.linspace(-1, 1, 20)
    rows = np.zeros((40, WIDTH))
    rows[:, 0] = np.repeat([0.3, -0.3], 20)
    rows[:, 1] = np.tile(noise, 2)
    vectors = unit_rows(rows)
    head = fit(vectors, ["a"] * 20 + ["b"] * 20)
    loud = unit_rows(np.array([[0.2, 0.98, *[0.0] * 14], [-0.2, 0.98, *[0.0] * 14]]))
    assert head.decisions(loud).argmax(axis=1).tolist() == [0, 1]


def test_landmarks_decide_nearly_as_all_exemplars_do(monkeypatch):
    vectors, labels = made([60] * 5)
    queries, truth = made([100] * 5, seed=5)
    whole = accuracy(fit(vectors, labels), queries, truth)
    monkeypatch.setattr("router.heads.discriminant_head._MAX_LANDMARKS", 100)
    head = fit(vectors, labels)
    assert len(head.landmarks) == 100
    assert accuracy(head, queries, truth) > whole - 0.02


def test_a_title_is_one_exemplar_more():
    vectors, labels = made([3, 3])
    titles = random_units(2, seed=3)
    head = fit_discriminant_head(vectors, labels, titles)
    assert len(head.landmarks) == 8
    assert len(head.exemplars) == 6


def test_a_single_target_takes_everything():
    vectors, labels = made([5])
    fitted = DiscriminantFitter({}).fit_held_out(labels, vectors, labels)
    head, judged, held_out = fitted.head, fitted.judged, fitted.probabilities
    assert head.power.transform(head.decisions(vectors)) == pytest.approx(np.ones((5, 1)))
    assert (len(judged), held_out.shape) == (5, (5, 1))


def test_exemplars_are_judged_by_heads_that_have_not_seen_them():
    vectors, labels = made([6] * 4)
    # The odd one out carries the label of another target: only a head that saw it agrees.
    labels[0] = "t00"
    vectors[0] = vectors[-1]
    fitted = DiscriminantFitter({}).fit_held_out(labels, vectors, labels)
    head, judged, held_out = fitted.head, fitted.judged, fitted.probabilities
    row = judged.tolist().index(0)
    assert head.names[held_out[row].argmax()] == "t03"
    assert sorted(judged.tolist()) == list(range(24))


def test_parts_spread_each_label():
    assert parts_of(["a", "a", "a", "b", "b", "c"], 2).tolist() == [0, 1, 0, 1, 0, 0]


def test_a_quarter_is_judged_and_each_label_keeps_others():
    labels = ["a"] * 8 + ["b"] + ["c"] * 4
    texts = [f"text {index}" for index in range(len(labels))]
    judged = part_to_judge(labels, texts)
    of_label = [labels[row] for row in judged.tolist()]
    assert [of_label.count(label) for label in "abc"] == [2, 0, 1]
    texts[0] = texts[-4]  # one text of two labels
    judged = set(part_to_judge(labels, texts).tolist())
    assert {0, len(texts) - 4} <= judged or not judged & {0, len(texts) - 4}
