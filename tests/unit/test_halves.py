import numpy as np
import pytest

from router.model.halves import execution_places, pair_of, splits_of


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("merge the files, then mail them", "merge the files", "then mail them"),
        ("Merge the files. After that mail them", "Merge the files", "After that mail them"),
        ("before you mail it, merge the files", "merge the files", "before you mail it"),
        ("mail the files, but first merge them", "but first merge them", "mail the files"),
        ("merge the files before you mail them", "merge the files", "you mail them"),
        ("first merge the files, mail them", "first merge the files", "mail them"),
    ],
)
def test_halves_stand_in_the_order_in_which_they_are_to_be_done(text, first, second):
    split, *_ = splits_of(text, 1.0)
    assert (split.first, split.second, split.joint) == (first, second, "order")


def test_a_clear_text_is_split_only_where_it_states_an_order():
    text = "merge the files, mail the result"
    assert splits_of(text, 0.95) == []
    assert [split.joint for split in splits_of(text, 0.5)] == ["clause"]
    assert [split.joint for split in splits_of("It fails. Mend the thing", 0.5)] == ["sentence"]
    assert splits_of("merge, mail", 0.0) == []  # halves of one word


def pair(halves, whole, text="merge the files, then mail them"):
    return pair_of(splits_of(text, 1.0), np.array(halves), np.array(whole))


def test_two_skills_must_explain_the_halves_better_than_one_does():
    both = pair([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05]], [0.5, 0.4, 0.1])
    assert both.skills == (0, 1)
    assert both.probability > 0.35
    turned = pair([[0.05, 0.9, 0.05], [0.9, 0.05, 0.05]], [0.5, 0.4, 0.1])
    assert turned.skills == (1, 0)
    assert turned.probability == pytest.approx(both.probability)
    one = pair([[0.9, 0.05, 0.05], [0.4, 0.45, 0.05]], [0.9, 0.05, 0.05])
    assert one.probability < 0.5 * both.probability
    assert pair([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0]], [0.9, 0.1, 0.0]) is None


@pytest.mark.parametrize(
    ("text", "clauses", "order"),
    [
        ("merge them and mail them", ["merge them", "mail them"], [0, 1]),
        ("before you mail them, merge them", ["you mail them", "merge them"], [1, 0]),
        ("mail them, but before that merge them", ["mail them", "before that merge them"], [1, 0]),
        ("mail them, but first merge them", ["mail them", "first merge them"], [1, 0]),
    ],
)
def test_clauses_are_numbered_in_the_order_in_which_they_are_done(text, clauses, order):
    assert np.argsort(execution_places(text, clauses)).tolist() == order
