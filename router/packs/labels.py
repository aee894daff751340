"""From any label that somebody gave a route to the id that a pack uses."""

import hashlib
import re
import unicodedata

_MAX_ID = 64


def id_of_label(label: str) -> str:
    """Make an id of a label: "Order status" and "order_status" become "order-status".

    Accents are dropped. A label without any Latin letter or digit gets an id made from its hash.
    """
    plain = unicodedata.normalize("NFKD", label.casefold()).encode("ascii", "ignore").decode()
    made = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_MAX_ID].rstrip("-")
    if made:
        return made
    normal = unicodedata.normalize("NFKC", label.strip())
    return f"route-{hashlib.sha256(normal.encode('utf-8', 'replace')).hexdigest()[:8]}"


def readable(label: str) -> str:
    """Make words of a label: "card_arrival" becomes "card arrival"."""
    return " ".join(re.sub(r"[_-]+", " ", label).split())
