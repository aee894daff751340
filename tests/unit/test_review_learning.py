import json
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from shop import ENCODER, ROUTES, shop_router
from typer.testing import CliRunner

from router import PackError, Router, RouterError, cli
from router.packs.new_pack import write_new_pack
from router.packs.pack import Pack
from router.packs.pack_file import load_pack
from router.review import learn
from router.review.against import lost_checks
from router.review.drafts import draft_for_swaps
from router.review.label_file import read_checks, read_label_file
from router.review.labels import read_labelled
from router.review.personal_data import masked
from router.review.writing import write_learned

LABELS = [
    ("is my parcel lost", "order-status"),
    ("the parcel has not come", "Order status"),
    ("my order is late, where is it", "order_status"),
    ("can I return a jacket", "returns"),
    ("refund for shoes please", "returns"),
    ("do you open early on monday", "opening-hours"),
    ("are you open on a holiday", "opening-hours"),
    ("tell me a joke", "none"),
    ("sing a song for me", "none"),
    ("what is the capital of france", "none"),
]


@pytest.fixture(scope="module")
def router():
    return shop_router()


def reasons(learned):
    return {refused.text: refused.reason for refused in learned.refused}


def test_a_fifth_stays_out_and_the_rest_becomes_exemplars(router):
    learned = learn(router, LABELS)
    assert len(learned.new_checks) == 2
    assert len(learned.added) == 8
    lines = dict((text, target) for target, text in learned.pack.target_exemplars())
    assert {lines[line.text] for line in learned.added} <= {*map(str, lines.values())}
    assert not {line.text for line in learned.new_checks} & lines.keys()
    assert learned.before["accepted"].n == learned.after["accepted"].n == 2


def test_the_order_of_the_labels_does_not_decide_what_is_kept_out(router):
    forward, backward = learn(router, LABELS), learn(router, LABELS[::-1])
    assert {line.text for line in forward.checks} == {line.text for line in backward.checks}


def test_what_was_kept_out_before_is_never_learned(router):
    learned = learn(router, LABELS, checks=[LABELS[0]])
    assert LABELS[0][0] in {line.text for line in learned.checks}
    assert LABELS[0][0] not in {line.text for line in learned.added}


def test_learning_twice_adds_nothing(router):
    learned = learn(router, LABELS)
    checks = [(line.text, line.gold) for line in learned.checks]
    again = learn(Router.load(learned.pack, encoder=ENCODER), LABELS, checks=checks)
    assert again.added == again.new_checks == ()


def test_each_fault_is_named(router):
    learned = learn(
        router,
        [
            ("where is it", "order-status"),
            ("Where is it?", "returns"),
            ("where is my parcel", "returns"),
            ("is the store open today now", "order-stats"),
            ("jane.doe@example.com wants her parcel", "order-status"),
            ("AKIAIOSFODNN7EXAMPLE is my voucher", "returns"),
            ("gift cards", "Gift cards"),
            ("both at once", ["order-status", "returns"]),
        ],
    )
    named = reasons(learned)
    assert "the labels 'order-status' and 'returns'; keep one" in named["where is it"]
    assert "exemplar of skill:order-status already" in named["where is my parcel"]
    assert "did you mean 'order-status'" in named["is the store open today now"]
    assert "a key" in named["AKIAIOSFODNN7EXAMPLE is my voucher"]
    assert "at least 3 lines, 'Gift cards' has 1" in named["gift cards"]
    assert "both at once" in {line.text for line in learned.new_checks}
    assert not any("@" in text for _, text in learned.pack.target_exemplars())


def test_a_line_nearly_in_another_class_is_set_aside(router):
    learned = learn(router, [("today is the store open", "returns")])
    assert "nearly the same as 'is the store open today'" in learned.refused[0].reason


def test_a_new_route_needs_three_lines(router):
    cards = [("buy a gift card", "Gift cards"), ("gift card for ten euros", "Gift cards")]
    assert not learn(router, cards).new_routes
    learned = learn(router, [*cards, ("voucher as a present", "Gift cards")])
    assert learned.new_routes == {"gift-cards": "Gift cards"}
    assert len(learned.pack.exemplars.skills["gift-cards"]) == 3


def test_labels_are_pairs(router):
    with pytest.raises(RouterError, match=r"pairs, number 1 was: 'where'"):
        learn(router, ["where"])


def test_personal_data_is_masked_or_named():
    assert masked("where is parcel 88422") == ("where is parcel 88422", "")
    assert "an account number" in masked("pay from DE89370400440532013000")[1]
    assert masked("my key is ghp_abcdefghijklmnopqrstuvwxyz0123456789")[1] == "a key"
    text, left = masked("write to jane@example.com")
    assert (text, left) == ("write to [email]", "") or left == "a mail address"


@pytest.fixture
def folder(tmp_path):
    out = tmp_path / "shop"
    write_new_pack(Pack.of(ROUTES), out, tmp_path / "routes.csv", False)
    yaml = out / "pack.yaml"
    yaml.write_text(yaml.read_text() + "\n# The last word is the owner's.\n")
    return out


def test_writing_keeps_what_is_there_and_names_the_source(folder):
    lines = [(text, "Gift cards") for text in ("gift card", "buy a voucher", "present card")]
    learned = learn(Router.load(load_pack(folder), encoder=ENCODER), [*LABELS, *lines])
    file = folder / "exemplars" / "skills" / "order-status.txt"
    before, yaml = file.read_text(), (folder / "pack.yaml").read_text()
    changed = write_learned(learned, folder, "answers.jsonl")
    after = file.read_text()
    assert after.startswith(before)
    assert after[len(before) :].startswith("# Learned from answers.jsonl.\n")
    new_yaml = (folder / "pack.yaml").read_text()
    assert [line for line in yaml.splitlines() if line not in new_yaml.splitlines()] == []
    assert load_pack(folder).exemplars == learned.pack.exemplars
    assert load_pack(folder).skills["gift-cards"].title == "Gift cards"
    assert folder / "checks.jsonl" in changed
    assert [check.text for check in read_checks(folder / "checks.jsonl")] == [
        line.text for line in learned.checks
    ]


SWAPPED = [
    ("parcel and refund", {"action": "clarify", "question": "order-status-or-returns"}),
    ("something about my shoes", {"action": "clarify", "question": "order-status-or-returns"}),
    ("my jacket", {"action": "clarify", "question": "order-status-or-returns"}),
    ("my jacket parcel", {"action": "clarify", "question": "other"}),
]


@pytest.fixture
def draft(router):
    made = draft_for_swaps(router.pack, {("order-status", "returns"): 3}, ())
    return msgspec.structs.replace(made, text='Is it "on its way" to you, or: going back?')


def test_a_kept_question_is_written_with_its_exemplars(folder, draft):
    router = Router.load(load_pack(folder), encoder=ENCODER)
    learned = learn(router, [*LABELS, *SWAPPED], questions=[draft])
    assert learned.new_questions == {draft.id: draft.text}
    before = (folder / "pack.yaml").read_text()
    changed = write_learned(learned, folder, "answers.jsonl")
    after = (folder / "pack.yaml").read_text()
    assert after.startswith(before.rstrip("\n"))  # comments and all
    pack = load_pack(folder)
    question = pack.questions[draft.id]
    assert question.text == draft.text
    led_to = {option.label: option.leads_to.skills for option in question.options}
    assert led_to == {draft.options[one]: (one,) for one in ("order-status", "returns")}
    assert {folder / "pack.yaml", folder / f"exemplars/questions/{draft.id}.txt"} <= {*changed}
    kept_out = {check.text for check in read_checks(folder / "checks.jsonl")}
    theirs = {text for text, _ in SWAPPED}
    assert theirs <= kept_out | {*pack.exemplars.questions[draft.id]}
    assert pack == learned.pack
    again = learn(Router.load(pack, encoder=ENCODER), SWAPPED, questions=[draft])
    assert again.new_questions == {}


def test_a_kept_question_without_labels_has_the_drafted_exemplars(router, draft):
    learned = learn(router, LABELS, questions=[draft])
    assert learned.pack.exemplars.questions[draft.id] == draft.exemplars[:3]


def test_a_question_joins_those_of_a_pack_and_leaves_its_comments(tmp_path):
    source = Path(__file__).parents[1] / "golden" / "packs" / "parcel-help"
    folder = shutil.copytree(source, tmp_path / "parcel-help")
    yaml = folder / "pack.yaml"
    before = yaml.read_text().replace("\norder:", "\n\n# What comes first.\norder:")
    yaml.write_text(before)
    router = Router.load(load_pack(folder), encoder=ENCODER)
    draft = draft_for_swaps(router.pack, {("customs", "invoice"): 5}, ())
    write_learned(learn(router, [], questions=[draft]), folder, "answers.jsonl")
    lines, old = yaml.read_text().splitlines(), before.splitlines()
    start = old.index("order:") - 2
    while not old[start - 1].strip():
        start -= 1
    added = len(lines) - len(old)
    assert lines[:start] + lines[start + added :] == old
    assert lines[start].startswith("  - id: customs-or-invoice")
    assert load_pack(folder).file.questions[-1].id == draft.id


def test_another_pack_is_left_alone(folder):
    learned = learn(shop_router(none=["hello there", "good day", "thanks"]), LABELS)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(PackError, match="nothing was written"):
        write_learned(learned, folder, "answers.jsonl")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_lost_checks_are_named(tmp_path, router):
    file = tmp_path / "checks.jsonl"
    checks = [
        {"text": "where is my order", "label": "order-status", "right": True},
        {"text": "send shoes back", "label": "opening-hours", "right": True},
        {"text": "jacket refund", "label": "order-status", "right": False},
    ]
    file.write_bytes(msgspec.json.Encoder().encode_lines(checks))
    result = lost_checks(router, file)
    assert [lost.text for lost in result.lost] == ["send shoes back"]
    assert (result.n_before, result.n_right, result.is_too_many) == (2, 1, True)
    assert not lost_checks(router, file, max_lost=0.5).is_too_many


def test_files_of_labels_are_read(tmp_path):
    files = {
        "a.csv": "text,label\nwhere is it,order-status\n",
        "b.jsonl": json.dumps({"text": "where is it", "label": "order-status"}),
        "studio.json": json.dumps(
            [
                {
                    "data": {"text": "where is it"},
                    "annotations": [{"result": [{"value": {"choices": ["order-status"]}}]}],
                }
            ]
        ),
        "argilla.jsonl": json.dumps({"text": "where is it", "label.responses": ["order-status"]}),
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        assert read_label_file(tmp_path / name) == [("where is it", "order-status")], name


def test_the_last_answer_counts(tmp_path):
    rows = [
        {"kind": "label", "text": "a", "label": "returns"},
        {"kind": "label", "text": "b", "label": "returns"},
        {"kind": "undo", "text": "b"},
        {"kind": "label", "text": "a", "label": "none"},
        {"kind": "skip", "text": "c"},
    ]
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert read_label_file(tmp_path / "answers.jsonl") == [("a", "none")]


def test_an_unknown_label_is_a_new_route(router):
    (line,), refused = read_labelled(router.pack, [("gift", "Gift cards")])
    assert (line.new_route, line.target, refused) == ("Gift cards", "skill:gift-cards", [])


def test_the_command_writes_only_when_it_is_told(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("router.commands.learn.load_router", lambda pack, *_, **__: loaded(pack))
    labels = tmp_path / "labels.csv"
    labels.write_text("text,label\n" + "\n".join(f'"{text}",{label}' for text, label in LABELS))
    arguments = ["learn", str(labels), "--pack", str(folder)]
    before = load_pack(folder)
    shown = CliRunner().invoke(cli.app, arguments)
    assert shown.exit_code == 0, shown.output
    assert "Nothing was written" in shown.output
    assert load_pack(folder) == before
    written = CliRunner().invoke(cli.app, [*arguments, "--write"])
    assert written.exit_code == 0, written.output
    assert len(list(load_pack(folder).target_exemplars())) == 12 + 8


def test_a_pack_that_gets_worse_is_written_by_force_alone(folder, tmp_path, monkeypatch):
    def worse(*arguments, **options):
        learned, n = learn(*arguments, **options), 12
        line = learned.checks[0]
        return replace(
            learned, checks=(line,) * n, right_before=(True,) * n, right_after=(False,) * n
        )

    monkeypatch.setattr("router.commands.learn.load_router", lambda pack, *_, **__: loaded(pack))
    monkeypatch.setattr("router.review.learning.learn", worse)
    labels = tmp_path / "labels.csv"
    labels.write_text("text,label\n" + "\n".join(f'"{text}",{label}' for text, label in LABELS))
    arguments, before = ["learn", str(labels), "--pack", str(folder)], load_pack(folder)
    refused = CliRunner().invoke(cli.app, [*arguments, "--write"])
    assert refused.exit_code == 1
    assert "gets worse, beyond chance" in refused.output
    assert load_pack(folder) == before
    assert CliRunner().invoke(cli.app, [*arguments, "--write", "--force"]).exit_code == 0
    assert load_pack(folder) != before


def loaded(pack):
    return Router.load(load_pack(pack), encoder=ENCODER)
