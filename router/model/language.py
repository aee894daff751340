"""Is a text written in a language that the exemplars of a pack are not written in?

An encoder that does not know a language still gives vectors for it, and some exemplar is always the
closest. Words tell without any encoder: sentences are full of the commonest words of their
language, and users repeat words of the exemplars. A text with hardly any English word and hardly
any word of the exemplars is foreign if it has a letter beyond ASCII, or one of the commonest words
of another language.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from router import english
from router.arrays import Bools
from router.text import Words, words_in

_FEWEST_WORDS = 4
"""Shorter texts are never foreign: a name, or a product, is no language."""

_MAX_KNOWN = 0.25
"""The share of known words that a foreign text has at most. No query of the validation splits of
BANKING77 and CLINC150 is foreign to five exemplars of each class."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ELSEWHERE = _words(
    """
    ich nicht ist und der das ein eine einen mein meine mit wie wo wann kann auf zu dem von
    je ne pas est et le les une un mon mes avec quand puis pour que suis
    yo el los las una mis como donde cuando puedo para por estoy quiero hay esta
    il lo gli uno mio mia miei dove quando posso che sono voglio della ho
    ik niet het een mijn hoe waar wanneer met voor zijn heb naar
    os uma meu minha onde estou nao
    jeg ikke og mitt hvor hvordan med til av jag inte och ar hur
    nie jest moja moje gdzie jak kiedy czy na sie mam
    saya tidak yang ke dari bagaimana kapan bir nasil nerede icin
    """
)
"""The commonest words of some other languages, without those that mean something in English."""

_COMMON = (
    english.COMMON
    | english.ASKING
    | english.FRAGMENT
    | english.SELF
    | english.POINTING
    | english.JOINING
)


def foreign(texts: Sequence[str], words: Words, vocabulary: Callable[[], frozenset[str]]) -> Bools:
    """Tell which texts are written in another language than English and the exemplars.

    :param words: The words of each text.
    :param vocabulary: Gives what `vocabulary_of` makes of the exemplars. It is called only if a
        text needs it.
    :return: Shape: (n_texts,).
    """
    rows = [
        row
        for row, (text, of_text) in enumerate(zip(texts, words, strict=True))
        if _is_long(text, of_text)
        and _share(of_text, _COMMON) <= _MAX_KNOWN
        and (not text.isascii() or not _ELSEWHERE.isdisjoint(of_text))
    ]
    found = np.zeros(len(texts), dtype=np.bool_)
    if rows:
        known = vocabulary()
        found[rows] = [_share(words[row], known) <= _MAX_KNOWN for row in rows]
    return found


def vocabulary_of(texts: Iterable[str]) -> frozenset[str]:
    """Collect the words of texts, and the commonest English ones."""
    return _COMMON.union(*words_in(texts))


def _is_long(text: str, words: Sequence[str]) -> bool:
    """Tell whether a text has enough words; where no blanks part them, letters count."""
    return len(words) >= _FEWEST_WORDS or (
        not text.isascii() and sum(letter.isalpha() and letter > "\u2e7f" for letter in text) > 3
    )


def _share(words: Sequence[str], known: frozenset[str]) -> float:
    return sum(word in known for word in words) / max(len(words), 1)
