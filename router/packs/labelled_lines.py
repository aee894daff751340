"""Labelled texts, from wherever they come, grouped into routes and lines that belong nowhere."""

import ast
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from router.errors import PackError
from router.packs.exemplar_file import MAX_EXEMPLAR_LENGTH
from router.packs.labels import id_of_label

_TEXT_COLUMNS = (
    ("text", "query", "utterance", "question", "sentence")
    + ("texts", "queries", "utterances", "questions", "sentences")
    + ("example", "examples", "message", "phrase", "input")
)
"""The usual names of the column of texts; the first that is there is taken."""

_LABEL_COLUMNS = (
    ("label_text", "label_name", "label", "intent", "route", "category", "class", "target")
    + ("labels", "intents", "routes", "categories", "classes", "targets")
    + ("intent_name", "class_name", "category_name", "skill")
)
"""The usual names of the column of labels; words come before what may be their numbers."""

_NONE_IDS = ("none", "oos", "out-of-scope")
"""The ids of labels that say that a text belongs to no route."""


Where: TypeAlias = Callable[[str], str]
"""Says where a value stands, from its path, like "routes[3].name"."""


class LabelledLine(NamedTuple):
    """A text and its label, both as they came, and where they stand: "shop.csv:12", or "row 12".

    `data` is what the route of that label carries beside its texts.
    """

    text: object
    label: object
    where: str
    data: Mapping[str, Any] = {}


class GroupedLines(NamedTuple):
    """Texts by what they ask for.

    :param routes: For each label its texts.
    :param none: Texts that belong to no route.
    :param several: Texts that ask for several routes, with the labels of these.
    """

    routes: dict[str, list[str]]
    none: list[str]
    several: list[tuple[str, list[str]]]


def routes_of(source: object) -> GroupedLines:
    """Group what a user has in Python into the lines of each route, and those of none.

    :param source: A mapping from labels to lists of texts; a pair of equally long sequences, texts
        and labels; a list of (text, label) pairs or of records; or a table of pandas, arrow, polars
        or Hugging Face with a column of texts and one of labels. The labels "none", "oos" and
        "out_of_scope" mark texts that belong to no route. A list of labels marks a text that asks
        for several routes.
    :raises PackError: It is none of these, or a text or label of it is missing or of a wrong kind.
    """
    if isinstance(source, str | bytes):
        raise PackError(
            "routes are a mapping from labels to texts, a pair (texts, labels) or a table, was one"
            f" text: {source[:60]!r}; to read a file of routes, use Router.load(FILE)"
        )
    if isinstance(source, Mapping):
        return grouped(lines_of_mapping(source, str))
    columns = getattr(source, "column_names", None) or getattr(source, "columns", None)
    if columns is not None and not callable(columns):
        return grouped(_lines_of_table(source, list(columns)))
    if isinstance(source, list) and source and all(map(_is_pair, source)):
        return grouped(
            LabelledLine(text, label, f"row {i}") for i, (text, label) in enumerate(source, 1)
        )
    if isinstance(source, Sequence) and len(source) == 2 and all(map(is_column, source)):
        return grouped(lines_of_columns((source[0], source[1]), "row"))
    if isinstance(source, Sequence) and source and all(isinstance(r, Mapping) for r in source):
        return grouped(line_of_record(record, f"row {i}") for i, record in enumerate(source, 1))
    raise PackError(
        "routes are a mapping from labels to texts, a pair (texts, labels) of equally long lists or"
        f" a table with columns for them, was: {_shown(source)}"
    )


def lines_of(texts: object, name: str) -> list[Any]:
    """Give a list of texts that came from a caller; each of them is checked where it is cleaned.

    :param name: Names it in the message.
    :raises PackError: It is no list, such as a single text.
    """
    if isinstance(texts, str | bytes | Mapping) or not isinstance(texts, Iterable):
        raise PackError(f"{name}: the exemplars are a list of texts, was: {_shown(texts)}")
    return list(texts)


def several_of(pairs: object) -> list[tuple[str, list[str]]]:
    """Read texts that ask for several routes, each with the list of its labels.

    :raises PackError: One of them is no such pair; the message says which.
    """
    result = []
    for i, pair in enumerate(lines_of(pairs, "several")):
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not is_column(pair[1]):
            raise PackError(
                f"several[{i}]: a text with a list of its labels is (text, [label, label]), was:"
                f" {_shown(pair)}"
            )
        where = f"several[{i}]"
        labels = [_label_text(_plain(label), where) for label in pair[1]]
        result.append((_exemplar_text(_plain(pair[0]), where), labels))
    return result


def _is_pair(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)


def grouped(lines: Iterable[LabelledLine]) -> GroupedLines:
    """Group labelled texts by label, in the order in which the labels first come.

    Lines with neither text nor label are left out.

    :raises PackError: A text or a label is missing or of a wrong kind; the message says where.
    """
    result = GroupedLines({}, [], [])
    groups: dict[str, list[str]] = {}
    for line in lines:
        text, label, where = _plain(line.text), _plain(line.label), line.where
        if _is_missing(text) and _is_missing(label):
            continue
        names = _labels_in(label, where)
        if len(names) > 1:
            result.several.append((_exemplar_text(text, where), names))
            continue
        (name,) = names
        if name not in groups:
            is_none = is_none_label(name)
            groups[name] = result.none if is_none else result.routes.setdefault(name, [])
        groups[name].append(_exemplar_text(text, where))
    return result


def _labels_in(label: object, where: str) -> list[str]:
    """Give the labels of a line: one, or several that are no "none". No label in a list is none."""
    if isinstance(label, str) and _is_list_text(label):
        try:
            label = ast.literal_eval(label.strip())
        except (ValueError, SyntaxError) as error:
            raise PackError(
                f"{where}: several labels are written like ['a', 'b'], was: {_shown(label)}"
            ) from error
    if not is_column(label):
        return [_label_text(label, where)]
    names = list(dict.fromkeys(_label_text(_plain(one), where) for one in label))  # type: ignore[attr-defined]
    if len(names) > 1 and any(map(is_none_label, names)):
        raise PackError(
            f"{where}: a line with several labels has routes alone, was: {_shown(label)}; leave"
            ' "none" out'
        )
    return names or ["none"]


def is_none_label(label: str) -> bool:
    """Tell whether a label says that a text belongs to no route."""
    return id_of_label(label) in _NONE_IDS


def lines_of_mapping(routes: Mapping[Any, Any], where: Where) -> Iterator[LabelledLine]:
    """Read a mapping from labels to lists of texts."""
    for label, texts in routes.items():
        if not is_column(texts):
            raise PackError(
                f"{where(str(label))}: the texts of {label!r} are a list, was: {_shown(texts)};"
                " write {label: [text, text, ...]}"
            )
        if len(texts) == 0 and not is_none_label(str(label)):
            raise PackError(f"{where(str(label))}: a route has texts, was: none; leave it out")
        for i, text in enumerate(texts):
            yield LabelledLine(text, label, where(f"{label}[{i}]"))


def lines_of_columns(
    columns: tuple[Sequence[Any], Sequence[Any]], what: str
) -> Iterator[LabelledLine]:
    """Read two equally long lists, texts and labels.

    :param what: What a line is called in messages, with what comes before it: "row".
    """
    texts, labels = columns
    if len(texts) != len(labels):
        raise PackError(
            f"{what}s: there is one label for each text, was: {len(texts):,} texts and"
            f" {len(labels):,} labels; give two lists of the same length, the texts first"
        )
    for number, (text, label) in enumerate(zip(texts, labels, strict=True), start=1):
        yield LabelledLine(text, label, f"{what} {number}")


def line_of_record(record: object, where: str) -> LabelledLine:
    """Read an object with a text and a label."""
    if not isinstance(record, Mapping):
        raise PackError(
            f'{where}: a line is an object like {{"text": ..., "label": ...}}, was:'
            f" {_shown(record)}"
        )
    columns = text_and_label_columns(list(record))
    if columns is None:
        raise PackError(f"{where}: {unknown_columns(record)}")
    return LabelledLine(record[columns[0]], record[columns[1]], where)


def is_column(value: object) -> bool:
    """Tell whether a value is a list, an array or another sequence that is not a text."""
    is_one = isinstance(value, str | bytes | Mapping)
    return not is_one and hasattr(value, "__len__") and hasattr(value, "__iter__")


def text_and_label_columns(names: Sequence[str]) -> tuple[str, str] | None:
    """Pick the columns of texts and labels by their usual names; None if one can't be told.

    If there are two columns and one has a usual name, the other one needs none.
    """
    by_plain_name = {str(name).strip().casefold(): name for name in reversed(names)}

    def first(usual: Iterable[str]) -> str | None:
        return next((by_plain_name[name] for name in usual if name in by_plain_name), None)

    text, label = first(_TEXT_COLUMNS), first(_LABEL_COLUMNS)
    if len(names) == 2 and (text is None) != (label is None):
        text = text or next(name for name in names if name != label)
        label = label or next(name for name in names if name != text)
    return None if text is None or label is None else (text, label)


def unknown_columns(names: Iterable[object]) -> str:
    """Say which columns are needed and which there are."""
    listed = ", ".join(map(str, names)) or "none"
    return (
        f"a column of texts ({', '.join(_TEXT_COLUMNS[:5])}) and one of labels"
        f" ({', '.join(_LABEL_COLUMNS[2:8])}) are needed, there are: {listed}; rename two of them"
    )


def table_columns(table: Any, where: str) -> tuple[list[Any], list[Any]]:  # noqa: ANN401
    """Give the texts and labels of an arrow table as lists.

    Labels that Hugging Face stored as numbers become the names that its metadata gives them.

    :param table: A `pyarrow.Table`.
    :param where: Begins the message if there are no such columns.
    """
    columns = text_and_label_columns(table.column_names)
    if columns is None:
        raise PackError(f"{where}{unknown_columns(table.column_names)}")
    texts, labels = (table.column(name).to_pylist() for name in columns)
    return texts, _named(labels, _class_names(table.schema.metadata or {}, columns[1]))


def _class_names(metadata: Mapping[bytes, bytes], column: str) -> list[str]:
    """Read the names of the numbers in a column from the metadata that Hugging Face writes."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return list(features[column]["names"])
    except (KeyError, TypeError, ValueError):
        return []


def _lines_of_table(table: Any, names: list[str]) -> Iterator[LabelledLine]:  # noqa: ANN401
    """Read a table of pandas, arrow, polars or Hugging Face."""
    if hasattr(table, "column") and hasattr(table, "schema"):
        return lines_of_columns(table_columns(table, ""), "row")
    columns = text_and_label_columns(names)
    if columns is None:
        raise PackError(unknown_columns(names))
    texts, labels = (list(table[name]) for name in columns)
    feature = (getattr(table, "features", None) or {}).get(columns[1])  # of Hugging Face
    return lines_of_columns((texts, _named(labels, getattr(feature, "names", None))), "row")


def _named(labels: list[Any], names: list[str] | None) -> list[Any]:
    """Replace numbers by the names that they stand for, if there are any."""
    if not names:
        return labels
    return [names[n] if isinstance(n, int) and 0 <= n < len(names) else n for n in labels]


def _label_text(label: object, where: str) -> str:
    """Give a label as text: a number is one too."""
    if _is_missing(label):
        raise PackError(
            f"{where}: each line has a label, was: none; label a text that belongs to no route"
            ' with "none"'
        )
    if isinstance(label, float) and label.is_integer():
        label = int(label)  # pandas makes floats of integers if one of them is missing
    if not isinstance(label, str | int | float):
        raise PackError(f"{where}: a label is text or a number, was: {_shown(label)}")
    return str(label).strip()


def _exemplar_text(text: object, where: str) -> str:
    """Give the text of a line; a number is one too."""
    if _is_missing(text):
        raise PackError(f"{where}: each line has a text, was: none; write it or remove the line")
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        cure = "put it into quotation marks" if isinstance(text, bool) else "give plain text"
        raise PackError(f"{where}: a line is text, was: {_shown(text)}; {cure}")
    exemplar = str(text).strip()
    if len(exemplar) > MAX_EXEMPLAR_LENGTH:
        raise PackError(
            f"{where}: a line has at most {MAX_EXEMPLAR_LENGTH:,} characters, was:"
            f" {len(exemplar):,}; keep the sentence that says what is wanted"
        )
    return exemplar


def _is_missing(value: object) -> bool:
    """Tell whether a cell is empty: None, a blank text, NaN, or the missing value of pandas."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or str(value) in ("nan", "NaN", "<NA>", "NaT")


def _is_list_text(label: str) -> bool:
    """Tell whether a list was written into a cell, like "['a', 'b']"."""
    return label.strip().startswith(("['", '["')) and label.strip().endswith("]")


def _plain(value: object) -> object:
    """Make a value of Python of a scalar of numpy or arrow."""
    for method in ("item", "as_py"):
        if hasattr(value, method) and not is_column(value):
            return getattr(value, method)()
    return value


def _shown(value: object) -> str:
    """Quote the beginning of a value, with its type unless it is plain."""
    shown = repr(value)[:60]
    return shown if isinstance(value, str | int | float) else f"{type(value).__name__} {shown}"
