import pytest

from router.errors import LogError, RouterError
from router.evaluation.trigger_eval import (
    Outcome,
    Trigger,
    read_triggers,
    run_triggers,
    tally,
    write_csv,
    write_eval_queries,
)


def test_eval_queries_are_read_with_the_skill_they_name_or_that_is_given(tmp_path):
    path = tmp_path / "eval_queries.json"
    path.write_text(
        '[{"query": "a", "should_trigger": true},'
        ' {"query": "b", "should_trigger": false, "skill": "docx", "note": "kept out"}]'
    )
    assert read_triggers(path, "pdf") == [Trigger("a", "pdf"), Trigger("b", "docx", False)]
    with pytest.raises(LogError, match=r"entry 0 names no skill; cure: give --skill"):
        read_triggers(path)


@pytest.mark.parametrize(
    "text", ["{}", '[{"query": "a"}]', "[", '[{"query": 1, "should_trigger": 2}]']
)
def test_another_form_of_json_is_refused(tmp_path, text):
    path = tmp_path / "e.json"
    path.write_text(text)
    with pytest.raises(LogError, match="not of the form"):
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


def test_what_is_written_is_read_again(tmp_path):
    rows = [
        Trigger('say "hi"\n', "pdf", expected=True, alternates=("docx",)),
        Trigger("b", "", expected=True),
    ]
    write_csv(tmp_path / "r.csv", rows)
    assert read_triggers(tmp_path / "r.csv") == rows
    rows = [Trigger("ä", "pdf"), Trigger("b", "pdf", False)]
    write_eval_queries(tmp_path / "e.json", rows)
    assert read_triggers(tmp_path / "e.json") == rows


def test_triggers_run_on_the_real_router(tiny_router):
    outcomes = run_triggers(
        tiny_router,
        [
            Trigger("replace the worn brake pads", "fix-brakes"),
            Trigger("replace the worn brake pads", "fix-tyres", False),
            Trigger("replace the worn brake pads", "fix-tyres"),
            Trigger(
                "a nail went through my tyre",
                "sell-bikes",
                expected=True,
                alternates=("fix-tyres",),
            ),
            Trigger("who won the chess match", "", expected=True),
        ],
    )
    assert [one.right for one in outcomes] == [True, True, False, True, True]
    assert outcomes[2].got == ("fix-brakes",)


def test_an_unknown_skill_is_named_with_the_nearest(tiny_router):
    with pytest.raises(RouterError, match="did you mean 'fix-brakes'"):
        run_triggers(tiny_router, [Trigger("x", "fix-brake")])


def test_a_tally_by_hand():
    yes, no = Trigger("a", "pdf"), Trigger("b", "pdf", False)
    outcomes = [Outcome(yes, "route", ("pdf",), True)] * 9 + [Outcome(yes, "none", (), False)]
    rows = tally([*outcomes, Outcome(no, "none", (), True)])
    assert [(row.skill, row.should, row.right, row.count) for row in rows] == [
        ("pdf", True, 9, 10),
        ("pdf", False, 1, 1),
        ("all", True, 10, 11),
    ]
    # Wilson at 9 of 10, z = 1.96: (0.9 + 0.19208 -+ 1.96 * sqrt(0.009 + 0.0096)) / 1.38416
    assert rows[0].low == pytest.approx(0.5958, abs=1e-3)
    assert rows[0].high == pytest.approx(0.9821, abs=1e-3)
