"""Files of anyone's routes: every format, and every kind of bad input with its message."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from router.errors import PackError
from router.packs.labelled_lines import routes_of, text_and_label_columns
from router.packs.route_file import check_routes, is_route_file, read_routes

TEXTS = ["where is my order", "track my parcel", "no sign of it", "I want it back"]
LABELS = ["Order status", "Order status", "Order status", "refund_money"]
PAIRS = list(zip(TEXTS, LABELS, strict=True))
ROUTES = {"Order status": TEXTS[:3], "refund_money": TEXTS[3:]}


def write(folder, name, content):
    path = folder / name
    path.write_text(content, encoding="utf-8") if isinstance(content, str) else path.write_bytes(
        content
    )
    return path


def read(path):
    """Give the pack of a file, whether or not it has enough exemplars."""
    return check_routes(path)[0]


def contents(pack):
    """The labels of a pack with their lines, and the lines that belong nowhere."""
    lines = pack.exemplars.skills
    return {s.title: list(lines[s.id]) for s in pack.file.skills}, list(pack.exemplars.none)


def joined(pairs, delimiter=",", header="text,label"):
    rows = [header.split(","), *pairs] if header else pairs
    return "".join(delimiter.join(row) + "\n" for row in rows)


SEMANTIC_ROUTER_0 = {
    "encoder_type": "openai",
    "encoder_name": "text-embedding-3-small",
    "routes": [
        {
            "name": "Order status",
            "utterances": TEXTS[:3],
            "description": None,
            "function_schemas": None,
            "llm": None,
            "score_threshold": 0.3,
            "metadata": {"handler": "orders"},
        },
        {"name": "refund_money", "utterances": TEXTS[3:], "metadata": {}},
    ],
}
SEMANTIC_ROUTER_1 = {
    "router_type": "indexed",
    "encoder": {"type": "fastembed", "name": "BAAI/bge-small-en-v1.5"},
    "confidence_threshold": 0.5,
    "routes": [
        {"name": "Order status", "utterances": TEXTS[:3], "description": "Where parcels are."},
        {"name": "refund_money", "utterances": TEXTS[3:], "confidence_threshold": 0.9},
    ],
}
SEMANTIC_ROUTER_YAML = f"""\
encoder_name: all-MiniLM-L6-v2
encoder_type: huggingface
routes:
- description: null
  name: Order status
  utterances:
  - {TEXTS[0]}
  - {TEXTS[1]}
  - '{TEXTS[2]}'
- name: refund_money
  utterances: [{TEXTS[3]}]
"""
CHAIN = {"router_type": "chain", "routers": [SEMANTIC_ROUTER_1, {"router_type": "decision"}]}
RECORDS = [{"text": text, "label": label} for text, label in PAIRS]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", joined(PAIRS)),
        ("a.csv", "\ufeff" + joined(PAIRS)),
        ("a.csv", joined(PAIRS).replace("\n", "\r\n")),
        ("a.csv", joined(PAIRS, ";")),
        ("a.csv", joined(PAIRS, header="")),
        ("a.csv", joined([(label, text) for text, label in PAIRS], header="Intent,Utterance")),
        ("a.csv", joined(PAIRS, header="phrase,intent")),
        ("a.csv", joined([("1", *pair, "x") for pair in PAIRS], header="id,query,category,split")),
        ("a.csv", joined(PAIRS) + "\n,\n \n"),
        ("a.tsv", joined(PAIRS, "\t")),
        ("a.tab", joined(PAIRS, "\t", header="sentence,class")),
        ("a.txt", joined(PAIRS, "\t")),
        ("a.jsonl", "\n".join(map(json.dumps, RECORDS)) + "\n\n"),
        ("a.ndjson", "\n".join(json.dumps({"intent": b, "query": a}) for a, b in PAIRS)),
        ("a.json", "\n".join(map(json.dumps, RECORDS))),
        ("a.json", json.dumps(ROUTES)),
        ("a.json", json.dumps([TEXTS, LABELS])),
        ("a.json", json.dumps({"texts": TEXTS, "labels": LABELS})),
        ("a.json", json.dumps(RECORDS)),
        ("a", json.dumps(RECORDS)),
        ("a.yaml", json.dumps(ROUTES)),
        ("a.json", json.dumps(SEMANTIC_ROUTER_0)),
        ("a.json", json.dumps(SEMANTIC_ROUTER_0["routes"])),
        ("a.json", json.dumps(SEMANTIC_ROUTER_1)),
        ("a.json", json.dumps({"router_type": "merge", "routers": [SEMANTIC_ROUTER_1]})),
        ("a.yaml", SEMANTIC_ROUTER_YAML),
        ("a.yml", SEMANTIC_ROUTER_YAML.partition("routes:\n")[2]),
    ],
)
def test_every_format_gives_the_same_routes(tmp_path, name, content):
    pack = read(write(tmp_path, name, content))
    assert contents(pack) == (ROUTES, [])
    assert pack.file.title == "a"
    assert list(pack.skills) == ["order-status", "refund-money"]


def test_cells_with_delimiters_quotes_and_line_ends_are_read(tmp_path):
    path = write(tmp_path, "a.csv", 'text,label\n"one, ""two""\nthree",a\nfour;five,a\n')
    assert contents(read(path))[0] == {"a": ['one, "two" three', "four;five"]}


def test_tsv_without_quoting_keeps_its_quotation_marks(tmp_path):
    path = write(tmp_path, "a.tsv", 'text\tlabel\n"what" is that\ta\n"quoted"\ta\n')
    assert contents(read(path))[0] == {"a": ['"what" is that', '"quoted"']}


@pytest.mark.parametrize("label", ["none", "oos", "OOS", "out_of_scope", "out-of-scope", "None"])
def test_the_labels_of_nothing_are_the_lines_of_none(tmp_path, label):
    path = write(tmp_path, "a.csv", joined([*PAIRS, ("what is love", label)]))
    assert contents(read(path)) == (ROUTES, ["what is love"])


def test_numbers_as_labels_are_text(tmp_path):
    pack = read(write(tmp_path, "a.csv", "text,label\none,7\ntwo,7\nthree,12\n"))
    assert contents(pack)[0] == {"7": ["one", "two"], "12": ["three"]}
    records = [{"text": "one", "label": 7}, {"text": 2, "label": 12.0}]
    pack = read(write(tmp_path, "a.json", json.dumps(records)))
    assert contents(pack)[0] == {"7": ["one"], "12": ["2"]}


def test_parquet_is_read_with_its_suffix_and_without(tmp_path):
    table = pa.table({"id": [1, 2, 3, 4], "text": TEXTS, "label": LABELS})
    for name in ("a.parquet", "a.data"):
        parquet.write_table(table, tmp_path / name)
        assert contents(read(tmp_path / name)) == (ROUTES, [])


def test_numbers_that_hugging_face_named_get_their_names(tmp_path):
    names = ["Order status", "refund_money"]
    features = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
    table = pa.table({"text": TEXTS, "label": [0, 0, 0, 1]})
    table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    parquet.write_table(table, tmp_path / "a.parquet")
    assert contents(read(tmp_path / "a.parquet"))[0] == ROUTES


def test_metadata_of_a_route_is_what_its_decision_gives_back(tmp_path):
    pack = read(write(tmp_path, "a.json", json.dumps(SEMANTIC_ROUTER_0)))
    assert pack.skills["order-status"].data == {"handler": "orders"}
    assert pack.skills["refund-money"].data == {}


RASA = """\
version: "3.1"

nlu:
- intent: book_flight
  examples: |
    - a flight to [Berlin](city)
    - from [NYC]{"entity": "city", "value": "New York"} to [Paris](city:paris_fr) [today](time)

    - [two][{"entity": "number"}, {"entity": "seats"}] seats, please [not a mark]
- intent: faq/ask_name
  examples:
  - text: |
      who are you
    metadata:
      sentiment: neutral
  - text: your name
- synonym: credit
  examples: |
    - credit card account
- lookup: banks
  examples: |
    - Commerzbank
- regex: zip
  examples: |
    - \\d{5}
- intent: out_of_scope
  examples: |
    - order me a pizza
responses:
  utter_faq/ask_name:
  - text: I am a bot
"""


def test_the_examples_of_rasa_are_read_and_the_rest_is_named(tmp_path):
    path = write(tmp_path, "nlu.yml", RASA)
    with pytest.warns(UserWarning, match="only the examples of intents") as caught:
        routes, none = contents(read(path))
    assert routes == {
        "book_flight": [
            "a flight to Berlin",
            "from NYC to Paris today",
            "two seats, please [not a mark]",
        ],
        "faq/ask_name": ["who are you", "your name"],
    }
    assert none == ["order me a pizza"]
    assert str(caught[0].message).endswith("lookup (1), regex (1), responses (1), synonym (1)")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "text,label\nx,a\ny,\n", r"a.csv:3: each line has a label, was: none"),
        ("a.csv", "text,label\n,a\n", r"a.csv:2: each line has a text, was: none"),
        ("a.csv", "text,label\nx,\"['a', b]\"\n", r"a.csv:2: several labels are written like"),
        ("a.csv", "text,label\nx,\"['a', 'oos']\"\n", r"a.csv:2: .* has routes alone"),
        ("a.csv", "text,label\nx,a\ny,b,c\n", r"a.csv:3: each row has 2 cells, was: 3"),
        ("a.csv", 'text,label\n"x,a\n', r"a.csv:2: not a table: unexpected end of data"),
        ("a.csv", "a,b,c\n1,2,3\n", r"a.csv:1: a column of texts .* there are: a, b, c; rename"),
        ("a.csv", "", r"a.csv:1: a column of texts .* there are: none"),
        ("a.csv", "text,label\n", r"a.csv: no line with the label of a route"),
        ("a.csv", "text,label\nx,none\n", r"a.csv: no line with the label of a route"),
        ("a.csv", f"text,label\n{'x' * 2001},a\n", r"a.csv:2: a line has at most 2,000 char"),
        ("a.csv", b"text,label\nx,a\ncaf\xe9,a\n", r"a.csv:3: not UTF-8 .*; save it as UTF-8"),
        ("a.csv", "text,label\nx,Order status\ny,order_status\n", r"a.csv: the labels .* same id"),
        ("a.jsonl", '{"text": "x", "label": "a"}\n{"text": \n', r"a.jsonl:2: not JSON: .* a line"),
        ("a.jsonl", '{"text": "x", "text": "y"}\n', r"a.jsonl:1: .*'text' stands twice"),
        ("a.jsonl", '["x", "a"]\n', r'a.jsonl:1: a line is an object like {"text"'),
        ("a.jsonl", '{"body": "x", "tag": "a"}\n', r"a.jsonl:1: a column of .* are: body, tag"),
        ("a.jsonl", '{"text": "x", "label": null}\n', r"a.jsonl:1: each line has a label"),
        (
            "a.jsonl",
            '{"text": "x", "label": ["a", {}]}\n',
            r"a.jsonl:1: a label is text or a num",
        ),
        ("a.jsonl", '{"text": true, "label": "a"}\n', r"a.jsonl:1: a line is text, .*quotation"),
        ("a.jsonl", '{"text": "x", "label": {"a": 1}}\n', r"a.jsonl:1: a label is text or a num"),
        ("a.jsonl", "[" * 100_000, r"a.jsonl:1: not JSON: it has too many levels"),
        ("a.json", "{'a': 1}", r"a.json:1: not JSON"),
        ("a.json", '{"a": ["x"],\n "a": ["y"]}', r"a.json: not read: the key 'a' stands twice"),
        ("a.json", "[" * 100_000, r"a.json: not read: it has too many levels"),
        ("a.json", '"a"', r"a.json: routes are {label:"),
        ("a.json", "[]", r"a.json: routes are {label:"),
        ("a.json", "{}", r"a.json: routes are {label:"),
        ("a.json", '{"a": {"b": 1}}', r"a.json: routes are {label:"),
        ("a.json", '{"a": ["x", {"b": 1}]}', r"a.json: a\[1\]: a line is text, was: dict"),
        ("a.json", '{"a": ["x", null]}', r"a.json: a\[1\]: each line has a text"),
        ("a.json", '{"texts": ["x", "y"], "labels": ["a"]}', r"items: .*: 2 texts and 1 labels"),
        ("a.json", '[["x", "y"], ["a"]]', r"a.json: items: .* was: 2 texts and 1 labels"),
        ("a.json", '[{"text": "x", "label": "a"}, 7]', r"a.json: \[1\]: a line is an object"),
        ("a.json", '[{"name": "a", "utterances": []}]', r"a.json: \[0\]: the route 'a' has no utt"),
        ("a.json", '{"routes": [{"name": "a"}]}', r"routes\[0\]: the route 'a' has no utterances"),
        ("a.json", '{"routes": [{"utterances": ["x"]}]}', r"routes\[0\]: a route has a name"),
        ("a.json", '{"routes": [{"name": "a", "utterances": ["x"]}, 7]}', r"routes\[1\]: a route"),
        ("a.json", json.dumps(CHAIN), r"routers\[1\]: a route has a name, was: None"),
        ("a.yaml", "a: [x\n", r"a.yaml:2: not YAML"),
        ("a.yaml", "a: &x [b]\nc: *x\n", r"a.yaml:1: anchors and aliases"),
        ("a.yaml", "a:\n- x\n- yes\n", r"a.yaml:3: a line is text, was: True; put it into quot"),
        ("a.yaml", "format: 1\ncategories: []\nskills: []\n", r"a.yaml: the file of a pack; name"),
        ("a.yaml", "- name: a\n  utterances:\n  - x\n  - {y: z}\n", r"a.yaml:4: a line is text"),
        ("nlu.yml", "nlu: 7\n", r"nlu.yml:1: `nlu` is a list of intents"),
        ("nlu.yml", "nlu:\n- x\n", r"nlu.yml:2: an intent has a name and examples, was: 'x'"),
        ("nlu.yml", "nlu:\n- intent: a\n", r"nlu.yml:2: the intent 'a' has no examples; write"),
        (
            "nlu.yml",
            "nlu:\n- intent: a\n  examples: |\n    - x\n    y\n",
            r"nlu.yml:5: .* was: 'y'",
        ),
        (
            "nlu.yml",
            "nlu:\n- intent: a\n  examples: |\n    -\n",
            r"nlu.yml:4: each line has a text",
        ),
        ("a.parquet", b"PAR1 and no more", r"a.parquet: not Parquet"),
        ("a.xlsx", b"PK\x03\x04", r"a.xlsx: an archive or a spreadsheet; save it as one of: CSV"),
    ],
)
def test_bad_input_is_told_with_its_place(tmp_path, name, content, message):
    with pytest.raises(PackError, match=message):
        read(write(tmp_path, name, content))


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(PackError, match=r"no.csv: can't be read: No such file"):
        read(tmp_path / "no.csv")
    with pytest.raises(PackError, match="can't be read: Is a directory"):
        read(tmp_path)
    assert is_route_file(tmp_path / "no.csv")
    assert not is_route_file(tmp_path)
    assert not is_route_file(tmp_path / "no")


class Dataset:
    """As Hugging Face's: columns by name, and names of the numbers in one of them."""

    column_names = ("text", "label")
    features = {"label": type("ClassLabel", (), {"names": ["Order status", "refund_money"]})}  # noqa: RUF012

    def __getitem__(self, name):
        return {"text": TEXTS, "label": [0, 0, 0, 1]}[name]


@pytest.mark.parametrize(
    "source",
    [
        ROUTES,
        {label: tuple(lines) for label, lines in ROUTES.items()},
        (TEXTS, LABELS),
        [TEXTS, LABELS],
        (np.array(TEXTS), np.array(LABELS)),
        (pd.Series(TEXTS), pd.Series(LABELS)),
        (pa.array(TEXTS), pa.array(LABELS)),
        RECORDS,
        pd.DataFrame({"label": LABELS, "text": TEXTS}),
        pd.DataFrame({"intent": pd.Categorical(LABELS), "query": TEXTS}),
        pa.table({"label": pa.array(LABELS).dictionary_encode(), "text": TEXTS}),
        Dataset(),
    ],
    ids=lambda source: type(source).__name__,
)
def test_whatever_a_user_has_in_python_is_grouped(source):
    assert routes_of(source) == (ROUTES, [], [])


def test_the_lines_of_none_come_apart():
    routes, none, _ = routes_of({**ROUTES, "out_of_scope": ["what is love"]})
    assert (routes, none) == (ROUTES, ["what is love"])


def test_numbers_of_numpy_and_pandas_are_labels():
    assert routes_of((["a", "b"], np.array([1, 0])))[0] == {"1": ["a"], "0": ["b"]}
    frame = pd.DataFrame({"text": ["a", None, "b"], "label": [1, None, 2]})
    assert routes_of(frame)[0] == {"1": ["a"], "2": ["b"]}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("shop.csv", r"was one text: 'shop.csv'; to read a file of routes, use Router.load"),
        (42, r"a mapping from labels to texts, a pair .* was: 42"),
        (None, r"was: NoneType None"),
        (["a", "b"], r"was: list \['a', 'b'\]"),
        ({"a": "one text"}, r"a: the texts of 'a' are a list, was: 'one text'"),
        ({"a": ["x", 7, None]}, r"a\[2\]: each line has a text"),
        ({"a": ["x", b"y"]}, r"a\[1\]: a line is text, was: bytes"),
        ({None: ["x"]}, r"each line has a label"),
        ((["x", "y"], ["a"]), r"rows: there is one label for each text, was: 2 texts and 1 labels"),
        ((["x", "y"], ["a", ["a", None]]), r"row 2: each line has a label"),
        ((["x", "y"], ["a", ["a", "none"]]), r"row 2: a line with several labels has routes alone"),
        ((["x", "y"], ["a", float("nan")]), r"row 2: each line has a label"),
        (pd.DataFrame({"a": [1], "b": [2]}), r"a column of texts .* there are: a, b"),
        (pa.table({"a": [1], "b": [2]}), r"a column of texts .* there are: a, b"),
        ([{"text": "x"}], r"row 1: a column of texts .* there are: text; rename"),
    ],
)
def test_what_can_not_be_grouped_is_refused(source, message):
    with pytest.raises(PackError, match=message):
        routes_of(source)


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (["label", "text"], ("text", "label")),
        (["text", "label", "label_text"], ("text", "label_text")),
        ([" Text ", "LABEL"], (" Text ", "LABEL")),
        (["phrase", "tag"], ("phrase", "tag")),
        (["body", "intent"], ("body", "intent")),
        (["id", "body", "intent"], None),
        (["a", "b"], None),
        (["text"], None),
    ],
)
def test_columns_are_picked_by_their_usual_names(names, columns):
    assert text_and_label_columns(names) == columns


def test_a_pack_with_faults_is_refused_and_all_of_them_are_named(tmp_path):
    path = write(tmp_path, "a.csv", "text,label\nx,a\ny,a\nz,b\nX,b\nw,b\n")
    with pytest.raises(PackError) as error:
        read_routes(path)
    assert str(error.value).splitlines() == [
        f"{path}: exemplars/skills/a: needs at least 3 exemplars, one a line, was: 2",
        f"{path}: exemplars/skills/b: 'X' stands in skills/a too; keep one",
    ]
    path.write_text("text,label\nx,a\ny,a\nz,a\n")
    assert contents(read_routes(path))[0] == {"a": ["x", "y", "z"]}


SEEDS = [
    ("a.csv", joined(PAIRS)),
    ("a.tsv", joined(PAIRS, "\t")),
    ("a.jsonl", "\n".join(map(json.dumps, RECORDS))),
    ("a.json", json.dumps(SEMANTIC_ROUTER_0)),
    ("a.json", json.dumps([TEXTS, LABELS])),
    ("a.yaml", SEMANTIC_ROUTER_YAML),
    ("nlu.yml", RASA),
]
PIECES = (
    b'"',
    b"\n",
    b"[",
    b"{",
    b"]",
    b"null",
    b"\t",
    b",",
    b":",
    b"- ",
    b"\xff",
    b"1e999",
    b"\x00",
)


@pytest.mark.filterwarnings("ignore:.*passed over")
@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_is_read_or_refused_by_name(tmp_path, seed):
    random = np.random.default_rng(seed)
    for name, content in SEEDS:
        damaged = bytearray(content.encode())
        for _ in range(random.integers(1, 4)):
            at = random.integers(len(damaged))
            piece = PIECES[random.integers(len(PIECES))]
            damaged[at : at + random.integers(0, 20)] = piece
        path = write(tmp_path, name, bytes(damaged))
        message = ""
        try:
            check_routes(path)
        except PackError as error:
            message = str(error)
        assert not message or message.startswith(str(path))
