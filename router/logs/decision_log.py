"""The log that a live service appends its decisions to."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from router.decisions.decision import Decision
from router.errors import RouterError
from router.files import explain_write_errors
from router.logs.rotation import full_files, numbered
from router.text import well_formed

if os.name == "posix":
    import fcntl

Redact: TypeAlias = Callable[[str], str]

_FIELDS = ("action", "skills", "packs", "question", "confidence", "margin", "reason")
_RESERVED = frozenset(("text", "time", "truncated", *_FIELDS))
DEFAULT_MAX_BYTES = 100_000_000


class DecisionLog:
    """Appends decisions to a file of JSON lines.

    `report`, `gaps` and `review` take the decisions as they were made; `evaluate` decides anew.

    Threads and processes may share the file: each line is written at once, under a lock. A full
    file gets a number, and a new one is begun. Whatever happens to the process, a line is there as
    a whole or, where the machine itself fails, at most its end is missing; the next line begins
    anew.

    :param path: The file, such as `decisions.jsonl`. Full ones are named like it, in the order of
        time: `decisions.000001.jsonl`, `decisions.000002.jsonl`. They are read with it, also if
        something has compressed them.
    :param redact: Is given each text, and gives the text that may reach the disk. If it raises, the
        line is written without its text being known: the text is "[redacted]".
    :param max_bytes: The size at which a file is full.
    :param sync: Wait until each line is on the disk, so that even a power failure loses none. This
        costs some milliseconds a line.
    """

    def __init__(
        self,
        path: str | Path,
        redact: Redact | None = None,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        sync: bool = False,
    ) -> None:
        if redact is not None and not callable(redact):
            raise RouterError(
                f"redact is a function from a text to the text to keep, was: {redact!r:.60}"
            )
        if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 1:
            raise RouterError(f"max_bytes is a number of bytes, at least 1, was: {max_bytes!r}")
        self.path = Path(path)
        self.redact = redact
        self.max_bytes = max_bytes
        self.sync = sync
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<DecisionLog {self.path}>"

    def append(self, text: str, decision: Decision, **fields: Any) -> None:  # noqa: ANN401
        """Append a decision.

        :param text: The query.
        :param decision: What `Router.route` gave for it.
        :param fields: Anything else that JSON can hold, such as `id="42"` or `user="a"`. Fields
            that are texts are redacted too.
        :raises RouterError: A field has the name of a part of the decision, or is not JSON.
        :raises WriteError: The file can't be written to.
        """
        taken = _RESERVED & fields.keys()
        if taken:
            name = min(taken)
            raise RouterError(f"the decision itself has the field {name!r}; name it otherwise")
        kept = {name: self._redacted(value) for name, value in fields.items()}
        decided = decision.to_dict()
        record = kept | {
            "text": self._redacted(text),
            "time": datetime.now(UTC),
            **{name: decided[name] for name in _FIELDS},
            **({"truncated": True} if decision.truncated else {}),
        }
        try:
            line = msgspec.json.encode(record) + b"\n"
        except (TypeError, ValueError) as error:
            raise RouterError(f"a field of a decision log is JSON: {error}") from error
        with self._lock, explain_write_errors(self.path):
            self._write(line)

    def _redacted(self, value: object) -> object:
        """Redact a text, and the texts in a list or mapping."""
        if isinstance(value, str):
            if self.redact is None:
                return well_formed(value)
            with suppress(Exception):  # a text must not reach the disk because redacting failed
                return well_formed(self.redact(value))
            return "[redacted]"
        if isinstance(value, Mapping):
            return {str(key): self._redacted(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._redacted(inner) for inner in value]
        return value

    def _write(self, line: bytes) -> None:
        """Write a line at once; a line that a crash has cut off is ended first."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked():
            size = self.path.stat().st_size if self.path.exists() else 0
            if size and size + len(line) > self.max_bytes:
                self._rotate()
                size = 0
            with self.path.open("ab") as file:
                file.write(line if not size or self._ends_whole() else b"\n" + line)
                file.flush()
                if self.sync:
                    os.fsync(file.fileno())

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def _rotate(self) -> None:
        """Give the full file the next number."""
        self.path.rename(numbered(self.path, max(full_files(self.path), default=0) + 1))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes out, by a lock file beside the log."""
        with self.path.with_name(f".{self.path.name}.lock").open("ab") as lock:
            if os.name == "posix":
                fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
            yield
