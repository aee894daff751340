"""What documents of skills/ claim of their own code, tried where it once did harm."""

import json
import subprocess
import sys
import types

import pytest
from document_blocks import BLOCKS
from document_coverage import coverage, missing_terms

from router.paths import DEFAULT_PACK

PAGE = 100


def block_with(text):
    found = [block for block in BLOCKS if block.language == "python" and text in block.code]
    assert len(found) == 1, [block.name for block in found]
    return found[0]


class Page(list):
    token = None


class Client:
    """The listings of a tracking server: pages of at most 100, whatever is asked for."""

    def __init__(self, models, runs):
        self.models, self.runs, self.deleted = models, runs, []

    def _page(self, items, token):
        start = int(token or 0)
        page = Page(items[start : start + PAGE])
        page.token = str(start + PAGE) if start + PAGE < len(items) else None
        return page

    def search_registered_models(self, max_results=100, page_token=None):
        return self._page(self.models, page_token)

    def search_model_versions(self, max_results=100, page_token=None):
        versions = [
            types.SimpleNamespace(name=m.name, version="1", run_id=m.run_id) for m in self.models
        ]
        return self._page(versions, page_token)

    def get_model_version(self, name, version):
        model = next(model for model in self.models if model.name == name)
        return types.SimpleNamespace(run_id=model.run_id)

    def search_runs(self, experiment_ids, filter_string, max_results=100, page_token=None):
        return self._page(self.runs, page_token)

    def get_run(self, run_id):
        return next(run for run in self.runs if run.info.run_id == run_id)

    def delete_run(self, run_id):
        self.deleted.append(run_id)


@pytest.fixture
def server(monkeypatch):
    """130 registered models, each with an alias; a run behind each, one parent, and one orphan."""

    def run(name, **tags):
        info = types.SimpleNamespace(run_id=name, run_name=name)
        return types.SimpleNamespace(info=info, data=types.SimpleNamespace(tags=tags))

    runs = [run(f"run-{n}") for n in range(129)]
    runs.append(run("run-129", **{"mlflow.parentRunId": "parent"}))
    runs += [run("parent"), run("kept", keep="true"), run("orphan")]
    models = [
        types.SimpleNamespace(name=f"m{n}", run_id=f"run-{n}", aliases={"champion": "1"})
        for n in range(130)
    ]
    client = Client(models, runs)
    mlflow = types.ModuleType("mlflow")
    mlflow.MlflowClient = lambda: client
    mlflow.MlflowException = RuntimeError
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    names = {}
    exec(block_with("def mark_old_runs").code, names)  # noqa: S102
    return client, names


def test_old_runs_of_every_page_are_spared_when_a_model_stands_on_them(server, capsys):
    client, names = server
    assert names["mark_old_runs"]("1") == (1, 132, 133)
    assert client.deleted == []
    assert "would mark orphan" in capsys.readouterr().out
    assert names["mark_old_runs"]("1", dry_run=False) == (1, 132, 133)
    assert client.deleted == ["orphan"]


def test_an_alias_that_no_page_lists_stops_the_work(server):
    client, names = server
    client.search_model_versions = lambda max_results, page_token: Page()
    with pytest.raises(RuntimeError, match="which no page lists"):
        names["mark_old_runs"]("1", dry_run=False)
    assert client.deleted == []


def test_evidence_holds_no_secret_in_any_form():
    code = block_with("def redact").code
    pod = {
        "metadata": {"name": "x", "annotations": {"last-applied-configuration": "s3cr3t"}},
        "spec": {
            "initContainers": [{"env": [{"name": "A", "value": "s3cr3t"}]}],
            "containers": [
                {
                    "command": ["sh", "-c", "serve --x"],
                    "args": ["--api-key", "s3cr3t", "--db=postgres://u:s3cr3t@host/d", "--port=1"],
                    "env": [{"name": "B", "value": "-----BEGIN\ns3cr3t\n-----END"}],
                }
            ],
        },
    }
    told = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(pod), text=True, capture_output=True
    )
    assert told.returncode == 0, told.stderr
    assert "s3cr3t" not in told.stdout
    kept = json.loads(told.stdout)["spec"]["containers"][0]
    assert "--port=1" in kept["args"]
    assert kept["env"][0]["name"] == "B"


def test_terms_that_a_document_lacks_are_found_by_hand():
    exemplars = ["canary with flagger", "flagger or istio", "istio mirror", "one term only once"]
    ordinary = frozenset({"with", "only"})
    assert missing_terms(exemplars, "A canary by Istio.", ordinary, 0.5) == {"flagger": 2}
    assert missing_terms(["hold-out group"] * 2, "A holdout of some groups", ordinary, 1.0) == {}


def test_what_exemplars_speak_of_is_in_the_document_that_they_lead_to():
    assert {skill: terms for skill, terms in coverage(DEFAULT_PACK).items() if terms} == {}
