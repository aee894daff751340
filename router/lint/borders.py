"""What a pack teaches besides its concerns: the names of tools, and words that strangers share."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from router.lint.confusion import Locate
from router.lint.counts import NearestExemplars
from router.lint.finding import Finding
from router.packs.pack import Pack
from router.text import words_of

_NAME = re.compile(r"(?<=[\w,;:] )(?=\w*[a-z])\w*[A-Z][\w+]*(?:\.\w+)*")
"""A word with a capital letter that does not begin a sentence; no abbreviation in capitals."""

_MIN_LINES = 5
"""A name is reported if so many lines of its class have it, and none of the others."""

_MIN_LINES_OF_CLASS = 30
"""Classes with fewer lines say nothing about what stands in no line of theirs."""

_MIN_STRANGERS, _MIN_SHARE = 5, 0.04
"""A concern is reported if so many exemplars of "none", and this share of them, are the nearest to
one of its own."""

_SHOWN = 3


def names_of_one_class(
    labels: Sequence[str], texts: Sequence[str], locate: Locate
) -> Iterator[Finding]:
    """Report names, as tools and products have them, that only one class uses.

    The router learns to route by them, whatever is asked.
    """
    lines, users = Counter(labels), defaultdict[str, Counter[str]](Counter)
    names: dict[str, set[str]] = defaultdict(set)
    for label, text in zip(labels, texts, strict=True):
        for name in set(_NAME.findall(text)):
            names[name.casefold()].add(name)
        for word in set(words_of(text)):
            users[word][label] += 1
    found = defaultdict(list)
    for name in sorted(names):
        of_classes = users.get(name, Counter())
        if len(of_classes) == 1 and of_classes.total() >= _MIN_LINES:
            [label] = of_classes
            found[label].append((of_classes[label], min(names[name])))
    large = [label for label, n in lines.items() if n >= _MIN_LINES_OF_CLASS]
    for label, named in found.items():
        if label in large and label != "none" and len(large) > 1:
            shown = ", ".join(f"{name} ({n} lines)" for n, name in sorted(named, reverse=True))
            yield Finding(
                "notice",
                "name-of-one-class",
                *locate(label, ""),
                f"only {label.rpartition(':')[2]} has lines with {shown}",
                "the router learns to route by these names: give lines with them to three other"
                " classes, unless they say by themselves what is wanted",
            )


def concerns_of_strangers(
    pack: Pack,
    labels: Sequence[str],
    texts: Sequence[str],
    nearest: NearestExemplars,
    locate: Locate,
) -> Iterator[Finding]:
    """Report concerns to whose exemplars strangers lie nearest, and draft twins that part them."""
    have_twins = {line for twins in pack.exemplars.twins for line in twins.lines}
    of_none = [i for i, label in enumerate(labels) if label == "none"]
    strangers: dict[str, list[int]] = defaultdict(list)
    for i in of_none:
        if nearest.other[i] > nearest.own[i] and texts[i] not in have_twins:
            strangers[labels[nearest.other_index[i]]].append(i)
    for label, rows in sorted(strangers.items()):
        kind, _, target = label.partition(":")
        if kind == "question" or len(rows) < max(_MIN_STRANGERS, _MIN_SHARE * len(of_none)):
            continue
        rows.sort(key=lambda i: -nearest.other[i])
        ours = dict.fromkeys(texts[nearest.other_index[i]] for i in rows)
        drafts = [{"in": line, "out": "", "target": target} for line in ours][:_SHOWN]
        shown = "; ".join(repr(texts[i]) for i in rows[:_SHOWN])
        yield Finding(
            "notice",
            "shared-words",
            *locate(label, ""),
            f"strangers share the words of {target}: {len(rows)} of {len(of_none)} exemplars of"
            f" none are nearest to one of its own: {shown}",
            "fill in what another trade would ask in the same words, in exemplars/twins.jsonl: "
            + " ".join(msgspec.json.encode(draft).decode() for draft in drafts),
        )
