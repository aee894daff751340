"""Exemplars of more than one target, and the JSONL files that hold them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct, structs

from router.errors import PackError
from router.files import write_whole
from router.packs.exemplar_file import MAX_EXEMPLAR_LENGTH
from router.packs.text_file import read_text_file

_MAX_BYTES = 20_000_000

_Line: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_EXEMPLAR_LENGTH)]


class SharedExemplar(Struct, frozen=True, forbid_unknown_fields=True):
    """A query that asks for several skills.

    :param text: The query, on one line, at most 2,000 characters.
    :param targets: Ids of the skills, in execution order.
    """

    text: _Line
    targets: Annotated[tuple[str, ...], Meta(min_length=2)]

    @property
    def lines(self) -> tuple[str, ...]:
        """The queries that it holds: one."""
        return (self.text,)


class Twins(Struct, frozen=True, forbid_unknown_fields=True, rename={"inside": "in"}):
    """Two queries that differ only in what makes one of them belong here.

    :param inside: The query that belongs here; "in" in the file.
    :param out: The one that belongs nowhere.
    :param target: Id of the skill or neighbour of the first.
    """

    inside: _Line
    out: _Line
    target: str

    @property
    def lines(self) -> tuple[str, ...]:
        """The queries that it holds: two."""
        return (self.inside, self.out)


_Exemplar = TypeVar("_Exemplar", SharedExemplar, Twins)


def read_shared_exemplars(path: Path) -> tuple[SharedExemplar, ...]:
    """Read the exemplars of several skills in a JSONL file in order, each of them once.

    :raises PackError: A line is not like {"text": ..., "targets": [ID, ID]}; the message names it.
    """
    return _read(path, SharedExemplar, '{"text": "a query", "targets": ["id-one", "id-two"]}')


def read_twins(path: Path) -> tuple[Twins, ...]:
    """Read the twins of a JSONL file in order, each of them once.

    :raises PackError: A line is not like {"in": ..., "out": ..., "target": ID}; the message names
        it.
    """
    return _read(path, Twins, '{"in": "a query", "out": "another\'s", "target": "id"}')


def _read(path: Path, kind: type[_Exemplar], example: str) -> tuple[_Exemplar, ...]:
    text = read_text_file(path, "a file of exemplars", _MAX_BYTES)
    exemplars: dict[str, _Exemplar] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            exemplar = msgspec.json.decode(line, type=kind)
        except msgspec.DecodeError as error:
            raise PackError(
                f"{path}:{number}: a line is like {example}: {error}, was: {line[:60]!r}"
            ) from error
        texts = {name: v for name, v in structs.asdict(exemplar).items() if isinstance(v, str)}
        plain = {name: " ".join(value.split()) for name, value in texts.items()}
        exemplar = structs.replace(exemplar, **plain)
        exemplars.setdefault(exemplar.lines[0].casefold(), exemplar)
    return tuple(exemplars.values())


def write_shared_exemplars(path: Path, exemplars: Iterable[SharedExemplar | Twins]) -> None:
    """Write exemplars as JSONL."""
    lines = b"".join(msgspec.json.encode(exemplar) + b"\n" for exemplar in exemplars)
    write_whole(path, lines)
