"""Labels as people give them: a target, several, a question, "none", or a new route."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from msgspec import Struct

from router.errors import RouterError
from router.logs.labels import Gold, LabelReader
from router.packs.exemplar_file import MAX_EXEMPLAR_LENGTH
from router.packs.labels import id_of_label
from router.packs.pack import Pack
from router.text import is_blank, words_of

_SEPARATED = re.compile(r"[;,|>\n]")
_TYPO = 0.85
"""A label this much like the id of a target is taken for a slip, not for a new route."""


class LabelledText(Struct, frozen=True):
    """A text with its label.

    :param text: The text, on one line.
    :param gold: The right decision.
    :param label: The label as it was given, in words.
    :param new_route: The label of the route that the pack lacks; None for one that it has.
    """

    text: str
    gold: Gold
    label: str
    new_route: str | None = None

    @property
    def key(self) -> str:
        """The words of the text: texts that differ in case and punctuation alone are one."""
        return key_of(self.text)

    @property
    def target(self) -> str | None:
        """The one target of the label, see `Gold.target`."""
        return self.gold.target


class Refused(Struct, frozen=True):
    """A labelled line that is set aside.

    :param text: The text.
    :param label: Its label, in words.
    :param reason: Why, and what to do about it.
    """

    text: str
    label: str
    reason: str


def key_of(text: str) -> str:
    """Give the words of a text, or the text itself if it has none."""
    return " ".join(words_of(text)) or text


def read_labelled(
    pack: Pack, labels: Iterable[tuple[str, object]]
) -> tuple[list[LabelledText], list[Refused]]:
    """Read labelled texts; those without a label are left out.

    A label that the pack does not know is that of a new route, unless it is almost the id of one
    that it has.

    :param labels: (text, label) pairs. A label is as in a labelled log, see `Router.learn`.
    :raises RouterError: They are no pairs.
    """
    reader, read, refused = LabelReader(pack), list[LabelledText](), list[Refused]()
    for number, pair in enumerate(labels, start=1):
        text, label = _pair(pair, number)
        words = _in_words(label)
        if not words:
            continue
        line = " ".join(text.split())
        if is_blank(line) or len(line) > MAX_EXEMPLAR_LENGTH:
            reason = f"a line has 1 to {MAX_EXEMPLAR_LENGTH:,} characters, was: {len(line):,}"
            refused.append(Refused(text[:200], words, reason))
            continue
        try:
            read.append(_labelled(pack, reader, line, label, words))
        except ValueError as error:
            refused.append(Refused(line, words, str(error)))
    return read, refused


def _pair(pair: object, number: int) -> tuple[str, object]:
    if isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], str):
        return pair[0], pair[1]
    raise RouterError(
        f"labels are (text, label) pairs, number {number} was: {pair!r:.80}; cure: pair them with"
        " zip(texts, labels)"
    )


def _labelled(
    pack: Pack, reader: LabelReader, line: str, label: object, words: str
) -> LabelledText:
    if isinstance(label, int | float) and not isinstance(label, bool):
        label = words
    try:
        gold = label if isinstance(label, Gold) else reader.read(label)
    except ValueError as error:
        if not isinstance(label, str) or _SEPARATED.search(label):
            raise
        return _known_or_new(pack, reader, line, label, error)
    if gold is None:
        raise ValueError("the label is empty")
    return LabelledText(line, gold, words)


def _known_or_new(
    pack: Pack, reader: LabelReader, line: str, label: str, error: ValueError
) -> LabelledText:
    """Read a label by the id that is made of it, or take it for a new route."""
    made = id_of_label(label)
    known = (*pack.target_ids, *pack.questions, "none", "clarify")
    if made in known:
        gold = reader.read(made)
        assert gold is not None  # an id is a label
        return LabelledText(line, gold, label)
    if get_close_matches(made, known, 1, _TYPO):
        raise error
    return LabelledText(line, Gold("route", (made,)), label, new_route=label.strip())


def _in_words(label: object) -> str:
    """Write a label as a person reads it; nothing for a missing one."""
    if isinstance(label, Gold):
        label = {name: getattr(label, name) for name in Gold.__struct_fields__}
    if label is None or label != label:
        return ""
    if isinstance(label, Mapping):
        named = [label.get("question"), *_listed(label.get("skills")), *_listed(label.get("packs"))]
        return ", then ".join(str(name) for name in named if name) or str(label.get("action") or "")
    if isinstance(label, list | tuple):
        return ", then ".join(map(str, label))
    return str(label).strip()


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else [value]
