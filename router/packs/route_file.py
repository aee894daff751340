"""Read a pack from a file of anyone's routes: a table, JSON, YAML, semantic-router or Rasa."""

import csv
import io
import json
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from router.errors import PackError
from router.packs.faults import Fault
from router.packs.labelled_lines import (
    LabelledLine,
    Where,
    grouped,
    is_column,
    line_of_record,
    lines_of_columns,
    lines_of_mapping,
    table_columns,
    text_and_label_columns,
    unknown_columns,
)
from router.packs.pack import Pack
from router.packs.text_file import read_text_file
from router.packs.yaml_lines import LinesByPath, YamlFault, parse_yaml

_MAX_BYTES = 500_000_000
_SNIFFED_CHARACTERS = 65_536
_DELIMITERS = ",\t;|"
_FORMATS = "CSV, TSV, JSON, JSON lines, Parquet, YAML of semantic-router or Rasa"
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")  # zip and xlsx, gzip, xls

_ENTITY = re.compile(r"\[([^\[\]]+)\](?:\([^()]*\)|\{[^{}]*\}|\[\{[^\[\]]*\}\])")
"""Rasa's mark of an entity: [Berlin](city), [Berlin]{"entity": "city"}, [Berlin][{...}, {...}]."""


def read_routes(path: str | Path) -> Pack:
    """Read a pack from a file of routes: their labels and example queries.

    The format is recognised by suffix and content: CSV and TSV with a column of texts and one of
    labels; JSON lines and Parquet with such fields; JSON or YAML with labels and their texts, two
    lists, or records; the JSON and YAML of semantic-router; and Rasa's training data. A warning
    names what is passed over.

    :param path: The file. Its stem becomes the title of the pack.
    :raises PackError: The file can't be read, or the pack that it makes has faults; the message
        says what is wrong, and where.
    """
    pack, faults = check_routes(path)
    if faults:
        raise PackError("\n".join(map(str, faults)))
    return pack


def check_routes(path: str | Path) -> tuple[Pack, list[Fault]]:
    """Read a file of routes, and list every fault of the pack that it makes.

    :raises PackError: The file can't be read.
    """
    path = Path(path)
    lines = list(_lines(path))
    groups = grouped(lines)
    if not groups.routes and not groups.several:
        raise PackError(f"{path}: no line with the label of a route was found in it")
    data = {str(line.label).strip(): line.data for line in lines if line.data}
    try:
        pack = Pack.of(
            groups.routes, none=groups.none, several=groups.several, data=data, title=path.stem
        )
    except PackError as error:
        raise PackError(f"{path}: {error}") from error
    return pack, [replace(fault, file=str(path)) for fault in pack.faults()]


def is_route_file(path: str | Path) -> bool:
    """Tell whether a path is a file, or has the suffix of one that `read_routes` reads."""
    path = Path(path)
    return path.is_file() or (path.suffix.lower() in _READERS and not path.is_dir())


def _lines(path: Path) -> Iterator[LabelledLine]:
    """Read the lines of a file in the format that its suffix or its content tells."""
    try:
        with path.open("rb") as file:
            start = file.read(4_096)
    except OSError as error:
        cure = "name a file of routes"
        raise PackError(f"{path}: can't be read: {error.strerror}; {cure}") from error
    if start.startswith(_ARCHIVES):
        raise PackError(f"{path}: an archive or a spreadsheet; save it as one of: {_FORMATS}")
    if start.startswith(b"PAR1"):
        return _parquet_lines(path)
    is_json = start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))
    return _READERS.get(path.suffix.lower(), _json_lines if is_json else _table_lines)(path)


def _text(path: Path) -> str:
    return read_text_file(path, "a file of routes", _MAX_BYTES)


def _table_lines(path: Path) -> Iterator[LabelledLine]:
    """Read CSV or TSV, with a header or with two columns, texts and labels."""
    text = _text(path)
    likely = "\t" if path.suffix.lower() in (".tsv", ".tab") else _sniffed(text)
    for delimiter in (likely, *_DELIMITERS):
        header = _header(path, text, delimiter)
        if text_and_label_columns(header) is not None or len(header) == 2:
            return _lines_of_rows(path, _rows(path, text, delimiter), header)
    raise PackError(f"{path}:1: {unknown_columns(_header(path, text, likely))}")


def _sniffed(text: str) -> str:
    try:
        return csv.Sniffer().sniff(text[:_SNIFFED_CHARACTERS], _DELIMITERS).delimiter
    except csv.Error:
        return ","


def _header(path: Path, text: str, delimiter: str) -> list[str]:
    return next(iter(_rows(path, text, delimiter)), (0, []))[1]


def _rows(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Read the rows that are not blank, each with its line number, which counts from 1.

    Tab-separated files are often written without quoting. If one has quotation marks that do not
    pair, they are taken for characters.
    """
    is_unquoted = delimiter == "\t" and any(
        cell.startswith('"') and not (cell.endswith('"') and len(cell) > 1)
        for line in text.split("\n")
        for cell in line.rstrip("\r").split("\t")
    )
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_NONE if is_unquoted else csv.QUOTE_MINIMAL,
        strict=True,
    )
    number = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield number, row
            number = reader.line_num + 1
    except csv.Error as error:
        raise PackError(
            f"{path}:{number}: not a table: {error}; put a cell that holds quotation marks into"
            ' quotation marks, and double those within: ""'
        ) from error


def _lines_of_rows(
    path: Path, rows: Iterator[tuple[int, list[str]]], header: list[str]
) -> Iterator[LabelledLine]:
    columns = text_and_label_columns(header)
    text_index, label_index = (0, 1) if columns is None else map(header.index, columns)
    if columns is not None:
        next(rows)
    for number, row in rows:
        if len(row) != len(header):
            raise PackError(
                f"{path}:{number}: each row has {len(header)} cells, was: {len(row)}; put a cell"
                " that holds the delimiter into quotation marks"
            )
        yield LabelledLine(row[text_index], row[label_index], f"{path}:{number}")


def _parquet_lines(path: Path) -> Iterator[LabelledLine]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            columns = text_and_label_columns(file.schema_arrow.names)
            table = file.read(columns=None if columns is None else list(columns))
        texts_and_labels = table_columns(table, f"{path}: ")
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise PackError(f"{path}: not Parquet: {error}; write the file again") from error
    return lines_of_columns(texts_and_labels, f"{path}: row")


def _json_lines(path: Path) -> Iterator[LabelledLine]:
    """Read JSON, or a JSON object on each line."""
    text = _text(path)
    try:
        content = json.loads(text, object_pairs_hook=_distinct_keys)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text.lstrip().startswith("{"):
            return _record_lines(path)
        raise PackError(f"{path}:{error.lineno}: not JSON: {error.msg}; mend it there") from error
    except (ValueError, RecursionError) as error:
        raise PackError(f"{path}: not read: {_reason(error)}") from error
    return _lines_of_data(content, lambda key: f"{path}: {key}" if key else str(path))


def _record_lines(path: Path) -> Iterator[LabelledLine]:
    """Read JSON lines."""
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if line.strip():
            where = f"{path}:{number}"
            try:
                record = json.loads(line, object_pairs_hook=_distinct_keys)
            except (ValueError, RecursionError) as error:
                cure = "write one object a line"
                raise PackError(f"{where}: not JSON: {_reason(error)}; {cure}") from error
            yield line_of_record(record, where)


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        [(repeated, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {repeated!r} stands twice in one object; keep one")
    return values


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it has too many levels of nesting"
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _yaml_lines(path: Path) -> Iterator[LabelledLine]:
    """Read YAML: Rasa's training data, or what JSON may hold."""
    try:
        content, lines = parse_yaml(_text(path))
    except YamlFault as fault:
        raise PackError(f"{path}:{fault.line}: {fault}") from fault

    def where(key: str) -> str:
        number = lines.get(f"${key}" if key.startswith("[") else f"$.{key}")
        return f"{path}:{number}" if number else f"{path}: {key}" if key else str(path)

    if isinstance(content, Mapping) and "nlu" in content:
        return _rasa_lines(path, content, lines)
    return _lines_of_data(content, where)


def _lines_of_data(content: object, where: Where) -> Iterator[LabelledLine]:
    """Read plain data in any of its shapes."""
    if isinstance(content, Mapping):
        return _lines_of_object(content, where)
    if isinstance(content, list) and len(content) == 2 and all(map(is_column, content)):
        return lines_of_columns((content[0], content[1]), f"{where('')}: item")
    if not isinstance(content, list) or not content:
        raise _unknown_shape(where(""))
    if isinstance(content[0], Mapping) and "name" in content[0]:
        return _lines_of_routes(content, "", where)
    return (line_of_record(record, where(f"[{i}]")) for i, record in enumerate(content))


def _lines_of_object(content: Mapping[str, Any], where: Where) -> Iterator[LabelledLine]:
    if "categories" in content and "skills" in content:
        raise PackError(f"{where('')}: the file of a pack; name the folder in which it lies")
    for key in ("routes", "routers"):
        items = content.get(key)
        if isinstance(items, list) and any(isinstance(item, Mapping) for item in items):
            return _lines_of_routes(items, key, where)
    if not content or not all(map(is_column, content.values())):
        raise _unknown_shape(where(""))
    for text, label in (("texts", "labels"), ("text", "label")):
        if content.keys() == {text, label}:
            return lines_of_columns((content[text], content[label]), f"{where('')}: item")
    return lines_of_mapping(content, where)


def _unknown_shape(where: str) -> PackError:
    return PackError(
        f"{where}: routes are {{label: [text, ...]}}, two lists of texts and labels, records like"
        ' {"text": ..., "label": ...}, or what semantic-router or Rasa writes, was none of these'
    )


def _lines_of_routes(items: list[Any], key: str, where: Where) -> Iterator[LabelledLine]:
    """Read the routes of semantic-router, and those of routers within a router."""
    for i, item in enumerate(items):
        path = f"{key}[{i}]"
        if not isinstance(item, Mapping):
            cure = "a route has a name and utterances"
            raise PackError(f"{where(path)}: {cure}, was: {type(item).__name__} {str(item)[:60]!r}")
        nested = [name for name in ("routes", "routers") if isinstance(item.get(name), list)]
        for name in nested:
            yield from _lines_of_routes(item[name], f"{path}.{name}", where)
        if not nested:
            yield from _lines_of_route(item, path, where)


def _lines_of_route(route: Mapping[str, Any], path: str, where: Where) -> Iterator[LabelledLine]:
    """Read a route; its metadata becomes the data that the decision gives back."""
    name, utterances = route.get("name"), route.get("utterances")
    if not isinstance(name, str) or not name.strip():
        raise PackError(f"{where(path)}: a route has a name, was: {name!r}")
    if not isinstance(utterances, list) or not utterances:
        raise PackError(
            f"{where(path)}: the route {name!r} has no utterances; give it at least three, since"
            " routes are told apart by their examples"
        )
    metadata = route.get("metadata")
    data = metadata if isinstance(metadata, Mapping) else {}
    for i, utterance in enumerate(utterances):
        yield LabelledLine(utterance, name, where(f"{path}.utterances[{i}]"), data)


def _rasa_lines(
    path: Path, content: Mapping[str, Any], lines: LinesByPath
) -> Iterator[LabelledLine]:
    """Read the examples of Rasa's intents, and warn of all else."""
    if not isinstance(content["nlu"], list):
        raise PackError(f"{path}:{lines['$.nlu']}: `nlu` is a list of intents with examples")
    passed_over = Counter(key for key in content if key not in ("nlu", "version"))
    for i, item in enumerate(content["nlu"]):
        number = lines[f"$.nlu[{i}]"]
        if not isinstance(item, Mapping):
            raise PackError(f"{path}:{number}: an intent has a name and examples, was: {item!r}")
        if "intent" in item:
            yield from _rasa_examples(path, item, lines.get(f"$.nlu[{i}].examples", number))
        else:
            passed_over[next(iter(item), "an empty item")] += 1
    if passed_over:
        listed = ", ".join(f"{key} ({n})" for key, n in sorted(passed_over.items()))
        what = f"only the examples of intents are read; passed over: {listed}"
        warnings.warn(f"{path}: {what}", stacklevel=2)


def _rasa_examples(path: Path, item: Mapping[str, Any], line: int) -> Iterator[LabelledLine]:
    """Read the examples of one intent: a text with "- " before each, or a list of records.

    :param line: The line in which the examples begin.
    """
    examples = item.get("examples")
    if isinstance(examples, str):
        numbered = [
            (number, text.strip())
            for number, text in enumerate(examples.split("\n"), start=line + 1)
            if text.strip()
        ]
    elif isinstance(examples, list):
        texts = (text.get("text") if isinstance(text, Mapping) else text for text in examples)
        numbered = [(line, f"- {str(text or '').strip().removeprefix('- ')}") for text in texts]
    else:
        raise PackError(
            f"{path}:{line}: the intent {item['intent']!r} has no examples; write `examples: |` and"
            " below it one example a line, each after `- `"
        )
    for number, text in numbered:
        if not text.startswith("-"):
            what = "an example is one line that begins with `- `"
            raise PackError(f"{path}:{number}: {what}, was: {text[:60]!r}")
        plain = _ENTITY.sub(r"\1", text.removeprefix("-"))
        yield LabelledLine(plain, item["intent"], f"{path}:{number}")


_READERS: dict[str, Callable[[Path], Iterator[LabelledLine]]] = {
    ".csv": _table_lines,
    ".tsv": _table_lines,
    ".tab": _table_lines,
    ".json": _json_lines,
    ".jsonl": _record_lines,
    ".ndjson": _record_lines,
    ".yaml": _yaml_lines,
    ".yml": _yaml_lines,
    ".parquet": _parquet_lines,
    ".pq": _parquet_lines,
}
