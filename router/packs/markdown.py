"""The text of Markdown documents, without markup and code."""

import re

FRONTMATTER = re.compile(r"\A\s*---[ \t]*\n(.*?)^---[ \t]*$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^[ \t]*(```+|~~~+).*?^[ \t]*\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_NOT = re.compile(
    r"\bnot (?:to )?(?:use|for|intended|needed|apply|trigger)"
    r"|\b(?:don[’']t|never|do not|doesn[’']t) (?:use|trigger|apply|invoke|cover|handle)"
    r"|out of scope|\bskip (?:this |when|if)|\bavoid when|when not\b|\bnot cover"
    r"|\bexclu(?:de|sion)|instead of this skill|\bwrong skill",
    re.IGNORECASE,
)
_NOT_WORDS = ("not", "n't", "n’t", "never", "scope", "skip", "avoid", "exclu", "instead", "wrong")
"""One of these stands in all that `_NOT` finds; to look for them is ten times as fast."""

_HEADING = re.compile(r"^#{1,6}\s")
_MARKUP = re.compile(r"[*`]+|(?<!\w)_+|_+(?!\w)")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s")
_BEGINNING = re.compile(r"^[\s#>+-]*(?:\d+[.)]\s+)?(?:\[[ xX]\]\s+)?")


def plain(text: str) -> str:
    """Remove the markup from a line."""
    if "](" in text:
        text = _LINK.sub(r"\1", text)
    if "*" in text or "`" in text or "_" in text:
        text = _MARKUP.sub("", text)
    return " ".join(text.split())


def without_code(text: str) -> str:
    """Remove fenced code and comments; all other lines keep their numbers."""
    for pattern in (_FENCE, _COMMENT):
        text = pattern.sub(lambda match: "\n" * match[0].count("\n"), text)
    return text


def refuses(text: str) -> bool:
    """Tell whether a sentence states what the document is not for."""
    lower = text.lower()
    return any(map(lower.__contains__, _NOT_WORDS)) and bool(_NOT.search(text))


def own_text(text: str) -> str:
    """Remove the frontmatter and everything that states what the document is not for.

    A heading like "When not to use" removes the section below it; a line like "Don't use it for:"
    removes the list items below it.
    """
    kept = []
    section = items = False  # whether the current section and the current list are removed
    for line in FRONTMATTER.sub("", text, count=1).split("\n"):
        if _HEADING.match(line):
            section, items = refuses(line), False
        elif line.strip() and not _ITEM.match(line):
            items = refuses(line) and line.rstrip(" *_").endswith(":")
        if not (section or items or refuses(line)):
            kept.append(line)
    return "\n".join(kept)


def passages(text: str) -> list[str]:
    """Give the lines of a text once each, among them headings, list items and table rows.

    Code, comments and lines of fewer than three letters are left out.
    """
    lines = without_code(text).split("\n")
    plain_lines = (_BEGINNING.sub("", plain(line.replace("|", " "))) for line in lines)
    return list(dict.fromkeys(line for line in plain_lines if sum(map(str.isalpha, line)) > 2))
