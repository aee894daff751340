"""Words, phrases and characters of plain text."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from router.errors import RouterError

Words: TypeAlias = Sequence[Sequence[str]]
"""The words of each text, as `words_of` gives them."""

MAX_QUERY_CHARACTERS = 4_000
"""Characters of a query that are read: the first half of them, and the last. Of these the default
encoder reads 256 tokens, in the same way."""

_WORD = re.compile(r"[^\W_]+(?:[.+#'_-]+[^\W_]+)*[+#]*", re.UNICODE)


def words_of(text: str) -> list[str]:
    """Split into lower-case words; "c++", "llama.cpp" and "phi-3" are one word each."""
    return _WORD.findall(plain_text(text).casefold())


def words_in(texts: Iterable[str]) -> Words:
    """Split each text into its words."""
    return [words_of(text) for text in texts]


@dataclass(frozen=True)
class Phrases:
    """A set of words and phrases to look for. Whole words are compared, never patterns."""

    phrases: tuple[tuple[str, ...], ...]  # sorted, so that the same set is saved as the same bytes

    @classmethod
    def of(cls, lines: Iterable[str]) -> "Phrases":
        """Read one phrase from each line."""
        return cls(tuple(sorted({tuple(words_of(line)) for line in lines} - {()})))

    @cached_property
    def _by_first_word(self) -> dict[str, list[tuple[str, ...]]]:
        by_first_word: dict[str, list[tuple[str, ...]]] = {}
        for phrase in self.phrases:
            by_first_word.setdefault(phrase[0], []).append(phrase)
        return by_first_word

    def match(self, words: Sequence[str]) -> bool:
        """Tell whether any phrase occurs in these words."""
        by_first_word = self._by_first_word
        return not by_first_word.keys().isdisjoint(words) and any(
            tuple(words[index : index + len(phrase)]) == phrase
            for index, word in enumerate(words)
            if word in by_first_word
            for phrase in by_first_word[word]
        )


def is_blank(text: str) -> bool:
    """Tell whether a text has nothing to embed: only white space and control characters."""
    return not any(character.isprintable() and not character.isspace() for character in text)


def well_formed(text: str) -> str:
    """Replace lone surrogates by "?": neither tokenizers nor UTF-8 files can take them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


_INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")


def plain_text(text: str) -> str:
    """Give the form in which a text is read: NFKC, without characters that have no width.

    So texts that look alike are decided alike.
    """
    if text.isascii():
        return text
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", well_formed(text)))


_CONTROL = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Write as escapes what would control a terminal: control characters and bidi overrides."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def lower_first(sentence: str) -> str:
    """Begin in lower case, as inside another sentence, unless the first word is like "ONNX"."""
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]


def clip_query(text: str, name: str = "a text") -> str:
    """Give the part of a query that is read, without the white space around it.

    :param name: Names the text in the message.
    :raises RouterError: It is no text.
    """
    if not isinstance(text, str):
        raise RouterError(f"{name} is a str, was: {text!r:.40}")
    return _ends_of(plain_text(_ends_of(text.strip())).strip())


def is_clipped(text: str) -> bool:
    """Tell whether part of a query is not read."""
    text = text.strip()
    return max(len(text), len(plain_text(text).strip())) > MAX_QUERY_CHARACTERS


def clip_queries(texts: Iterable[str]) -> list[str]:
    """Give the part of each query that is read.

    :raises RouterError: It is a single text, or one of them is no text.
    """
    return [clip_query(text, f"texts[{index}]") for index, text in enumerate(listed(texts))]


def listed(texts: Iterable[str]) -> Sequence[str]:
    """Give texts that can be looked at twice.

    :raises RouterError: It is a single text, or no list.
    """
    if isinstance(texts, str | bytes):
        raise RouterError(
            f"texts are a list of texts, was one text: {texts!r:.40}; cure: call route for one"
        )
    if not isinstance(texts, Iterable) or isinstance(texts, Mapping):
        raise RouterError(f"texts are a list of texts, was: {texts!r:.40}")
    return texts if isinstance(texts, list) else list(texts)


def _ends_of(text: str) -> str:
    """Keep the beginning and the end of a long text: a question stands in either."""
    if len(text) <= MAX_QUERY_CHARACTERS:
        return text
    half = MAX_QUERY_CHARACTERS // 2
    return f"{text[: half - 1]} {text[-half:]}"
