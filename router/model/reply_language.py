"""What a reply says in so many words: an option's position, a correction, a denial."""

import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import Protocol

from router import english
from router.text import words_of

_NUMBERS = ("one", "two", "three", "four", "five", "six")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_MAX_WORDS = 9

_FILLERS = (
    "the option number no nr answer choice please i guess think suppose say would i'd id go with"
    " take pick choose it's its it is that that's thats probably maybe perhaps tbh yes yeah"
    " definitely clearly well hm hmm uh um so rather in your list for me us here"
    " then just one both thanks thank you cheers really only"
)
"""Words that may stand around a position: "the second one, I guess"."""

_LISTED_DENIAL = re.compile(
    r"(?:neither|none)\s+(?:of\s+)?(?:the\s+)?"
    rf"(?P<what>.*\b(?:n?or|last|\d|{'|'.join(_ORDINALS)})\b.*)",
    re.IGNORECASE,
)
_DENIAL = (*english.DENIALS, _LISTED_DENIAL)
_BETWEEN_CLAUSES = re.compile(
    r"\s*[.,;:!?\n]+\s*|(?<!anything)(?<!everything)(?<!all)\s+but\s+(?=it|when|the|its)",
    re.IGNORECASE,
)
_JOINED = re.compile(r"\W*\b(?:n?or|and)\b\W*(?:the\s+)?", re.IGNORECASE)
_SPAN = re.compile(rf"\b(first|last)\s+({'|'.join(_NUMBERS[1:])}|\d)\b", re.IGNORECASE)
_ADDED = re.compile(r"\b(?:too|also|as well)\b", re.IGNORECASE)
_LISTED = re.compile(r"\b(?:and|plus|as well as|then)\b|[&+]", re.IGNORECASE)
_EACH = re.compile(rf"{_LISTED.pattern}|[,;/]", re.IGNORECASE)
_ALL = re.compile(r"\b(?:all|every|each)\b", re.IGNORECASE)
_LETTER = re.compile(r"\W*(?:(?:option|answer|choice|letter)\W+)?([a-f])\W*", re.IGNORECASE)
_ALIKE = 0.75
"""How alike, by `difflib`, a word with a typing error is to the one that is meant."""

_SHORTEST_TYPO = 5
"""Shorter words are too much alike: "fit" is no "first"."""

_CUES = frozenset(
    word
    for cue in (english.SELF_CORRECTION, english.YES_OR_NO, *_DENIAL)
    for word in re.findall(r"[a-z]{4,}", cue.pattern)
)
_NO = re.compile(
    r"(?:oh|well|no|nope|nah)?"
    r"|(?:that|it)(?:['’]s| is) (?:fine|great|good|fast|ok(?:ay)?|all right)",
    re.IGNORECASE,
)


class LabelledOption(Protocol):
    """An option of a question: its id and its label."""

    @property
    def id(self) -> str:
        """The id, which may have a kind before a colon, as in "skill:sell-bikes"."""
        ...

    @property
    def label(self) -> str:
        """What the user reads."""
        ...


def literal_meaning(options: Sequence[LabelledOption], reply: str) -> str | None:
    """Read an option's number, position, label or id.

    :return: The id of the option; None if the reply is none of these.
    """
    index = _option_index(reply, len(options))
    if index is not None:
        return options[index].id if 0 <= index < len(options) else None
    plain = reply.strip().strip(".!\"'").casefold()
    for option in options:
        bare = option.id.rpartition(":")[2]
        if plain in (option.id, bare, bare.replace("-", " "), option.label.casefold()):
            return option.id
    letter = _LETTER.fullmatch(reply)
    index = len(options) if letter is None else ord(letter[1].casefold()) - ord("a")
    return options[index].id if index < len(options) else None


def literal_meanings(options: Sequence[LabelledOption], reply: str) -> list[str]:
    """Read several options that are listed: "1 and 3", "the first, the second".

    :return: Their ids; none unless each part of the reply is an option's number, label or id.
    """
    parts = [part.strip() for part in _EACH.split(reply) if part.strip(" .!")]
    found = [literal_meaning(options, part) for part in parts]
    return [] if len(parts) < 2 else list(dict.fromkeys(one for one in found if one)) * all(found)


def says_nothing(options: Sequence[LabelledOption], reply: str) -> bool:
    """Tell whether a reply can't be an answer.

    It has no words, is a bare yes, names a position that is not, or asks what is meant.
    """
    if english.ASKING_BACK.fullmatch(reply):
        return True
    words, index = words_of(reply), _option_index(reply, len(options))
    is_yes = len(words) == 1 and (says_yes(reply) is True or words[0] in english.JOINING)
    return not words or is_yes or (index is not None and not 0 <= index < len(options))


def says_all(reply: str) -> bool:
    """Tell whether a reply that means several options means every one of them."""
    return _ALL.search(reply) is not None


def has_no_preference(reply: str) -> bool:
    """Tell whether a reply leaves the choice open: "either", "I don't mind"."""
    return english.NO_PREFERENCE.fullmatch(reply) is not None


def _option_index(reply: str, count: int) -> int | None:
    """Read "2", "option two" or "the second one, I guess" as an index; None if it is no position.

    Every word must be a position or stand around one, and only one position may be named.
    """
    words = re.findall(r"[^\W\d]+(?:'[^\W\d]+)?|\d+(?:st|nd|rd|th)?", reply.casefold())
    if not 1 <= len(words) <= _MAX_WORDS:
        return None
    words = [_mended_position(word) for word in words]
    positions = {"last": count, "former": 1, "latter": 2}
    positions |= {word: index + 1 for index, word in enumerate(_ORDINALS)}
    named = [positions[word] for word in words if word in positions]
    named += [int(number[0]) for word in words if (number := re.match(r"\d{1,2}(?!\d)", word))]
    named += [_NUMBERS.index(word) + 1 for word in words if word in _NUMBERS[1:]]
    known = {*positions, *_FILLERS.split(), *_NUMBERS}
    if any(word not in known and not word[0].isdigit() for word in words):
        return None
    if not named and "one" in words and "the" not in words:  # "one", but not "the one"
        named = [1]
    return named[0] - 1 if len(named) == 1 else None


def _mended_position(word: str) -> str:
    """Read "frist" or "seond" as the position that is meant; "seconds" is none."""
    if len(word) < _SHORTEST_TYPO or word.endswith("s"):
        return word
    return next(iter(get_close_matches(word, _ORDINALS[:4], n=1, cutoff=_ALIKE)), word)


def says_yes(reply: str) -> bool | None:
    """Read a reply to a question that can be answered by yes or no; None if it says neither."""
    match = english.YES_OR_NO.match(corrected(reply))
    return None if match is None else match["yes"] is not None


def corrected(reply: str) -> str:
    """Give what a reply says after it corrects itself: "training. no wait, when it predicts".

    What is only added to the first, "prediction as well", takes nothing back.
    """
    end = 0
    for match in english.SELF_CORRECTION.finditer(reply):
        if match.start() and match.end() < len(reply):
            end = match.end()
    return reply if end and _ADDED.search(reply[end:]) else reply[end:]


def parts_of_reply(reply: str) -> list[str]:
    """Split a reply that lists several things: "cloud, plus some batch jobs"."""
    return [part.strip() for part in _LISTED.split(reply) if part.strip(" .,;!")]


def mended(reply: str, known: Collection[str], wanted: Collection[str]) -> str:
    """Replace words with typing errors.

    :param known: Words that are right.
    :param wanted: Words that a wrong one may be meant for.
    """

    def mend(word: re.Match[str]) -> str:
        plain = word[0].casefold()
        if plain in known or plain in wanted or plain in _CUES:
            return word[0]
        alike = get_close_matches(plain, wanted, cutoff=_ALIKE)
        meant = [one for one in alike if len(plain) > 4 or sorted(one) == sorted(plain)]
        return meant[0] if meant else word[0]

    return re.sub(r"(?<![\w'’])[^\W\d_]{4,}(?![\w'’])", mend, reply)


def denied(reply: str) -> tuple[str, str] | None:
    """Split a reply that denies something: "it isn't training, it is when it predicts".

    :return: What it denies, and what it says besides; None if it denies nothing.
    """
    what, besides = [], []
    for clause in _BETWEEN_CLAUSES.split(reply.strip()):
        match = next(filter(None, (denial.fullmatch(clause) for denial in _DENIAL)), None)
        if match is not None:
            what.append(match["what"])
        elif what and _goes_on(clause):
            what.append(clause)
        elif not _NO.fullmatch(clause):
            besides.append(clause)
    return (" or ".join(what), ", ".join(besides)) if what else None


def _goes_on(clause: str) -> bool:
    """Tell whether a clause lists more of what was denied: "(not 1,) 2 or 3"."""
    first, *others = _JOINED.split(clause)
    return bool(others) and (not first or _option_index(first, 0) is not None)


def denied_parts(what: str, count: int) -> list[str]:
    """Split what is denied, "training or serving"; "the first two" are two positions.

    :param count: The number of options.
    """

    def positions(span: re.Match[str]) -> str:
        number = span[2].casefold()
        length = int(number) if number.isdigit() else _NUMBERS.index(number) + 1
        start = 1 if span[1].casefold() == "first" else count - length + 1
        return " or ".join(map(str, range(start, start + length)))

    return [part for part in _JOINED.split(_SPAN.sub(positions, what)) if part]
