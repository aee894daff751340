"""List what the exemplars of a skill speak of and no file of that skill has.

    python benchmarks/document_coverage.py [--pack PACK] [--share SHARE] [--json OUT.json]

A term is a word of an exemplar that is not among the ordinary words of ordinary_words.txt: the name
of a product, a tool or a technique. A pack that sends people to a document for it owes them at
least its mention. A new product in the exemplars is listed at once, since it is no ordinary word.
"""

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from router.packs.pack_file import load_pack
from router.paths import DEFAULT_PACK, SKILLS

ORDINARY = Path(__file__).parent / "ordinary_words.txt"

_WORD = re.compile(r"[a-z][a-z0-9+#.&-]*[a-z0-9+#]")
_ENDINGS = ("s", "es", "ing", "ed", "er", "ers", "ly", "d")
_MIN_LETTERS = 3
_SHARE = 0.0077  # five of the 650 exemplars that a skill once had


def words(text: str) -> list[str]:
    """Give the words of a text in lower case, with hyphens and dots inside."""
    return _WORD.findall(text.casefold())


def forms(word: str) -> set[str]:
    """Give a word and what is left of it without its ending: "pods" is also "pod"."""
    bare = {word[: -len(end)] for end in _ENDINGS if word.endswith(end) and len(word) > len(end)}
    parts = {part for part in re.split(r"[-.&]", word) if part}
    joined = {word.replace("-", ""), word.replace("-", "").rstrip("s")}
    return {word, *bare, *(f"{part}e" for part in bare), *parts, *joined}


def missing_terms(
    exemplars: Sequence[str], document: str, ordinary: frozenset[str], share: float = _SHARE
) -> dict[str, int]:
    """Count the exemplars that hold a term which the document lacks, the most frequent first.

    :param share: In what share of the exemplars a term must be. Every tool appears under every
        skill on purpose, so that nothing is routed by tool; few mentions owe nothing.
    """
    covered = {form for word in words(document) for form in forms(word)}
    count = Counter(word for line in exemplars for word in set(words(line)))

    def is_missing(word: str) -> bool:
        parts = [part for part in re.split(r"[-.&]", word) if part]
        in_parts = all(forms(part) & covered for part in parts)
        return not in_parts and not forms(word) & covered and not forms(word) & ordinary

    return {
        word: n
        for word, n in count.most_common()
        if n >= share * len(exemplars) and len(word) >= _MIN_LETTERS and is_missing(word)
    }


def coverage(pack_folder: Path, share: float = _SHARE) -> dict[str, dict[str, int]]:
    """Give for each skill of a pack the terms of its exemplars that none of its files has."""
    pack = load_pack(pack_folder)
    ordinary = frozenset(ORDINARY.read_text("utf-8").split())
    return {
        skill: missing_terms(
            pack.exemplars.skills[skill],
            "\n".join(file.read_text("utf-8") for file in sorted((SKILLS / skill).rglob("*.md"))),
            ordinary,
            share,
        )
        for skill in pack.skills
    }


def main() -> None:
    """Print the terms of each skill."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--pack", type=Path, default=DEFAULT_PACK)
    parser.add_argument(
        "--share", type=float, default=_SHARE, help="share of the exemplars that hold the term"
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = coverage(arguments.pack, arguments.share)
    for skill, terms in found.items():
        listed = ", ".join(f"{term} ({n})" for term, n in terms.items()) or "nothing"
        print(f"{skill}: {listed}")
    print(f"{sum(map(len, found.values()))} terms are in no document that they lead to.")
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
