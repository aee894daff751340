"""The answers of a review on disk: each is appended, and waits until it is there."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from router.errors import LogError
from router.files import explain_write_errors

Kind: TypeAlias = Literal["label", "skip", "undo"]


class Answer(Struct, frozen=True, omit_defaults=True):
    """An answer to one query.

    :param text: The query.
    :param kind: "label", "skip", or "undo", which takes the last answer to this query back.
    :param label: The label, see `learn`; of "label" alone.
    :param new_route: Whether the label is that of a route that the pack lacks.
    """

    text: str
    kind: Kind
    label: Any = None
    new_route: bool = False


class AnswerFile:
    """The answers of a review, in the order in which they were given.

    An answer that was cut off in the middle of being written is no answer: the query is shown
    again. The answers are in memory too, one for each query.

    :param path: The file of JSON lines; it is read if it is there.
    :raises LogError: A line other than the last is no answer.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.by_text: dict[str, Answer] = {}
        self._end = 0
        content = path.read_bytes() if path.exists() else b""
        lines = content.splitlines(keepends=True)
        for number, line in enumerate(lines, start=1):
            try:
                answer = msgspec.json.decode(line, type=Answer)
                if not line.endswith(b"\n"):
                    raise ValueError("cut off")
            except ValueError as error:
                if number == len(lines):
                    break
                raise LogError(f"{path}:{number}: no answer: {error}; remove the line") from error
            self._take(answer)
            self._end += len(line)

    def append(self, answer: Answer) -> None:
        """Append an answer; it is on the disk when this returns.

        :raises WriteError: The disk is full, or the file can't be written to.
        """
        self.extend([answer])

    def extend(self, answers: Iterable[Answer]) -> None:
        """Append several answers at once."""
        given = list(answers)
        with explain_write_errors(self.path, "the answers before it are kept"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                if file.tell() > self._end:  # what a crash has cut off
                    file.truncate(self._end)
                file.write(msgspec.json.Encoder().encode_lines(given))
                file.flush()
                os.fsync(file.fileno())
                self._end = file.tell()
        for answer in given:
            self._take(answer)

    def _take(self, answer: Answer) -> None:
        self.by_text.pop(answer.text, None)  # so that the last answer stands last
        if answer.kind != "undo":
            self.by_text[answer.text] = answer
