import contextlib
import re
import shutil
import time
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from typer.testing import CliRunner

from router.cli import app
from router.errors import PackError, RouterError
from router.packs.exemplar_file import read_exemplars, write_exemplars
from router.packs.pack import Pack
from router.packs.pack_file import check_pack, load_pack, save_pack, schema_text
from router.packs.parts import Destination
from router.packs.policy import Policy
from router.packs.yaml_lines import YamlFault, parse_yaml, read_yaml
from router.paths import DEFAULT_PACK, SKILLS


def faults_in(folder):
    return [str(fault) for fault in check_pack(folder)[1]]


def change(folder, old, new):
    """Change pack.yaml in one place, and give the line (from 1) at which the change begins."""
    path = folder / "pack.yaml"
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the tiny pack"
    path.write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


def test_a_valid_pack_has_no_fault(tiny):
    assert faults_in(tiny) == []
    pack = load_pack(tiny)
    assert list(pack.skills) == ["fix-brakes", "fix-tyres", "sell-bikes"]
    assert pack.questions["which-part"].option("tyre").leads_to.neighbours == ("bus-lines",)
    assert pack.exemplars.options["which-part"]["tyre"] == (
        "no air in it",
        "a puncture",
        "the tube has a hole",
    )
    assert pack.precedence.before("fix-tyres", "sell-bikes")


def test_the_shipped_pack_is_as_large_as_promised():
    pack = load_pack(DEFAULT_PACK)
    exemplars = pack.exemplars
    assert len(pack.skills) == 10
    assert len(pack.questions) == 7
    assert min(map(len, exemplars.skills.values())) >= 50
    assert min(map(len, exemplars.neighbours.values())) >= 40
    assert min(map(len, exemplars.questions.values())) >= 30
    assert min(len(lines) for each in exemplars.options.values() for lines in each.values()) >= 12
    assert len(exemplars.none) >= 60


def test_every_skill_of_the_shipped_pack_has_its_document():
    for skill in load_pack(DEFAULT_PACK).skills.values():
        assert skill.document, skill.id
        assert skill.title
        assert (SKILLS / skill.document).is_file()


# Each: what is changed in pack.yaml, on which of its lines the fault is, its key, and the message.
UNKNOWN_IDS = [
    (
        "leads_to: {skills: [fix-brakes]}",
        "leads_to: {skills: [fix-brake]}",
        "questions[1].options[0].leads_to.skills[0]",
        "'fix-brake' is not defined; did you mean 'fix-brakes'?",
    ),
    (
        "{skills: [fix-tyres], neighbours: [bus-lines]}",
        "{skills: [fix-tyres], neighbours: [bus-line]}",
        "questions[1].options[1].leads_to.neighbours[0]",
        "'bus-line' is not defined; did you mean 'bus-lines'?",
    ),
    (
        "{ask: which-part}",
        "{ask: which-parts}",
        "questions[0].options[0].leads_to.ask",
        "'which-parts' is not defined; did you mean 'which-part'?",
    ),
    (
        "if_unsure: brakes",
        "if_unsure: brake",
        "questions[1].if_unsure",
        "'brake' is not defined; did you mean 'brakes'?",
    ),
    (
        "category: counter",
        "category: countr",
        "skills[2].category",
        "'countr' is not defined; did you mean 'counter'?",
    ),
    (
        "mention_beside: [fix-tyres]",
        "mention_beside: [fix-tires]",
        "neighbours[0].mention_beside[0]",
        "'fix-tires' is not defined; did you mean 'fix-tyres'?",
    ),
    (
        "    - [sell-bikes]",
        "    - [sell-bike]",
        "order[0][2][0]",
        "'sell-bike' is not defined; did you mean 'sell-bikes'?",
    ),
    (
        "  fix-brakes: [fix-tyres]",
        "  fix-brakes: [fix-tyre]",
        "also_consider.fix-brakes[0]",
        "'fix-tyre' is not defined; did you mean 'fix-tyres'?",
    ),
    (
        "  fix-brakes: [fix-tyres]",
        "  fix-breaks: [fix-tyres]",
        "also_consider.fix-breaks",
        "'fix-breaks' is not defined; did you mean 'fix-brakes'?",
    ),
    (
        "if_unsure: brakes",
        "if_unsure: zzz",
        "questions[1].if_unsure",
        "'zzz' is not defined; known: brakes, tyre",
    ),
]


@pytest.mark.parametrize(("old", "new", "key", "message"), UNKNOWN_IDS)
def test_an_unknown_id_is_named_with_its_line_and_the_nearest(tiny, old, new, key, message):
    line = change(tiny, old, new)
    assert f"{tiny}/pack.yaml:{line}: {key}: {message}" in faults_in(tiny)


FORM = [
    ("title: Brakes", "titel: Brakes", "skills[0].titel", r"'titel' .* did you mean 'title'\?"),
    ("order:", "ordre:", "ordre", r"'ordre' .* did you mean 'order'\?"),
    ("{ask: which-part}", "{asks: x}", r"questions[0].options[0].leads_to.asks", r"mean 'ask'\?"),
    ("if_unsure: brakes", "unsure: x", "questions[1].unsure", r"did you mean 'if_unsure'\?"),
    ("id: fix-brakes", "id: Fix Brakes", "skills[0].id", "Expected .*, was: 'Fix Brakes'"),
    ("format: 1", "format: 2", "format", "Expected `int` <= 1, was: '2'"),
    ("label: A tyre", 'label: ""', "questions[1].options[1].label", "length >= 1, was: ''"),
    ("title: Tyres", "title: [a]", "skills[1].title", "Expected `str`, got `array`"),
    ("title: Tyres", "title: 2024-01-31", "skills[1].title", "Expected `str`"),
]


@pytest.mark.parametrize(("old", "new", "key", "message"), FORM)
def test_a_value_of_the_wrong_form_is_named_with_its_line(tiny, old, new, key, message):
    line = change(tiny, old, new)
    (fault,) = check_pack(tiny)[1]
    assert (fault.file, fault.line, fault.key) == (str(tiny / "pack.yaml"), line, key)
    with pytest.raises(PackError, match=message):
        load_pack(tiny)


def without_policy(folder):
    file = folder / "pack.yaml"
    file.write_text(file.read_text().replace("policy:\n  ask_threshold: 0.5\n", ""))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("ask_threshold: 1.5", r"<= 1.0, was: '1.5'"),
        ("ask_threshold: -0.1", r">= 0.0, was: '-0.1'"),
        ("similarity_threshold: .nan", r">= 0.0, was: 'nan'"),
        ("max_skills: 0", r">= 1, was: '0'"),
        ("ask_treshold: 0.5", r"did you mean 'ask_threshold'\?"),
    ],
)
def test_a_policy_out_of_range_is_refused(tiny, setting, message):
    without_policy(tiny)
    with (tiny / "pack.yaml").open("a") as file:
        file.write(f"policy:\n  {setting}\n")
    with pytest.raises(PackError, match=rf"policy\.{setting.split(':')[0]}: .*{message}"):
        load_pack(tiny)


# Each: what stands in pack.yaml today, with its old name, where, and the two names.
RENAMED = [
    ("mention_beside: [fix-tyres]", "beside: [fix-tyres]", "beside", "mention_beside"),
    ("mention_when: [bus, night bus]", "words: [bus, night bus]", "words", "mention_when"),
    (", neighbours: [bus-lines]}", ", packs: [bus-lines]}", "packs", "neighbours"),
]


@pytest.mark.parametrize(("now", "before", "old", "new"), RENAMED)
def test_an_old_key_is_read_with_a_warning(tiny, now, before, old, new):
    pack = load_pack(tiny)
    line = change(tiny, now, before)
    message = f"pack.yaml:{line}: the key '{old}' is now called '{new}'; rename it"
    with pytest.warns(FutureWarning, match=re.escape(message)):
        assert load_pack(tiny) == pack


def test_old_keys_of_a_policy_and_of_an_option_are_read(tiny):
    without_policy(tiny)
    change(tiny, "{skills: [fix-brakes]}", "{one_of: [fix-brakes], if_said: [fix-tyres]}")
    old = ["ask_from: 0.4", "sure_from: 0.3", "also_from: 0.6", "name_from: 0.2"]
    with (tiny / "pack.yaml").open("a") as file:
        file.write("\n  ".join(["policy:", *old, "least_similarity: 0.1", "most_skills: 2"]))
    with pytest.warns(FutureWarning) as notices:
        pack = load_pack(tiny)
    assert len(notices) == 8
    assert pack.file.policy == Policy(
        ask_threshold=0.4,
        confidence_threshold=0.3,
        extra_skill_threshold=0.6,
        mention_threshold=0.2,
        similarity_threshold=0.1,
        max_skills=2,
    )
    leads_to = pack.questions["which-part"].option("brakes").leads_to
    assert leads_to == Destination(any_of=("fix-brakes",), if_mentioned=("fix-tyres",))


def test_a_fault_in_the_value_of_an_old_key_is_named_with_its_line(tiny):
    line = change(tiny, "mention_beside: [fix-tyres]", "beside: [fix-tires]")
    with pytest.warns(FutureWarning, match="'beside' is now called"):
        (fault,) = faults_in(tiny)
    assert fault.startswith(f"{tiny}/pack.yaml:{line}: neighbours[0].mention_beside[0]: 'fix-tir")


def test_an_old_key_beside_the_new_one_is_a_fault(tiny):
    change(tiny, "    mention_when:", "    words: [tram]\n    mention_when:")
    with (
        pytest.warns(FutureWarning, match="'words' is now called"),
        pytest.raises(PackError, match="the key 'mention_when' stands twice here; keep one"),
    ):
        load_pack(tiny)


def test_router_check_prints_old_keys_as_warnings(tiny):
    line = change(tiny, "mention_when: [bus, night bus]", "words: [bus, night bus]")
    result = CliRunner().invoke(app, ["check", str(tiny)])
    assert result.exit_code == 0
    assert f"warning: {tiny}/pack.yaml:{line}: the key 'words' is now called" in result.stderr
    assert "bike-shop is valid" in result.stdout


def test_a_missing_key_is_named(tiny):
    line = change(tiny, "    summary: Mend what lost its air.\n", "")
    (fault,) = check_pack(tiny)[1]
    assert fault.key == "skills[1]"
    assert "missing required field `summary`" in fault.message
    assert line - 3 <= fault.line < line


def test_an_id_that_stands_twice_is_named(tiny):
    change(tiny, "  - id: fix-tyres", "  - id: fix-brakes")
    assert any("skills[1].id: 'fix-brakes' stands twice" in fault for fault in faults_in(tiny))


def test_a_question_that_leads_nowhere_is_named(tiny):
    line = change(tiny, "{skills: [sell-bikes]}", "{}")
    (fault,) = faults_in(tiny)
    assert f"pack.yaml:{line}: questions[0].options[1].leads_to: leads nowhere; give" in fault


def test_a_question_with_one_option_is_named(tiny):
    old = "      - id: tyre\n        label: A tyre\n"
    change(tiny, old + "        leads_to: {skills: [fix-tyres], neighbours: [bus-lines]}\n", "")
    (tiny / "exemplars/options/which-part/tyre.txt").unlink()
    (fault,) = faults_in(tiny)
    assert "questions[1].options: a question needs at least 2 options, was: 1" in fault


def test_follow_ups_that_go_round_in_a_circle_are_named(tiny):
    change(tiny, "leads_to: {skills: [fix-brakes]}", "leads_to: {ask: repair-or-buy}")
    faults = faults_in(tiny)
    assert len(faults) == 2
    for question, fault in zip(["repair-or-buy", "which-part"], faults, strict=True):
        assert f"following `ask` from '{question}' comes back to it" in fault


def test_a_question_that_asks_itself_again_is_a_circle(tiny):
    change(tiny, "leads_to: {skills: [fix-brakes]}", "leads_to: {ask: which-part}")
    assert any("from 'which-part' comes back" in fault for fault in faults_in(tiny))


def test_a_cycle_in_the_order_is_named(tiny):
    line = change(tiny, "order:\n", "order:\n  - - [sell-bikes]\n    - [fix-tyres]\n")
    (fault,) = faults_in(tiny)
    assert f"pack.yaml:{line}: order: an execution order has no cycle" in fault
    assert "fix-tyres" in fault
    assert "sell-bikes" in fault


@pytest.mark.parametrize("content", ["", "# only a comment\n\n", "one\ntwo\n", "one\none\none\n"])
def test_an_exemplar_file_with_too_few_lines_is_named(tiny, content):
    path = tiny / "exemplars/skills/fix-brakes.txt"
    path.write_text(content)
    count = len({line for line in content.splitlines() if line and line[0] != "#"})
    (fault,) = faults_in(tiny)
    assert fault == f"{path}: needs at least 3 exemplars, one a line, was: {count}"


def test_the_faults_of_a_pack_made_in_python_are_listed(tiny):
    pack = load_pack(tiny)
    assert pack.faults() == []
    skills = {**pack.exemplars.skills, "fix-brakes": ("it squeaks",)}
    none = (*pack.exemplars.none, "A PUNCTURE", "Glass in my tyre")
    edited = Pack(
        replace(pack.file, order=((("sell-bike",),),), policy=Policy()),
        replace(pack.exemplars, skills=skills, none=none),
    )
    assert [str(fault) for fault in edited.faults()] == [
        "order[0][0][0]: 'sell-bike' is not defined; did you mean 'sell-bikes'?",
        "exemplars/skills/fix-brakes: needs at least 3 exemplars, one a line, was: 1",
        "exemplars/none: 'Glass in my tyre' stands in skills/fix-tyres too; keep one",
    ]


def test_a_file_that_can_not_be_read_has_one_fault(tiny):
    for name in ("skills/fix-brakes", "skills/fix-tyres"):
        (tiny / f"exemplars/{name}.txt").write_bytes(b"\xff")
    faults = [str(fault) for fault in check_pack(tiny)[1]]
    assert len(faults) == 2
    assert all("not UTF-8" in fault for fault in faults)


def test_a_missing_exemplar_file_is_named(tiny):
    path = tiny / "exemplars/questions/which-part.txt"
    path.unlink()
    assert faults_in(tiny) == [f"{path}: needs at least 3 exemplars, one a line, was: 0"]


def test_an_exemplar_file_that_belongs_to_nothing_is_named(tiny):
    path = tiny / "exemplars/skills/fix-brake.txt"
    path.write_text("a\nb\nc\n")
    (fault,) = faults_in(tiny)
    assert fault.startswith(f"{path}: no id of pack.yaml belongs to this file; did you mean ")
    assert "'skills/fix-brakes.txt'?" in fault


def test_a_query_in_two_files_is_named(tiny):
    second = tiny / "exemplars/none.txt"
    with second.open("a") as file:
        file.write("Glass in my TYRE\n")
    assert faults_in(tiny) == [
        f"{second}: 'Glass in my TYRE' stands in skills/fix-tyres too; keep one"
    ]


def test_replies_may_stand_under_two_options(tiny):
    for option in ("brakes", "tyre"):
        with (tiny / f"exemplars/options/which-part/{option}.txt").open("a") as file:
            file.write("the one at the front\n")
    assert faults_in(tiny) == []


@pytest.mark.parametrize("document", ["../secret.md", "a/../../secret.md", "/etc/hostname"])
def test_a_document_outside_the_pack_is_refused(tiny, document):
    (tiny.parent / "secret.md").write_text("secret")
    (tiny / "a").mkdir()
    line = change(tiny, "document: brakes.md", f"document: {document}")
    (fault,) = faults_in(tiny)
    place = f"pack.yaml:{line}: skills[0].document: a path below the pack's folder, without '..'"
    assert f"{place}, was: {document!r}" in fault


def test_a_link_that_leaves_the_pack_is_refused(tiny):
    outside = tiny.parent / "secret.md"
    outside.write_text("secret")
    (tiny / "skills/brakes.md").unlink()
    (tiny / "skills/brakes.md").symlink_to(outside)
    (fault,) = faults_in(tiny)
    assert "skills[0].document: no such file below" in fault


@pytest.mark.parametrize("name", ["none.txt", "skills"])
def test_exemplars_are_never_read_from_outside_the_pack(tiny, name):
    path, outside = tiny / "exemplars" / name, tiny.parent / f"secret-{name}"
    path.rename(outside)
    path.symlink_to(outside)
    faults = faults_in(tiny)
    assert faults
    assert all(
        "a link that leads out of the pack; cure: copy the file" in fault for fault in faults
    )


def test_a_folder_link_that_leaves_the_pack_is_refused(tiny):
    (tiny.parent / "outside").mkdir()
    (tiny.parent / "outside" / "secret.md").write_text("secret")
    (tiny / "skills/inner").symlink_to(tiny.parent / "outside")
    change(tiny, "document: brakes.md", "document: inner/secret.md")
    assert any("skills[0].document: no such file below" in fault for fault in faults_in(tiny))


def test_a_document_that_is_not_there_is_named(tiny):
    change(tiny, "document: brakes.md", "document: brake.md")
    (fault,) = faults_in(tiny)
    assert "skills[0].document: no such file below" in fault
    assert "was: 'brake.md'" in fault


@pytest.mark.parametrize("name", ["pack.yaml", "exemplars/skills/fix-brakes.txt"])
def test_a_file_of_100_mb_is_refused_unread(tiny, name):
    with (tiny / name).open("r+b") as file:
        file.truncate(100 * 1024**2)  # sparse: takes no room on disk
    start = time.perf_counter()
    with pytest.raises(PackError, match=rf"{name}: .* at most [\d,]+ bytes, was: 104,857,600"):
        load_pack(tiny)
    assert time.perf_counter() - start < 2.0


LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
TRICKS = [
    (LAUGHS, 1, "anchors and aliases"),
    ("a: 1\nb: *a\n", 2, "anchors and aliases|undefined alias"),
    (
        "x: 1\na: !!python/object/apply:os.system [touch hit]\n",
        2,
        "tags are not read, was: .*apply",
    ),
    ("a: !!binary aGk=\n", 1, "tags are not read"),
    ("\na: " + "[" * 50 + "]" * 50, 2, "at most 24 levels"),
    ("a: " + "[" * 100_000, 1, "at most 24 levels"),
    ("{a: " * 100_000, 1, "at most 24 levels"),
    ("title: x\nid: y\ntitle: z\n", 3, "the key 'title' stands twice here; keep one"),
    ("? [a, b]\n: 1\n", 1, "a key is a plain word"),
    ("title: [x\nid: y\n", 2, "not YAML"),
    ("a: 1\n---\nb: 2\n", 2, "not YAML"),
    ("id: x\ntitle: 2024-13-45\n", 2, "month must be in 1..12, was: '2024-13-45'; quote it"),
    ("id: x\nformat: 0x_\n", 2, "was: '0x_'; quote it"),
    (f"id: x\nformat: {'9' * 5000}\n", 2, "4300 digits.*; quote it"),
]


@pytest.mark.parametrize(("content", "line", "message"), TRICKS)
def test_yaml_tricks_are_refused_with_their_line(tiny, content, line, message, monkeypatch):
    monkeypatch.chdir(tiny)
    (tiny / "pack.yaml").write_text(content)
    with pytest.raises(PackError, match=rf"pack.yaml:{line}: .*({message})"):
        load_pack(tiny)
    assert not (tiny / "hit").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "Expected `object`, got `null`"), ("- a\n", "got `array`"), ("a: \0\n", "not YAML")],
)
def test_what_is_no_mapping_is_refused(tiny, content, message):
    (tiny / "pack.yaml").write_text(content)
    with pytest.raises(PackError, match=message):
        load_pack(tiny)


def test_keys_that_look_harmless_mean_nothing(tiny):
    (tiny / "pack.yaml").write_text((tiny / "pack.yaml").read_text() + "<<: {policy: {}}\n")
    with pytest.raises(PackError, match="the key '<<' is not known here"):
        load_pack(tiny)


@pytest.mark.parametrize("name", ["pack.yaml", "exemplars/skills/fix-brakes.txt"])
def test_what_is_not_utf_8_is_named_with_its_line(tiny, name):
    content = (tiny / name).read_bytes().split(b"\n")
    content[2] = b"caf\xe9"
    (tiny / name).write_bytes(b"\n".join(content))
    with pytest.raises(PackError, match=rf"{name}:3: not UTF-8 .*; save it as UTF-8"):
        load_pack(tiny)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tiny):
    before = load_pack(tiny)
    for path in tiny.rglob("*.txt"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_pack(tiny) == before


def test_an_overlong_exemplar_is_named_with_its_line(tiny):
    path = tiny / "exemplars/none.txt"
    path.write_text("a\nb\n" + "c" * 2_001 + "\n")
    with pytest.raises(PackError, match=r"none.txt:3: .* at most 2,000 characters, was: 2,001"):
        load_pack(tiny)


@pytest.mark.parametrize("place", ["nowhere", "bike-shop/pack.yaml", "bike-shop/exemplars"])
def test_what_is_no_pack_folder_is_refused_with_the_cure(tiny, place):
    with pytest.raises(PackError, match="a pack is a folder with pack.yaml; give the folder"):
        load_pack(tiny.parent / place)


def test_all_faults_are_named_at_once(tiny):
    change(tiny, "leads_to: {skills: [fix-brakes]}", "leads_to: {skills: [fix-brake]}")
    change(tiny, "category: counter", "category: countr")
    (tiny / "exemplars/none.txt").write_bytes(b"\xff")
    (tiny / "exemplars/skills/fix-tyres.txt").write_text("")
    with pytest.raises(RouterError) as error:
        load_pack(tiny)
    lines = str(error.value).splitlines()
    assert len(lines) == 4
    for part in ("'fix-brake'", "'countr'", "none.txt:1", "fix-tyres.txt"):
        assert sum(part in line for line in lines) == 1


def test_a_pack_without_questions_neighbours_and_none_is_valid(tiny):
    path = tiny / "pack.yaml"
    data = yaml.safe_load(path.read_text())
    for key in ("neighbours", "questions", "order", "also_consider"):
        del data[key]
    path.write_text(yaml.safe_dump(data))
    for name in ("neighbours", "questions", "options"):
        shutil.rmtree(tiny / "exemplars" / name)
    (tiny / "exemplars/none.txt").unlink()
    assert faults_in(tiny) == []


@pytest.mark.parametrize("shipped", [True, False])
def test_loading_what_was_saved_gives_the_same_pack(tiny, tmp_path, shipped):
    pack = load_pack(DEFAULT_PACK if shipped else tiny)
    folder = tmp_path / "saved"
    shutil.copytree(tiny / "skills", folder / "skills")
    save_pack(pack, folder)
    assert load_pack(folder) == pack
    save_pack(load_pack(folder), folder)
    assert load_pack(folder) == pack


LINES = st.text(
    st.sampled_from("# \\\t\r\n\u2028\x85\ufeff") | st.characters(exclude_categories=["Cs"]),
    max_size=30,
)


@given(st.lists(LINES, max_size=8))
@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_exemplars_are_read_as_they_were_written(tmp_path, lines):
    path = tmp_path / "lines.txt"
    write_exemplars(path, lines, "a comment")
    plain = [" ".join(line.split()) for line in lines]
    assert read_exemplars(path) == tuple(dict.fromkeys(filter(None, plain)))


def test_an_exemplar_may_begin_with_a_hash(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("# a comment\n\\#1 in the queue\n\\\\#2\n  # another\nno \\# here\n")
    assert read_exemplars(path) == ("#1 in the queue", "\\#2", "no \\# here")


def test_every_value_knows_its_line(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\nb:\n  - x\n  - c: yes\n    d: [1, 2]\n")
    data, lines = read_yaml(path, {})
    assert data == {"a": 1, "b": ["x", {"c": True, "d": [1, 2]}]}
    assert {"$.a": 1, "$.b[0]": 3, "$.b[1].c": 4, "$.b[1].d[1]": 5}.items() <= lines.items()


def test_the_schema_accepts_the_keys_that_the_reader_accepts():
    schema = msgspec.json.decode(schema_text())
    forms = schema["$defs"]
    assert schema["$ref"] == "#/$defs/PackFile"
    assert set(yaml.safe_load((DEFAULT_PACK / "pack.yaml").read_text())) <= set(
        forms["PackFile"]["properties"]
    )
    assert forms["Destination"]["additionalProperties"] is False
    assert set(forms["Destination"]["properties"]) == {
        "skills",
        "any_of",
        "if_mentioned",
        "neighbours",
        "ask",
        "section",
    }


def test_the_schema_beside_the_packs_is_the_one_that_is_generated():
    assert (Path(DEFAULT_PACK).parents[1] / "pack.schema.json").read_text().strip() == (
        schema_text().strip()
    )


@pytest.mark.parametrize("value", ["=", "<<", "=="])
def test_a_sign_that_yaml_gives_a_meaning_is_text(tmp_path, value):
    path = tmp_path / "pack.yaml"
    path.write_text(f"title: {value}\n")
    assert read_yaml(path, {})[0] == {"title": value}


@pytest.mark.parametrize("value", ["9" * 5_000, f"1{':59' * 3_000}.5", "2001-99-99"])
def test_a_number_or_date_that_can_not_be_one_is_named(tmp_path, value):
    path = tmp_path / "pack.yaml"
    path.write_text(f"\ntitle: {value}\n")
    with pytest.raises(PackError, match="pack.yaml:2: .* quote it if it is text"):
        read_yaml(path, {})


@settings(max_examples=2_000, derandomize=True, deadline=None)
@given(st.text("=<~!|>0123456789.:-+_eExXobTZ'\"#,nNaf \t?%@`&*[]{}yY", max_size=12))
def test_any_value_is_read_or_named(value):
    with contextlib.suppress(YamlFault):
        parse_yaml(f"title: {value}")
