"""What a log may look like: each input is read as it is meant, and one line says how."""

import bz2
import gzip
import json
import lzma
import os
import struct
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyarrow import parquet

from router.errors import LogError
from router.logs.formats import find_files, left_out
from router.logs.labels import Gold, LabelReader
from router.logs.locations import local_log, local_path
from router.logs.reader import Columns, read_log

TYRES = Gold("route", ("fix-tyres",))


@pytest.fixture
def read(bike_shop, tmp_path):
    """Read a log; give its lines, what is rejected, and the sentences about it."""

    def read_path(content, name="log.jsonl", columns=None):
        path = tmp_path / name
        if isinstance(content, pa.Table):
            parquet.write_table(content, path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        columns = columns or Columns()
        files = find_files(path, tmp_path / "out", columns.text)
        sentences = []
        labels = LabelReader(bike_shop)
        chunks = list(read_log(files, columns, labels, notify=sentences.append))
        lines = [line for chunk in chunks for line in chunk.lines]
        rejected = [line for chunk in chunks for line in chunk.rejected]
        assert sum(file.read for file in files) == len(lines) + len(rejected)
        return lines, rejected, sentences

    return read_path


def texts(result):
    lines, rejected, _ = result
    assert not rejected
    return [line.text for line in lines]


@pytest.mark.parametrize("label", ['" "', '""', "[]", '[""]', '";"', "null", "NaN", '"nan"', "{}"])
def test_a_label_without_an_id_is_no_label(read, label):
    lines, rejected, _ = read(f'{{"text": "a", "label": {label}}}\n')
    assert not rejected
    assert lines[0].gold is None


@pytest.mark.parametrize("label", [" ", ";", "[]", "' '", '" , "', "NaN", ">"])
def test_a_cell_without_an_id_is_no_label(read, label):
    lines, rejected, _ = read(f'text\tlabel\na\t"{label}"\n'.replace('"" , ""', '" , "'), "log.tsv")
    assert not rejected
    assert lines[0].gold is None


def test_an_id_that_a_label_names_twice_is_one(read):
    rows = [{"text": "a", "label": "fix-tyres; fix-tyres"}, {"text": "b", "label": ["none"] * 2}]
    lines, _, _ = read("".join(json.dumps(row) + "\n" for row in rows))
    assert [line.gold for line in lines] == [TYRES, Gold("none")]


def test_an_action_that_is_no_action_is_the_label(read):
    lines, _, said = read("text,action\na,fix-tyres\nb,none\n", "log.csv")
    assert [line.gold for line in lines] == [TYRES, Gold("none")]
    assert "label from action" in said[0]
    lines, _, _ = read("text,action,label\na,route,fix-tyres\n", "log.csv")
    assert [line.gold for line in lines] == [TYRES]


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_the_separator_follows_from_the_header(read, mark, name):
    content = mark.join(["id", "text", "label"]) + "\n" + mark.join(["7", "a, b", "fix-tyres"])
    lines, _, said = read(content, "log.csv")
    assert [(line.id, line.text, line.gold) for line in lines] == [("7", "a, b", TYRES)]
    assert said == [
        f"log.csv: a table separated by {name} (the header is line 1); query from text, label from"
        " label, no time, id from id"
    ]


def test_a_preamble_and_a_stated_separator_are_no_rows(read):
    preamble = "Export of queries,,\nmade on,2026-09-01,\n,,\nid,text,label\n1,a,fix-tyres\n"
    lines, rejected, said = read(preamble, "log.csv")
    assert [(line.line, line.text) for line in lines] == [(5, "a")]
    assert not rejected
    assert "the header is line 4" in said[0]
    assert texts(read("sep=;\ntext;label\na;none\n", "log.csv")) == ["a"]


def test_columns_without_a_name_are_nothing_but_themselves(read):
    lines, rejected, said = read(",text,label,,\n1774740600,a,fix-tyres,,\n5,b,none,,\n", "log.csv")
    assert [(line.text, line.time) for line in lines] == [("a", None), ("b", None)]
    assert not rejected
    assert "no time, no id" in said[0]
    columns = Columns(text="column 1")
    assert texts(read(",label\na,none\n", "log.csv", columns)) == ["a"]
    assert texts(read("text,label\na,none,\n ,  \n", "log.csv")) == ["a"]


def test_a_list_of_queries_has_no_header(read):
    content = "how do I mend a tyre\nsqueal, please\nwhich brake\n"
    wanted = content.splitlines()
    for name in ("log.txt", "log", "log.csv"):
        result = read(content, name)
        assert texts(result) == wanted
        assert [line.line for line in result[0]] == [1, 2, 3]
    assert "a list with a query on each line" in read(content, "log.txt")[2][0]
    assert texts(read(content, "log.csv", Columns(text="-"))) == wanted
    assert texts(read("query\n" + content, "log.csv")) == wanted
    assert texts(read("[urgent] my tyre\nand a brake\n", "log.txt"))[0] == "[urgent] my tyre"


def test_a_table_without_a_text_is_refused_with_its_cure(read):
    with pytest.raises(LogError, match="there are who, what; .*--text-column - if each line is a"):
        read("who;what\na;b\nc;d\n", "log.csv")


@pytest.mark.parametrize(
    "content",
    [
        '[{"text": "a", "label": "fix-tyres"}, {"text": "b"}]',
        json.dumps([{"text": "a", "label": "fix-tyres"}, {"text": "b"}], indent=2),
        json.dumps({"made": "today", "rows": [{"text": "a"}, {"text": "b"}]}, indent=2),
        '["a", "b"]',
        '[\n{"text": "a", "score": NaN},\n{"text": "b"}\n]\n',
        '{"text": "a", "score": NaN}\n{"text": "b", "score": -Infinity}\n',
        '"a"\n"b"\n',
        '{"input": {"query": "a"}}\n{"input": {"query": "b"}}\n',
        '{"event": {"data": {"prompt": "a"}}}\n{"event": {"data": {"prompt": "b"}}}',
    ],
)
def test_json_in_each_shape(read, content):
    assert texts(read(content, "log.json")) == ["a", "b"]


def test_a_column_inside_another_can_be_named(read):
    content = '{"input": {"query": "a", "note": "b"}, "meta": {"label": "fix-tyres"}}\n'
    assert texts(read(content, columns=Columns(text="input.note"))) == ["b"]
    lines, _, said = read(content)
    assert (lines[0].text, lines[0].gold) == ("a", TYRES)
    assert "query from input.query, label from meta.label" in said[0]
    rows = [{"input": {"query": "a"}, "n": 1}]
    assert texts(read(pa.Table.from_pylist(rows), "log.parquet")) == ["a"]


def test_the_query_of_a_chat_is_the_last_message_of_the_user(read):
    chat = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "hi"},
        {"role": "user", "content": [{"type": "text", "text": "a flat tyre"}]},
        {"role": "assistant", "content": "I see"},
    ]
    result = read(json.dumps({"messages": chat}) + "\n")
    assert texts(result) == ["a flat tyre"]
    assert "query from messages, the user's last message" in result[2][0]
    other = [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]
    assert texts(read(json.dumps({"conversations": other}) + "\n")) == ["a"]


def test_json_of_any_depth_costs_at_most_its_line(read):
    for depth in (900, 100_000):
        deep = "[" * depth + "]" * depth
        lines, rejected, _ = read(f'{{"text": "a"}}\n{{"text": "b", "label": {deep}}}\n{deep}\n')
        assert [line.text for line in lines] == ["a"]
        assert [line.line for line in rejected] == [2, 3]
        read(f'{{"text": "a", "other": {deep}}}\n')


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ('"2026-09-01 10:00:00 UTC"', datetime(2026, 9, 1, 10, tzinfo=UTC)),
        ('"Tue, 01 Sep 2026 10:00:00 GMT"', datetime(2026, 9, 1, 10, tzinfo=UTC)),
        ("20260901", datetime(2026, 9, 1, tzinfo=UTC)),
        ('"20260901"', datetime(2026, 9, 1, tzinfo=UTC)),
        ('" "', None),
        ("NaN", None),
    ],
)
def test_times_in_further_forms(read, value, time):
    lines, _, said = read(f'{{"text": "a", "time": {value}}}\n')
    assert [line.time for line in lines] == [time]
    assert len(said) == 1


@pytest.mark.parametrize("value", ['"01/09/2026"', "0.35", "45901", '"soon"', "[1]", "{}"])
def test_a_time_that_cannot_be_read_costs_no_query(read, value):
    lines, rejected, said = read(f'{{"text": "a", "time": {value}}}\n{{"text": "b", "time": 1}}\n')
    assert not rejected
    assert [(line.text, line.time) for line in lines] == [("a", None), ("b", None)]
    assert "2 times can't be read, such as" in said[1]
    assert "'-' if there is no time" in said[1]


def test_times_of_parquet_that_python_has_no_place_for(read):
    nanoseconds = pa.array([1756720800123456001, None], pa.timestamp("ns"))
    lines, rejected, _ = read(pa.table({"text": ["a", "b"], "ts": nanoseconds}), "log.parquet")
    assert not rejected
    assert lines[0].time == datetime(2025, 9, 1, 10, 0, 0, 123456, tzinfo=UTC)
    late = pa.array([2**62, 0], pa.timestamp("us"))
    lines, rejected, said = read(pa.table({"text": ["a", "b"], "ts": late}), "log.parquet")
    assert not rejected
    assert [line.time for line in lines] == [None, datetime(1970, 1, 1, tzinfo=UTC)]
    assert "1 time can't be read" in said[1]


def test_labels_of_parquet_that_are_nan_are_empty(read):
    table = pa.table({"text": ["a", "b"], "label": [float("nan")] * 2, "time": [float("nan")] * 2})
    lines, rejected, _ = read(table, "log.parquet")
    assert not rejected
    assert [(line.gold, line.time) for line in lines] == [(None, None)] * 2


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log.json", "log", "log.txt"])
@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_log_has_no_lines(read, name, content):
    assert read(content, name) == ([], [], [])


def test_compressed_logs_of_any_number_of_frames(read):
    first, second = b'{"text": "a"}\n', b'{"text": "b"}\n'
    skipped = struct.pack("<II", 0x184D2A53, 3) + b"abc"
    zstd = [pa.compress(part, "zstd", asbytes=True) for part in (first, second)]
    for number, content in enumerate(
        [
            gzip.compress(first) + gzip.compress(second),
            bz2.compress(first) + bz2.compress(second),
            lzma.compress(first) + lzma.compress(second),
            skipped + zstd[0] + skipped + zstd[1] + skipped,
        ]
    ):
        assert texts(read(content, f"log{number}")) == ["a", "b"]


def test_a_line_without_an_end_is_rejected_and_takes_little_memory(read, monkeypatch):
    monkeypatch.setattr("router.logs.formats.MAX_LINE_CHARACTERS", 1_000)
    for name in ("log.jsonl", "log.csv", "log.txt"):
        lines, rejected, _ = read(b"text\n" + b"x" * 100_000 + b"\ntext\n", name)
        assert [line.line for line in rejected if "longer than 1,000" in line.reason] == [2]


@pytest.fixture
def folder(tmp_path):
    """A folder with one log, and with what is none."""
    folder = tmp_path / "log"
    (folder / "earlier-run").mkdir(parents=True)
    (folder / "queries.jsonl").write_text('{"text": "a"}\n')
    for name in ("README.md", "queries.jsonl~", "queries.jsonl.bak", "logo.png", ".hidden.jsonl"):
        (folder / name).write_text("no log\n")
    for name in ("decisions.jsonl", "metrics.json", "run.json"):
        (folder / "earlier-run" / name).write_text('{"text": "b"}\n')
    return folder


def test_a_folder_is_read_without_what_is_no_log(folder, tmp_path):
    out = tmp_path / "out"
    assert [file.path.name for file in find_files(folder, out)] == ["queries.jsonl"]
    assert left_out(folder, out) == [
        "README.md",
        "logo.png",
        "queries.jsonl.bak",
        "queries.jsonl~",
    ]
    with pytest.raises(LogError, match=r"the folder of a run is no log; cure: name decisions"):
        find_files(folder / "earlier-run", out)


def test_a_folder_that_links_to_itself_is_read_once(folder, tmp_path):
    (folder / "self").symlink_to(folder, target_is_directory=True)
    assert len(find_files(folder, tmp_path / "out")) == 1


def test_a_folder_that_cannot_be_read_is_named(folder, tmp_path, monkeypatch):
    locked = folder / "locked"
    locked.mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path) == str(locked):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(LogError, match="locked: can't be read: Permission denied"):
        find_files(folder, tmp_path / "out")


def test_a_name_that_is_not_utf8_is_written_readably(tmp_path, bike_shop):
    folder = tmp_path / "log"
    folder.mkdir()
    for name in (b"a\xff.jsonl", b"b\xff.jsonl"):
        with open(os.fsencode(folder) + b"/" + name, "wb") as file:
            file.write(b"broken\n" + b'{"text": "a"}\n')
    files = find_files(folder, tmp_path / "out")
    sentences = []
    labels = LabelReader(bike_shop)
    (chunk,) = read_log(files, Columns(), labels, notify=sentences.append)
    for text in (*sentences, *(line.reason for line in chunk.rejected)):
        text.encode()
    assert chunk.rejected[0].reason.startswith("a\ufffd.jsonl: not JSON")


def test_a_stream_is_copied_and_a_tilde_is_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local_path("~/x") == tmp_path / "x"
    assert local_path("file:///a/b").as_posix() == "/a/b"
    assert local_path(None) is None
    reader, writer = os.pipe()
    with open(writer, "wb") as file:
        file.write(b"text\na\n")
    try:
        copy = local_log(f"/dev/fd/{reader}", tmp_path / "work")
    finally:
        os.close(reader)
    assert copy.read_bytes() == b"text\na\n"
    with pytest.raises(LogError, match="no store that Arrow knows"):
        local_path("nowhere://x")


@pytest.mark.parametrize("label", ["\u00a0", "\u200b", "<NA>", "#N/A", "NaT", "\u3000"])
def test_a_cell_that_tables_write_for_nothing_is_no_label(read, label):
    lines, rejected, _ = read(f"text,label\na,{label}\nb,fix-tyres\uff1bfix-brakes\n", "log.csv")
    assert not rejected
    assert [line.gold and line.gold.skills for line in lines] == [None, ("fix-tyres", "fix-brakes")]


@pytest.mark.parametrize("name", ["log.json", "log.jsonl", "log"])
@pytest.mark.parametrize(
    "content", ['{"text":"a"}{"text":"b"}', '{\n "text": "a", "s": NaN\n}\n{\n "text": "b"\n}\n']
)
def test_documents_that_follow_each_other_are_records(read, name, content):
    assert texts(read(content, name)) == ["a", "b"]


def test_the_former_format_of_xz_is_read(read):
    packed = lzma.compress(b'{"text": "a"}\n', format=lzma.FORMAT_ALONE)
    assert texts(read(packed, "log.jsonl.lzma")) == ["a"]


def test_an_item_of_a_document_that_is_too_long_is_rejected(read):
    lines, rejected, _ = read(json.dumps([{"text": "a" * 16_000_001}, {"text": "b"}]), "log.json")
    assert [line.text for line in lines] == ["b"]
    assert rejected[0].reason == "longer than 16,000,000 characters"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.txt", "flat tyre\nbrakes\n".encode("utf-16-be"), "this is UTF-16"),
        ("log.csv", b"\n<!DOCTYPE HTML>\n<p>Please log in\n", "a web page"),
        ("log.csv", b"<?xml version='1.0'?>\n<rows/>\n", "an XML file"),
        ("log.yaml", b"- text: a\n", "a YAML file"),
        ("log.jsonl", b"a" * 257 + b"ustar" + bytes(300), "a tar archive"),
        ("log.csv", b"text,label,label\na,b,c\n", "log.csv: a header names each column once"),
    ],
)
def test_what_is_no_log_is_named(read, name, content, message):
    with pytest.raises(LogError, match=message):
        read(content, name)
