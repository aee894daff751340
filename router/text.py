"""Words, phrases and characters of plain text."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

Words: TypeAlias = Sequence[Sequence[str]]
"""The words of each text, as `words_of` gives them."""

MAX_QUERY_CHARACTERS = 4_000
"""Characters of a query that are read. An encoder reads no more than its first 256 tokens."""

_WORD = re.compile(r"[^\W_]+(?:[.+#'_-]+[^\W_]+)*[+#]*", re.UNICODE)


def words_of(text: str) -> list[str]:
    """Split into lower-case words; "c++", "llama.cpp" and "phi-3" are one word each."""
    return _WORD.findall(text.casefold())


def words_in(texts: Iterable[str]) -> Words:
    """Split each text into its words."""
    return [words_of(text) for text in texts]


@dataclass(frozen=True)
class Phrases:
    """A set of words and phrases to look for. Whole words are compared, never patterns."""

    phrases: frozenset[tuple[str, ...]]

    @classmethod
    def of(cls, lines: Iterable[str]) -> "Phrases":
        """Read one phrase from each line."""
        return cls(frozenset(filter(None, (tuple(words_of(line)) for line in lines))))

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


def lower_first(sentence: str) -> str:
    """Begin in lower case, as inside another sentence, unless the first word is like "ONNX"."""
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]


def clip_query(text: str) -> str:
    """Cut a query to the part that is read, without the white space around it."""
    return text.strip()[:MAX_QUERY_CHARACTERS]
