"""Personal data in a line that is to be kept: masked, or the line is set aside.

The library `datafog` finds addresses of mail and of machines, numbers of phones, cards and social
security. What may be a key, a long number or an address nonetheless sets a line aside, also where
the library is not installed.
"""

import re
from functools import cache
from typing import Any

_MASKED = {
    "EMAIL": "[email]",
    "PHONE": "[phone]",
    "SSN": "[number]",
    "CREDIT_CARD": "[card]",
    "IP_ADDRESS": "[ip address]",
}

_SUSPECTS = {
    "a mail address": re.compile(r"\S@\S+\.\w"),
    "a long number": re.compile(r"(?<![\w.])\+?\d(?:[ ()/-]?\d){9,}(?!\w)"),
    "an account number": re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,}"),
    "a key": re.compile(
        r"(?:\b|_)(?=[A-Za-z0-9_-]*\d)(?=[A-Za-z0-9_-]*[A-Za-z])[A-Za-z0-9_-]*[A-Za-z0-9]{16,}"
        r"|-----BEGIN|\bpassword\s*(?:is|:|=)\s*\S",
    ),
}
"""What sets a line aside: for example ten digits, or 16 letters and digits without a break."""


def masked(text: str) -> tuple[str, str]:
    """Mask what can be masked in a line.

    :return: The line, and what is left in it that sets it aside, in words; empty if nothing is.
    """
    library = _library()
    if library is not None:
        entities = library.scan(text, entity_types=list(_MASKED)).entities
        for entity in sorted(entities, key=lambda entity: -entity.start):
            text = f"{text[: entity.start]}{_MASKED[entity.type]}{text[entity.end :]}"
    left = [what for what, pattern in _SUSPECTS.items() if pattern.search(text)]
    return text, " and ".join(left)


@cache
def _library() -> Any:  # noqa: ANN401 - a module that need not be installed
    try:
        import datafog
    except ImportError:
        return None
    return datafog
