"""Files of labels: answers of a review, a spreadsheet, or what labelling tools export."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from router.errors import LogError
from router.files import write_whole
from router.logs.formats import LogFile, Record
from router.logs.labels import ANY_QUESTION, Gold
from router.review.labels import LabelledText

_TEXTS = ("text", "query", "question", "utterance", "input", "prompt", "message")
_LABELS = ("label", "labels", "gold", "intent", "choice", "target", "targets", "skill", "category")
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
"""How a cell begins that a spreadsheet takes for a formula."""

_RESPONSES = (".responses", ".response", ".suggestion")
"""What Argilla appends to the name of a question."""


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of `checks.jsonl`: never learned from, and what a pack must keep getting right.

    :param text: The query.
    :param label: An id, a list of ids, or the full form, as in a labelled log.
    :param right: Whether it was decided rightly when the pack last learned.
    """

    text: str
    label: Any
    right: bool | None = None

    @property
    def pair(self) -> tuple[str, object]:
        """Text and label."""
        return self.text, self.label


def read_label_file(path: Path) -> list[tuple[str, object]]:
    """Read the (text, label) pairs of a file of JSON lines, JSON, CSV, TSV or Parquet.

    A text that was answered again has its last answer, and none if that was taken back.

    :raises LogError: The file can't be read, or has no column of texts or of labels.
    """
    if not path.is_file():
        raise LogError(f"{path}: no such file; `router review RUN` writes one")
    pairs: dict[str, object] = {}
    repeated: list[tuple[str, object]] = []
    has_labels = False
    for number, record in enumerate(LogFile.open(path).records(), start=1):
        if not isinstance(record, Record):
            raise LogError(f"{path}:{record.line}: {record.reason}; mend or remove the line")
        fields = _flat(record.fields)
        text, label = _first(fields, _TEXTS), _label(fields)
        if not isinstance(text, str):
            continue
        has_labels = has_labels or label is not None
        if "kind" in record.fields:  # an answer of a review
            pairs[text] = label if record.fields["kind"] == "label" else None
        else:
            repeated.append((text, label))
        if number == 1 and not any(_is_label(name) for name in fields):
            shown = ", ".join(fields)
            raise LogError(f"{path}: no column of labels, such as 'label'; there are {shown}")
    if not has_labels and not pairs:
        raise LogError(f"{path}: no line has a text and a label; name the columns text and label")
    return [*repeated, *((text, label) for text, label in pairs.items() if label is not None)]


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Bring the texts and annotations of Label Studio and Argilla to the top."""
    flat = dict(fields)
    for inner in ("data", "fields"):
        if isinstance(flat.get(inner), Mapping):
            flat |= flat.pop(inner)
    annotations = flat.pop("annotations", None)
    if isinstance(annotations, list):
        choices = [
            choice
            for annotation in annotations[-1:]
            for result in annotation.get("result", ())
            for choice in result.get("value", {}).get("choices", ())
        ]
        flat["label"] = choices or None
    return flat


def _first(fields: Mapping[str, Any], names: Sequence[str]) -> Any:  # noqa: ANN401 - any JSON
    lower = {name.lower(): value for name, value in fields.items()}
    return next((lower[name] for name in names if name in lower), None)


def _is_label(name: str) -> bool:
    return name.lower().removesuffix(".responses").split(".")[0] in _LABELS or name == "action"


def _label(fields: Mapping[str, Any]) -> object:
    """Give the label of a record; a list with one item is that item."""
    names = (*_LABELS, *(f"{name}{end}" for end in _RESPONSES for name in _LABELS))
    label = _first(fields, names)
    if label is None and fields.get("action") and "confidence" not in fields:
        return {name: fields.get(name) for name in Gold.__struct_fields__}
    if isinstance(label, Mapping) and "choices" in label:
        label = label["choices"]
    if isinstance(label, list) and len(label) == 1:
        return label[0]
    return label


def read_checks(path: Path) -> list[Check]:
    """Read `checks.jsonl`; no checks if there is no such file.

    :raises LogError: A line is no check; the message names it.
    """
    if not path.exists():
        return []
    checks = []
    decoder = msgspec.json.Decoder(Check)
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if line.strip():
            try:
                checks.append(decoder.decode(line))
            except msgspec.DecodeError as error:
                raise LogError(
                    f"{path}:{number}: a check has text and label: {error}; mend or remove it"
                ) from error
    return checks


def checks_text(lines: Iterable[LabelledText], right: Iterable[bool]) -> bytes:
    """Give the content of `checks.jsonl`."""
    checks = (
        Check(line.text, plain_label(line.gold), bool(is_right))
        for line, is_right in zip(lines, right, strict=True)
    )
    return msgspec.json.Encoder().encode_lines(checks)


def plain_label(gold: Gold) -> object:
    """Write a label as shortly as `read_labelled` reads it."""
    rest = Gold(gold.action, gold.skills, gold.packs, gold.question)
    if rest == gold:
        if gold == Gold("none"):
            return "none"
        if gold.action == "route" and gold.skills and not gold.packs:
            return gold.skills[0] if len(gold.skills) == 1 else list(gold.skills)
        if gold.action == "redirect" and len(gold.packs) == 1:
            return gold.packs[0]
        if gold.action == "clarify" and gold.question not in (None, ANY_QUESTION):
            return gold.question
    fields = {name: getattr(gold, name) for name in Gold.__struct_fields__}
    return {name: value for name, value in fields.items() if value}


def write_pairs(path: Path, pairs: Iterable[tuple[str, object]]) -> None:
    """Write texts with labels, None for those without one, as CSV or as JSON lines by the name."""
    if path.suffix.lower() != ".csv":
        rows = [{"text": text, "label": label} for text, label in pairs]
        write_whole(path, msgspec.json.Encoder().encode_lines(rows))
        return
    import csv
    import io

    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(("text", "label"))
    for text, label in pairs:
        shown = "; ".join(map(str, label)) if isinstance(label, list | tuple) else label
        writer.writerow((_safe_cell(text), "" if shown is None else shown))
    write_whole(path, table.getvalue())


def _safe_cell(text: str) -> str:
    """Keep a spreadsheet from taking a query for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text
