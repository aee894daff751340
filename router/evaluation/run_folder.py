"""The folder that an evaluation leaves behind, read back row by row: memory holds one batch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from router.errors import LogError
from router.logs.labels import Gold

if TYPE_CHECKING:
    from router.evaluation.metrics import Metrics

BATCH = 8_192
PARQUET, JSONL = "decisions.parquet", "decisions.jsonl"
ASK, NONE = "ask", "none"


class Row(Struct, frozen=True):
    """One line of the log and what was decided. No `gold`: the line has no label."""

    line: int
    text: str
    action: str
    id: str | int | None = None
    time: str | None = None
    skills: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    question: str | None = None
    confidence: float = 0.0
    margin: float = 0.0
    reason: str = ""
    gold: Gold | None = None
    accepted: bool | None = None

    @property
    def decided(self) -> tuple[object, ...]:
        """What a user of the router acts on: two rows that agree in it are decided alike."""
        return self.action, self.skills, self.packs, self.question

    @property
    def silently_wrong(self) -> bool:
        """Whether the decision is not acceptable and nobody was asked: the costly error."""
        return self.accepted is False and self.action != "clarify"

    @property
    def outcome(self) -> str:
        """The action where there is no label, else "right", "asked" or "wrong"."""
        if self.accepted is None:
            return self.action
        if self.accepted:
            return "right"
        return "wrong" if self.silently_wrong else "asked"

    @property
    def given(self) -> str:
        """The target that was decided for: "skill:ID", "neighbour:ID", "ask" or "none".

        Of several skills it is the one that explains a mistake: the first that nobody wanted.
        """
        gold = self._other_route
        if gold is not None:
            extra = [skill for skill in self.skills if skill not in gold.allowed_skills]
            return f"skill:{(*extra, *self.skills)[0]}"
        return target_of(self.action, self.skills, self.packs)

    @property
    def wanted(self) -> str | None:
        """The target that the label asks for; what was given if that is acceptable."""
        gold = self.gold
        if gold is None:
            return None
        if self.accepted:
            return self.given
        if self._other_route is not None:
            missing = [skill for skill in gold.skills if skill not in self.skills]
            return f"skill:{(*missing, *gold.allowed_skills)[0]}"
        return target_of(gold.action, gold.skills, gold.packs)

    @property
    def _other_route(self) -> Gold | None:
        """The label, if both it and the decision are routes."""
        gold = self.gold
        routes = gold is not None and gold.action == "route" == self.action
        return gold if routes and gold is not None and gold.allowed_skills and self.skills else None


def target_of(action: str, skills: tuple[str, ...], packs: tuple[str, ...]) -> str:
    """Name the one target that stands for a decision."""
    if action == "route" and skills:
        return f"skill:{skills[0]}"
    if action == "redirect" and packs:
        return f"neighbour:{packs[0]}"
    return ASK if action == "clarify" else NONE


@dataclass(frozen=True)
class RunFolder:
    """The decisions, figures and settings of one run."""

    path: Path

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """Find the decisions of a run.

        :raises LogError: The folder has no decisions.
        """
        folder = Path(path)
        if not any((folder / name).exists() for name in (PARQUET, JSONL)):
            raise LogError(
                f"{folder}: a run folder holds {PARQUET} or {JSONL}, this one neither;"
                " `router evaluate LOG --out FOLDER` writes one"
            )
        return cls(folder)

    @property
    def name(self) -> str:
        """The name of the folder itself."""
        return self.path.resolve().name

    @cached_property
    def metrics(self) -> "Metrics":
        """The figures of the run.

        :raises LogError: There are none, or an older version wrote them.
        """
        from router.evaluation.metrics import Metrics

        path = self.path / "metrics.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=Metrics)
        except (OSError, msgspec.DecodeError) as error:
            raise LogError(
                f"{path}: the figures of a run, as this version writes them: {error};"
                " run `router evaluate` again"
            ) from error

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What was run on what, as `run.json` holds it; empty if there is no such file."""
        path = self.path / "run.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        except FileNotFoundError:
            return {}
        except msgspec.DecodeError as error:
            raise LogError(f"{path}: not a JSON object: {error}; evaluate the log again") from error

    def rows(self) -> Iterator[Row]:
        """Give each decision, in the order of the log.

        :raises LogError: A row is not what an evaluation writes; the message names it.
        """
        parquet = self.path / PARQUET
        if parquet.is_dir():  # the parts of an engine that spreads its work
            return chain.from_iterable(map(_parquet_rows, sorted(parquet.iterdir())))
        return _parquet_rows(parquet) if parquet.is_file() else _jsonl_rows(self.path / JSONL)


def _jsonl_rows(path: Path) -> Iterator[Row]:
    decoder = msgspec.json.Decoder(Row)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    row = decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise LogError(
                        f"{path}:{number}: not a decision: {error}; run the evaluation again"
                    ) from error
                yield row


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH):
                yield from (_nested(record) for record in batch.to_pylist())
    except (pa.ArrowException, msgspec.ValidationError) as error:
        raise LogError(f"{path}: not a table of decisions: {error}; evaluate again") from error


def _nested(record: Mapping[str, Any]) -> Row:
    """Gather the flat `gold_*` columns of a row again, and leave out what is absent."""
    present = {key: value for key, value in record.items() if value is not None}
    gold = {key[5:]: present.pop(key) for key in list(present) if key.startswith("gold_")}
    time = present.get("time")
    if time is not None and not isinstance(time, str):
        present["time"] = time.isoformat()
    if gold.get("action"):
        present["gold"] = gold
    return msgspec.convert(present, Row)
