import pytest
from lines import decided

from router.errors import LogError
from router.evaluation.trigger_shapes import Trigger
from router.evaluation.triggers import count_triggers, read_triggers, write_triggers


def test_eval_queries_are_read_with_the_skill_they_name_or_that_is_given(tmp_path):
    path = tmp_path / "eval_queries.json"
    path.write_text(
        '[{"query": "a", "should_trigger": true},'
        ' {"query": "b", "should_trigger": false, "skill": "docx", "note": "kept out"}]'
    )
    assert read_triggers(path, "pdf") == [Trigger("a", "pdf"), Trigger("b", "docx", False)]
    with pytest.raises(LogError, match=r":1: 'a': no skill is named; give --skill"):
        read_triggers(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[{"query": "a"}]', "an entry has query and should_trigger"),
        ("[", "not JSON"),
        ('[{"query": 1, "should_trigger": 2}]', "an entry has query and should_trigger"),
    ],
)
def test_another_form_of_json_is_refused(tmp_path, text, reason):
    path = tmp_path / "e.json"
    path.write_text(text)
    with pytest.raises(LogError, match=f"e.json:1: {reason}.*; cure: mend the"):
        read_triggers(path, "pdf")


def test_csv_is_read_with_alternates_and_abstention(tmp_path):
    path = tmp_path / "routes.csv"
    path.write_text('utterance,expected_route,alternate_routes\n"a, b",pdf,"docx;xlsx"\nhi,,\n')
    assert read_triggers(path) == [
        Trigger("a, b", "pdf", expected=True, alternates=("docx", "xlsx")),
        Trigger("hi", "", expected=True),
    ]


def test_csv_without_its_columns_says_which_they_are(tmp_path):
    path = tmp_path / "routes.csv"
    path.write_text("text,label\na,b\n")
    with pytest.raises(LogError, match=r"expected_route.*was: text, label"):
        read_triggers(path)


def test_a_csv_row_with_another_number_of_fields_is_named(tmp_path):
    path = tmp_path / "routes.csv"
    path.write_text("utterance,expected_route\na,pdf\nplease, mend it,pdf\n")
    with pytest.raises(LogError, match=r"routes.csv:3: .* this one 3"):
        read_triggers(path)


def test_what_is_written_is_read_again(tmp_path):
    rows = [
        Trigger('say "hi"\n', "pdf", expected=True, alternates=("docx",)),
        Trigger("b", "", expected=True),
    ]
    write_triggers(tmp_path / "r.csv", rows)
    assert read_triggers(tmp_path / "r.csv") == rows
    rows = [Trigger("ä", "pdf"), Trigger("b", "pdf", False)]
    write_triggers(tmp_path / "e.json", rows)
    assert read_triggers(tmp_path / "e.json") == rows


@pytest.mark.parametrize(
    ("trigger", "skills", "right"),
    [
        (Trigger("a", "pdf"), ("docx", "pdf"), True),
        (Trigger("a", "pdf"), (), False),
        (Trigger("a", "pdf", should_trigger=False), ("docx", "pdf"), False),
        (Trigger("a", "pdf", should_trigger=False), (), True),
        (Trigger("a", "pdf", expected=True), ("docx", "pdf"), False),
        (Trigger("a", "pdf", expected=True, alternates=("docx",)), ("docx", "pdf"), True),
        (Trigger("a", "", expected=True), ("pdf",), False),
    ],
)
def test_a_decision_is_right_by_hand(trigger, skills, right):
    assert trigger.is_right(skills) is right


def test_counts_by_hand():
    triggers = [Trigger("a", "pdf")] * 10 + [Trigger("b", "pdf", False)]
    routed = decided(1, "a", "route", ("pdf",))
    refused = decided(1, "a", "none")
    counts = count_triggers(triggers, [*[routed] * 9, refused, refused])
    assert [(row.skill, row.should_trigger, row.right, row.figure.n) for row in counts] == [
        ("pdf", True, 9, 10),
        ("pdf", False, 1, 1),
        ("all", True, 10, 11),
    ]
    # Wilson at 9 of 10, z = 1.96: (0.9 + 0.19208 -+ 1.96 * sqrt(0.009 + 0.0096)) / 1.38416
    assert counts[0].figure.low == pytest.approx(0.5958, abs=1e-3)
    assert counts[0].figure.high == pytest.approx(0.9821, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "text"), [("e.json", "[]"), ("f.json", "{}"), ("r.csv", "query,expected_route\n")]
)
def test_an_empty_list_is_refused(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(LogError, match="has at least 1 query, this one has none"):
        read_triggers(path)
