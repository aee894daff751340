import pytest

from router.decisions.differences import differences_of


def test_each_description_gives_the_part_that_the_others_lack():
    assert differences_of(
        [
            "Reads a file. Use it for PDF forms and scanned pages.",
            "Reads a file. Use it for spreadsheets with formulas.",
            "",
        ]
    ) == ["Use it for PDF forms and scanned pages", "Use it for spreadsheets with formulas", ""]


@pytest.mark.parametrize(
    "said",
    [
        "Reads a file",
        "Triggers: pdf, forms, scans",
        "NOT for scans or forms",
        "Use it for 'merge pdf', 'split pdf'",
    ],
)
def test_what_tells_nothing_apart_is_left_out(said):
    assert differences_of([f"Reads a file. {said}.", "Reads a file."]) == ["", ""]


def test_a_long_part_is_cut_between_words():
    (line, _) = differences_of(["Merges " + "very different " * 20, "Reads a file."])
    assert len(line) <= 92
    assert line.endswith(("different …", "very …"))


def test_a_single_description_stands_for_itself():
    assert differences_of(["Merges two branches."]) == ["Merges two branches"]


def test_a_part_that_says_what_one_sees_is_no_reference():
    assert differences_of(["Lets you see where the time goes.", "Reads a file."])[0].startswith(
        "Lets"
    )
