"""What lint tells an author: phrases that a description does not cover, and what to add."""

import re

import pytest
from conftest import shared_encoder
from skill_files import write_skill

from router.lint import lint

BODY = """# Scans

## When to use
- put three scans into one file
- my pages are upside down
- a photo of a receipt as text
- pull page four out of this report
"""


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    root = tmp_path_factory.mktemp("hints")
    write_skill(root / "paper-desk", "Helps with office work of every kind, as needed.", BODY)
    write_skill(
        root / "report-writer",
        "Writes a report with pages, photos and a receipt of every scan of a text file.",
        "# Reports\n\n## When to use\n- a report on sales for the board\n",
    )
    return lint(root, shared_encoder())


def test_an_author_hears_which_phrases_lead_elsewhere_and_what_a_sentence_changes(findings):
    [hint] = [one for one in findings if one.rule == "uncovered-triggers"]
    assert hint.path.endswith("paper-desk/SKILL.md")
    assert hint.line == 3
    found = re.search(r"finds paper-desk by (\d) of the 4 trigger phrases", hint.message)
    with_it = re.search(r"'Use for .*'; with this sentence (\d) of 4 phrases are found", hint.cure)
    assert int(with_it[1]) > int(found[1])
    assert "leads to report-writer" in hint.message


def test_the_skill_that_takes_phrases_hears_which_exclusion_is_missing(findings):
    [hint] = [one for one in findings if one.rule == "missing-exclusion"]
    assert hint.path.endswith("report-writer/SKILL.md")
    assert re.search(r"attracts \d trigger phrases of paper-desk", hint.message)
    assert hint.cure.endswith(": use paper-desk.'")


def test_skills_whose_descriptions_say_it_hear_nothing(tmp_path):
    description = "Puts scans into one file, turns pages that are upside down, reads a photo of a"
    description += " receipt as text, and pulls a page out of a report."
    write_skill(tmp_path / "paper-desk", description, BODY)
    write_skill(tmp_path / "bread", "Bakes bread with wild yeast and rye flour.", "# Bread\n")
    rules = {one.rule for one in lint(tmp_path, shared_encoder())}
    assert rules.isdisjoint({"uncovered-triggers", "missing-exclusion"})
