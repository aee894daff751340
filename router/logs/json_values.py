"""Read JSON as logs have it: with NaN, and documents that hold lists or follow each other."""

import json
import re
from typing import Any

import msgspec

MAX_DOCUMENT_BYTES = 256_000_000  # a single JSON document is read whole


_BLANKS = re.compile(r"\s*")


def decode_json(line: str | bytes) -> Any:  # noqa: ANN401 - any JSON
    """Read a JSON value; NaN and Infinity, which Python writes for an empty cell, are null."""
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:
        plain = line if isinstance(line, str) else line.decode()
        if not re.search(r"\b(NaN|Infinity)\b", plain) or "\\u" in plain:
            raise
        return json.loads(plain, parse_constant=lambda _: None)


def decoded_json(line: str) -> Any:  # noqa: ANN401 - any JSON
    """Read a JSON value, or give None."""
    try:
        return decode_json(line)
    except (ValueError, RecursionError):
        return None


def items_of_document(content: bytes) -> list[msgspec.Raw] | None:
    """Give the records of a document: a list, or an object with a list among its values."""
    if len(content) > MAX_DOCUMENT_BYTES:
        return None
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        document = msgspec.json.decode(content, type=list[msgspec.Raw] | dict[str, msgspec.Raw])
    except (ValueError, RecursionError):
        text = content.decode("utf-8", "replace")
        document = decoded_json(text) or _documents_in(text)  # it may hold NaN
        if not isinstance(document, list | dict):
            return None
        if isinstance(document, list):
            return list(map(_raw, document))
        document = {key: _raw(value) for key, value in document.items()}
    if isinstance(document, list):
        return document
    lists = [value for value in document.values() if bytes(value)[:1] == b"["]
    return items_of_document(bytes(lists[0])) if len(lists) == 1 else [msgspec.Raw(content)]


def _raw(value: Any) -> msgspec.Raw:  # noqa: ANN401 - any JSON
    """Write a JSON value; half an emoji stays an escape."""
    return msgspec.Raw(json.dumps(value).encode())


def _documents_in(text: str) -> list[Any] | None:
    """Read documents that follow each other, as `jq` prints them; None if they are none."""
    decoder = json.JSONDecoder(parse_constant=lambda _: None)
    documents, end = [], 0
    text = text.rstrip()
    try:
        while end < len(text):
            blanks = _BLANKS.match(text, end)
            document, end = decoder.raw_decode(text, blanks.end() if blanks else end)
            documents.append(document)
    except (ValueError, RecursionError):
        return None
    return documents
