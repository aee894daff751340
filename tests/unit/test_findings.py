import json
import subprocess
import sys

import pytest

from router.lint import Finding, as_json
from router.lint.finding import line_containing
from router.lint.specification import conformance

GOOD = "---\nname: pdf\ndescription: Reads PDF files.\n---\nBody\n"
CASES = {
    "good": GOOD,
    "crlf": GOOD.replace("\n", "\r\n"),
    "bom": "\ufeff" + GOOD,
    "blank first": "\n" + GOOD,
    "no frontmatter": "# pdf\n",
    "unclosed": "---\nname: pdf\ndescription: x\n",
    "empty": "------\n",
    "list": "---\n- a\n---\n",
    "scalar": "---\nhello\n---\n",
    "colon": "---\nname: pdf\ndescription: Reads: files\n---\n",
    "quoted colon": '---\nname: pdf\ndescription: "Reads: files"\n---\n',
    "no name": "---\ndescription: x\n---\n",
    "no description": "---\nname: pdf\n---\n",
    "empty description": "---\nname: pdf\ndescription:\n---\n",
    "blank description": '---\nname: pdf\ndescription: "  "\n---\n',
    "mapping description": "---\nname: pdf\ndescription:\n  a: b\n---\n",
    "capital": "---\nname: Pdf\ndescription: x\n---\n",
    "other folder": "---\nname: docx\ndescription: x\n---\n",
    "hyphens": "---\nname: pdf--x\ndescription: x\n---\n",
    "edge hyphen": "---\nname: -pdf\ndescription: x\n---\n",
    "underscore": "---\nname: pdf_x\ndescription: x\n---\n",
    "number name": "---\nname: 12\ndescription: x\n---\n",
    "long name": f"---\nname: {'p' * 65}\ndescription: x\n---\n",
    "description at limit": f"---\nname: pdf\ndescription: {'x' * 1_024}\n---\n",
    "description over limit": f"---\nname: pdf\ndescription: {'x' * 1_025}\n---\n",
    "unknown key": "---\nname: pdf\ndescription: x\nversion: 1\n---\n",
    "every key": "---\nname: pdf\ndescription: x\nlicense: MIT\ncompatibility: any\n"
    "allowed-tools: Read\nmetadata:\n  a: b\n---\n",
    "flow list": "---\nname: pdf\ndescription: x\nallowed-tools: [Read]\n---\n",
    "flow mapping": "---\nname: pdf\ndescription: x\nmetadata: {a: b}\n---\n",
    "block list": "---\nname: pdf\ndescription: x\nallowed-tools:\n  - Read\n---\n",
    "key twice": "---\nname: pdf\nname: pdf\ndescription: x\n---\n",
    "inner key twice": "---\nname: pdf\ndescription: x\nmetadata:\n  a: b\n  a: c\n---\n",
    "anchor": "---\nname: pdf\ndescription: &a x\n---\n",
    "tag": "---\nname: pdf\ndescription: !!str x\n---\n",
    "long compatibility": f"---\nname: pdf\ndescription: x\ncompatibility: {'x' * 501}\n---\n",
    "compatibility list": "---\nname: pdf\ndescription: x\ncompatibility:\n  - x\n---\n",
    "rule inside": "---\nname: pdf\ndescription: a --- b\n---\n",
    "folded": "---\nname: pdf\ndescription: >\n  Reads\n  files\n---\n",
    "literal": "---\nname: pdf\ndescription: |\n  Reads: x\n---\n",
    "comment": "---\n# c\nname: pdf # the name\ndescription: x\n---\n",
    "null": "---\nname: pdf\ndescription: null\n---\n",
    "tab": "---\nname:\tpdf\ndescription: x\n---\n",
    "tab indent": "---\nname: pdf\ndescription: x\nmetadata:\n\ta: b\n---\n",
    "starts with quote": '---\nname: pdf\ndescription: "a" b\n---\n',
    "at sign": "---\nname: pdf\ndescription: @a\n---\n",
    "angle": "---\nname: pdf\ndescription: <b>x</b>\n---\n",
}


def document(tmp_path, text, folder="pdf"):
    path = tmp_path / folder / "SKILL.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("case", CASES)
def test_verdicts_are_those_of_the_reference_validator(tmp_path, case):
    validator = pytest.importorskip("skills_ref.validator")
    path = document(tmp_path, CASES[case])
    theirs = validator.validate(path.parent)
    assert bool(conformance(path)) == bool(theirs), theirs


def test_a_finding_has_line_and_cure(tmp_path):
    path = document(tmp_path, CASES["unknown key"])
    (found,) = conformance(path)
    assert (found.level, found.line, found.rule) == ("error", 4, "specification")
    assert found.cure == "put it under `metadata`, or remove it"


def test_github_annotations_escape_what_github_would_read(tmp_path):
    found = Finding("warning", "r", "a,b:c", 0, "50% of\nlines", "mend it")
    assert found.github() == "::warning file=a%2Cb%3Ac,line=1,title=r::50%25 of%0Alines; mend it"
    assert json.loads(as_json([found]))[0]["line"] == 0


def test_importing_lint_costs_no_model():
    code = "import sys, router.lint; print({'torch', 'sklearn', 'onnxruntime'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_line_that_is_the_text_comes_before_one_that_contains_it(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("our helper has issues\n\n  has   issues\n")
    assert line_containing(path, "has issues") == 3
    assert line_containing(path, "helper has") == 1
    assert line_containing(path, "no such line") == 0
