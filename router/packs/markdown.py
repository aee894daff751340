"""What a Markdown document says, without its marks."""

import re

_FRONTMATTER = re.compile(r"\A\s*---[ \t]*\n.*?^---[ \t]*$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^[ \t]*(```+|~~~+).*?^[ \t]*\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_BEGINNING = re.compile(r"^[\s#>+-]*(?:\d+[.)]\s+)?(?:\[[ xX]\]\s+)?")


def plain(text: str) -> str:
    """Take the Markdown out of a line."""
    text = _LINK.sub(r"\1", text)
    return " ".join(re.sub(r"[*`]+|(?<!\w)_+|_+(?!\w)", "", text).split())


def without_code(text: str) -> str:
    """Blank out fenced code and comments; lines keep their numbers."""
    for pattern in (_FENCE, _COMMENT):
        text = pattern.sub(lambda match: "\n" * match[0].count("\n"), text)
    return text


def passages(text: str) -> list[str]:
    """Give the lines of a document, headings, items and rows of tables among them, each once.

    Frontmatter, code and comments are left out.
    """
    lines = without_code(_FRONTMATTER.sub("", text, count=1)).split("\n")
    said = (_BEGINNING.sub("", plain(line.replace("|", " "))) for line in lines)
    return list(dict.fromkeys(line for line in said if sum(map(str.isalpha, line)) > 2))
