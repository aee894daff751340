"""An exemplar that several skills share, and the file that holds such exemplars."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from router.errors import PackError
from router.files import write_whole
from router.packs.exemplar_file import MAX_EXEMPLAR_LENGTH
from router.packs.text_file import read_text_file

_MAX_BYTES = 20_000_000


class SharedExemplar(Struct, frozen=True, forbid_unknown_fields=True):
    """A query that asks for several skills.

    :param text: The query, on one line, at most 2,000 characters.
    :param targets: Ids of the skills, in execution order.
    """

    text: Annotated[str, Meta(min_length=1, max_length=MAX_EXEMPLAR_LENGTH)]
    targets: Annotated[tuple[str, ...], Meta(min_length=2)]


def read_shared_exemplars(path: Path) -> tuple[SharedExemplar, ...]:
    """Read the exemplars of a JSONL file in order, each of them once.

    :raises PackError: A line is not like {"text": ..., "targets": [ID, ID]}; the message names it.
    """
    text = read_text_file(path, "a file of exemplars of several skills", _MAX_BYTES)
    exemplars: dict[str, SharedExemplar] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            exemplar = msgspec.json.decode(line, type=SharedExemplar)
        except msgspec.DecodeError as error:
            raise PackError(
                f'{path}:{number}: a line is like {{"text": "a query", "targets": ["id-one",'
                f' "id-two"]}}: {error}, was: {line[:60]!r}'
            ) from error
        plain = " ".join(exemplar.text.split())
        exemplars.setdefault(plain.casefold(), SharedExemplar(plain, exemplar.targets))
    return tuple(exemplars.values())


def write_shared_exemplars(path: Path, exemplars: Iterable[SharedExemplar]) -> None:
    """Write exemplars as JSONL."""
    lines = b"".join(msgspec.json.encode(exemplar) + b"\n" for exemplar in exemplars)
    write_whole(path, lines)
