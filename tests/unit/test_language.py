"""Texts in a language that the exemplars are not in."""

import numpy as np
import pytest

from router.model.language import foreign, vocabulary_of
from router.text import words_in

EXEMPLARS = ["where is my order", "send the shoes back", "I was charged twice", "reset my password"]


def is_foreign(*texts, exemplars=EXEMPLARS):
    return foreign(texts, words_in(texts), lambda: vocabulary_of(exemplars)).tolist()


@pytest.mark.parametrize(
    "text",
    [
        "ich möchte diese Schuhe zurückgeben",
        "où est ma commande s'il vous plaît",
        "no puedo entrar en mi cuenta",
        "voglio un rimborso per questo articolo",
        "как отменить заказ пожалуйста",
        "私の注文はどこですか",
    ],
)
def test_other_languages_are_noticed(text):
    assert is_foreign(text) == [True]


@pytest.mark.parametrize(
    "text",
    [
        "the courier hasn't brought it yet",
        "reimburse immediately",
        "password reset email missing",  # two of four words are known
        "",
        "déjà vu",
        "ok 👍👍👍👍",
    ],
)
def test_english_and_short_texts_are_not(text):
    assert is_foreign(text) == [False]


def test_exemplars_in_that_language_make_it_known():
    german = ["wo ist meine Bestellung", "ich möchte die Jacke zurückgeben"]
    assert is_foreign("ich möchte diese Schuhe zurückgeben", exemplars=german) == [False]


def test_the_vocabulary_is_only_read_if_a_text_needs_it():
    def never():
        raise AssertionError

    assert not foreign(["where is it now"], words_in(["where is it now"]), never).any()
    assert foreign([], [], never).shape == (0,)
    assert foreign(["a"], words_in(["a"]), never).dtype == np.bool_
