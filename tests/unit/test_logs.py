import gzip
import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyarrow import parquet

from router.errors import LogError
from router.logs.formats import file_hash, find_files, fingerprint
from router.logs.labels import Gold, LabelReader
from router.logs.reader import Columns, read_log
from router.logs.values import read_time

GUESSED = Columns()


@pytest.fixture
def read(bike_shop, tmp_path):
    """Read a log written as bytes; give its lines and what is rejected."""

    def read_bytes(content, name="log.jsonl", columns=GUESSED, **options):
        path = tmp_path / name
        path.write_bytes(content)
        return chunks_of(path, bike_shop, columns, **options)

    return read_bytes


def chunks_of(path, pack, columns=GUESSED, **options):
    files = find_files(path, exclude=path / "nowhere")
    chunks = list(read_log(files, columns, LabelReader(pack), **options))
    lines = [line for chunk in chunks for line in chunk.lines]
    rejected = [one for chunk in chunks for one in chunk.rejected]
    assert sum(chunk.read for chunk in chunks) == len(lines) + len(rejected)
    assert sum(file.read for file in files) == len(lines) + len(rejected)
    return lines, rejected


def jsonl(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def test_lines_of_json(read):
    lines, rejected = read(
        jsonl({"id": 7, "text": "flat tyre", "time": "2026-09-01T10:00:00+02:00"}, {"text": "x"})
    )
    assert not rejected
    assert [(line.line, line.id, line.text) for line in lines] == [
        (1, "7", "flat tyre"),
        (2, "2", "x"),
    ]
    assert lines[0].time == datetime(2026, 9, 1, 8, tzinfo=UTC)
    assert lines[0].gold is None


def test_a_byte_order_mark_and_crlf_are_no_part_of_the_text(read):
    content = b'\xef\xbb\xbf{"text": "one"}\r\n\r\n{"text": "two"}\r\n'
    lines, rejected = read(content)
    assert [(line.line, line.text) for line in lines] == [(1, "one"), (3, "two")]
    assert not rejected
    lines, rejected = read(b"\xef\xbb\xbftext,label\r\none,fix-tyres\r\n", "log.csv")
    assert [(line.text, line.gold) for line in lines] == [("one", Gold("route", ("fix-tyres",)))]


def test_quotes_commas_and_newlines_in_fields(read):
    content = b'text,label\n"he said ""stop"",\nbut it did not",fix-brakes\nnext,fix-tyres\n'
    lines, rejected = read(content, "log.csv")
    assert [(line.line, line.text) for line in lines] == [
        (2, 'he said "stop",\nbut it did not'),
        (4, "next"),
    ]
    assert not rejected


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b'{"text": "cut', "not JSON"),
        (b'{"text": "\xff\xfe"}', "not UTF-8"),
        (b'{"text": "raw \x00 byte"}', "not JSON"),
        (b"[1, 2]", "a line is an object with keys"),
        (b'{"txt": "x"}', "there is no 'text' here, only 'txt'"),
        (b'{"text": null}', "'text' is text, was: None"),
        (b'{"text": "x", "label": "fix-tires"}', "did you mean 'fix-tyres'"),
        (b'{"text": "x", "time": "yesterday"}', None),
        (b'{"text": "x", "time": 1e18}', None),
        (b'{"text": "half \\ud800"}', "not JSON"),
        (b"[" * 3_000, "not JSON"),
    ],
)
def test_a_broken_line_is_named_and_the_others_are_read(read, broken, reason):
    good = b'{"text": "good", "label": "fix-tyres", "time": 1788249600}\n'
    lines, rejected = read(good + broken + b"\n" + good)
    if reason is None:
        assert [line.line for line in lines] == [1, 2, 3]
        return
    assert [line.line for line in lines] == [1, 3]
    assert [(one.line, reason in one.reason) for one in rejected] == [(2, True)]
    assert len(rejected[0].raw) <= 200


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b"one,fix-tyres,more", "a line has 2 fields as the header does, this one 3"),
        (b"alone", "this one 1"),
        (b"\xff\xfe,fix-tyres", "not UTF-8"),
        (b'"open"ed,fix-tyres', "not CSV: ',' expected after"),
    ],
)
def test_a_broken_line_of_csv(read, broken, reason):
    lines, rejected = read(b"text,label\na,none\n" + broken + b"\nb,none\n", "log.csv")
    assert [line.line for line in lines] == [2, 4]
    assert [(one.line, reason in one.reason) for one in rejected] == [(3, True)]


def test_a_stray_quote_costs_its_own_line(read):
    lines, rejected = read(b'text,label\na,none\n"b,none\nc,none\n', "log.csv")
    assert [(line.line, line.text) for line in lines] == [(2, "a"), (4, "c")]
    assert [(one.line, one.reason) for one in rejected] == [(3, "not CSV: unexpected end of data")]
    # A second stray quote closes the cell of the first; each line between is a row by itself.
    content = b'text,label\n"b,none\n' + b"c,none\n" * 20 + b'd",none\ne,none\n'
    lines, rejected = read(content, "log.csv")
    assert [one.line for one in rejected] == [2]
    assert [line.text for line in lines] == ["c"] * 20 + ['d"', "e"]
    lines, rejected = read(b'text,label\n"b,none\n"c",none\n', "log.csv")
    assert ([one.line for one in rejected], [line.text for line in lines]) == ([2], ["c"])


def test_nul_html_and_long_texts_come_as_they_are(read):
    texts = ["a\0b", "<script>alert(1)</script>", "x" * 1_000_000]
    lines, rejected = read(jsonl(*({"text": text} for text in texts)))
    assert [line.text for line in lines] == texts
    lines, rejected = read(b"text\n" + "\n".join(texts).encode() + b"\n", "log.csv")
    assert [line.text for line in lines] == texts
    assert not rejected


def test_compressed_tsv_and_parquet_read_the_same(read, tmp_path, bike_shop):
    rows = [("flat tyre", "fix-tyres", "2026-09-01T08:00:00"), ("hello", "none", "2026-09-02")]
    table = pa.table(
        {
            "query": [row[0] for row in rows],
            "label": [[row[1]] for row in rows],
            "time": pa.array([datetime.fromisoformat(row[2]) for row in rows]),
            "vector": [[0.5] * 3] * 2,
        }
    )
    parquet.write_table(table, tmp_path / "x.parquet")
    tsv = b"query\tlabel\ttime\n" + "".join("\t".join(row) + "\n" for row in rows).encode()
    as_json = jsonl(*({"query": t, "label": s, "time": at} for t, s, at in rows))

    def content(found):
        lines, rejected = found
        assert not rejected
        return [(line.text, line.gold, line.time) for line in lines]

    wanted = content(read(as_json))
    assert wanted[0][1] == Gold("route", ("fix-tyres",))
    assert content(read(tsv, "log.tsv")) == wanted
    assert content(read(tsv, "log")) == wanted
    assert content(read(gzip.compress(as_json), "log.jsonl.gz")) == wanted
    assert content(read(pa.compress(tsv, "zstd", asbytes=True), "log.tsv.zst")) == wanted
    assert content(read(gzip.compress(tsv), "without-a-name")) == wanted
    assert content(chunks_of(tmp_path / "x.parquet", bike_shop)) == wanted


def test_parquet_text_that_is_not_utf8_is_rejected_alone(tmp_path, bike_shop):
    raw = pa.array([b"good", b"\xff\xfe", b"fine"]).view(pa.string())
    parquet.write_table(pa.table({"text": raw}), tmp_path / "x.parquet")
    lines, rejected = chunks_of(tmp_path / "x.parquet", bike_shop)
    assert [line.line for line in lines] == [1, 3]
    assert [(one.line, one.reason) for one in rejected] == [(2, "text is not UTF-8")]


def test_parts_of_a_folder_count_on(tmp_path, bike_shop):
    folder = tmp_path / "parts"
    (folder / "day=2").mkdir(parents=True)
    (folder / "day=1.csv").write_text("text\none\ntwo\n")
    (folder / "day=2" / "x.jsonl").write_text('{"query": "three"}\nbroken\n')
    (folder / "_SUCCESS").write_text("")
    lines, rejected = chunks_of(folder, bike_shop)
    assert [(line.line, line.text) for line in lines] == [(2, "one"), (3, "two"), (4, "three")]
    assert [(one.line, one.reason[:9]) for one in rejected] == [(5, "x.jsonl: ")]


def test_lines_without_an_id_are_numbered_over_all_files(tmp_path, bike_shop):
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(jsonl({"text": "one"}, {"text": "two", "id": "2b"}))
    (folder / "b.jsonl").write_bytes(jsonl({"text": "three"}, {"text": "four", "id": 1}))
    lines, _ = chunks_of(folder, bike_shop)
    # The third line has the number 3. An id of its own is kept, unless it is its line number.
    assert [(line.line, line.id) for line in lines] == [(1, "1"), (2, "2b"), (3, "3"), (4, "1")]


def test_of_two_columns_that_differ_in_case_the_first_is_the_text(read):
    lines, _ = read(b"Text,text,TEXT\nfirst,second,third\n", "log.csv")
    assert [line.text for line in lines] == ["first"]


def test_the_full_form_but_not_a_decision_is_a_label(read):
    full = {"text": "x", "action": "route", "skills": ["fix-tyres"]}
    lines, _ = read(jsonl(full, {"text": "y"}))
    assert [line.gold for line in lines] == [Gold("route", ("fix-tyres",)), None]
    lines, _ = read(jsonl(full | {"confidence": 0.9}))
    assert lines[0].gold is None
    lines, _ = read(jsonl(full | {"confidence": 0.9, "gold": {"action": "none"}}))
    assert lines[0].gold == Gold("none")


def test_a_dash_says_that_there_is_no_such_column(read):
    content = jsonl({"text": "x", "label": "what ever", "time": "soon", "id": "a"})
    lines, rejected = read(content, columns=Columns(label="-", time="-", id="-"))
    assert [(line.id, line.gold, line.time) for line in lines] == [("1", None, None)]


@pytest.mark.parametrize(
    ("content", "name", "columns", "message"),
    [
        (
            b'{"a": "x", "b": "y"}\n',
            "x.jsonl",
            Columns(),
            "there are a, b; cure: name it with --text",
        ),
        (b"text\nx\n", "x.csv", Columns(label="lable"), "no column 'lable'; there are text"),
        (b"a,a\n1,2\n", "x.csv", Columns(), "names each column once; twice: a"),
        ("text\nx\n".encode("utf-16"), "x.csv", Columns(), "this is UTF-16"),
        (gzip.compress(b'{"text": "x"}\n' * 50)[:-12], "x.jsonl.gz", Columns(), "can't be read"),
        (b"PAR1 cut off", "x.parquet", Columns(), "not a Parquet file"),
        (b"PK\x03\x04", "x.csv", Columns(), "no log, but a ZIP archive or an Excel workbook; cure"),
        (b"ORC", "x", Columns(), "no log, but an ORC file"),
        ("text\nxy\n".encode("utf-16-le"), "x.csv", Columns(), "this is UTF-16"),
    ],
)
def test_a_log_that_can_not_be_read_says_why(read, content, name, columns, message):
    with pytest.raises(LogError, match=message):
        read(content, name, columns)


def test_strict_stops_at_the_first_broken_line(read):
    with pytest.raises(LogError, match=r"log.jsonl:2: not JSON.*leave out --strict"):
        read(b'{"text": "x"}\nbroken\nbroken\n', strict=True)


def test_chunks_end_by_lines_and_by_characters(tmp_path, bike_shop, monkeypatch):
    path = tmp_path / "log.jsonl"
    path.write_bytes(jsonl(*({"text": "x" * 10} for _ in range(10))))

    def sizes(lines):
        files = find_files(path, exclude=tmp_path / "out")
        chunks = read_log(files, Columns(), LabelReader(bike_shop).read, lines=lines)
        return [chunk.read for chunk in chunks]

    assert sizes(4) == [4, 4, 2]
    monkeypatch.setattr("router.logs.reader._CHUNK_CHARACTERS", 30)
    assert sizes(100) == [3, 3, 3, 1]


def test_a_fingerprint_is_of_the_content(tmp_path):
    names = ("a.jsonl", "b.jsonl", "c.jsonl")
    for name, content in zip(names, (b"{}", b"{}", b"{ }"), strict=True):
        (tmp_path / name).write_bytes(content)
    one, same, other = (fingerprint([file_hash(tmp_path / name)]) for name in names)
    assert one == same != other


@pytest.mark.parametrize(
    "value",
    [
        "2026-09-01T08:00:00Z",
        "2026-09-01 08:00",
        1_788_249_600,
        "1788249600",
        1_788_249_600_000,
        1_788_249_600_000_000_000,
        datetime(2026, 9, 1, 8, tzinfo=UTC),
        "2026-09-01T10:00:00+02:00",
    ],
)
def test_a_time_in_each_form(value):
    assert read_time(value) == datetime(2026, 9, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize("value", ["soon", True, [1], float("inf"), 10**400, "1950-01-01", -1e17])
def test_what_is_no_time_is_refused(value):
    with pytest.raises(ValueError, match="a time is"):
        read_time(value)
