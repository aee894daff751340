"""The PromQL of skills/ is tried on what is hard for it: no series, failures alone, all well."""

import json
import shutil
import subprocess

import pytest
import yaml
from document_blocks import QUERIES, documents_in, in_language

RULES = [
    block
    for block in in_language("yaml", "yml")
    if any("groups" in (document or {}) for document in documents_in(block))
]
ALERTS = {
    rule["alert"]: rule["expr"]
    for block in RULES
    for group in yaml.safe_load(block.code)["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
JOBS = [
    {"series": f'model_{job}_last_success_timestamp_seconds{{model="fraud"}}', "values": "0x200"}
    for job in ("quality", "drift")
]
STALE_JOBS = {"QualityJobStale", "DriftJobStale"}


def traffic(status, fast):
    """Give a request a second with this status; `fast` is how many of a minute's are in time."""
    latency = "inference_latency_seconds"
    return [
        {"series": f'{name}{{model="fraud"{label}}}', "values": f"0+{step}x200"}
        for name, label, step in (
            ("inference_requests_total", f',status="{status}"', 60),
            (f"{latency}_bucket", ',le="0.25"', fast),
            (f"{latency}_count", "", 60),
        )
    ]


def test_there_are_queries():
    assert len(QUERIES) > 40


def selectors(node):
    """Give (metric, matchers) of every selector below a node of a query."""
    if hasattr(node, "vector_selector"):
        node = node.vector_selector
    if hasattr(node, "matchers"):
        found = {(m.name, str(m.op), m.value) for m in node.matchers.matchers}
        yield node.name, frozenset(found)
    for part in ("lhs", "rhs", "expr"):
        if hasattr(node, part):
            yield from selectors(getattr(node, part))
    for argument in getattr(node, "args", ()):
        yield from selectors(argument)


def nodes(node):
    yield node
    for part in ("lhs", "rhs", "expr"):
        if hasattr(node, part):
            yield from nodes(getattr(node, part))
    for argument in getattr(node, "args", ()):
        yield from nodes(argument)


def fault_of(query):
    """Say why a ratio may be without samples when everything fails, or before anything did.

    A numerator that is narrower than its denominator has no series until the first such event: so
    failures are counted, never successes, and an "or" gives the zero.
    """
    promql = pytest.importorskip("promql_parser", reason="pip install promql-parser")
    for node in nodes(promql.parse(query)):
        if str(getattr(node, "op", "")) != "/" or not hasattr(node, "lhs"):
            continue
        whole = dict(selectors(node.rhs))
        for metric, matchers in selectors(node.lhs):
            narrower = matchers - whole.get(metric, matchers)
            if any("Not" in op for _, op, _ in narrower):
                return "it counts successes"
            if narrower and not any(str(getattr(n, "op", "")) == "or" for n in nodes(node.lhs)):
                return "it needs 'or vector(0)'"
    return None


def test_faults_of_ratios_are_seen():
    success = 'sum(rate(x{code!~"5.."}[5m])) / sum(rate(x[5m]))'
    assert fault_of(success) == "it counts successes"
    failure = 'sum(rate(x{code=~"5.."}[5m])) / sum(rate(x[5m]))'
    assert fault_of(failure) == "it needs 'or vector(0)'"
    assert fault_of('(sum(rate(x{code=~"5.."}[5m])) or vector(0)) / sum(rate(x[5m]))') is None
    assert fault_of('sum(rate(y_sum{a="1"}[1h])) / sum(rate(y_count{a="1"}[1h]))') is None


@pytest.mark.parametrize(("block", "query"), QUERIES)
def test_a_ratio_of_events_is_never_without_samples(block, query):
    assert fault_of(query) is None, query


@pytest.fixture(scope="module")
def promtool():
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed: it comes with the package prometheus")
    return found


def test_rules_are_rules_to_promtool(promtool, tmp_path):
    assert RULES
    for number, block in enumerate(RULES):
        file = tmp_path / f"{number}.yml"
        file.write_text(block.code, "utf-8")
        told = subprocess.run([promtool, "check", "rules", file], text=True, capture_output=True)
        assert told.returncode == 0, f"{block.name}: {told.stdout}{told.stderr}"


def test_a_canary_that_always_fails_has_a_success_of_zero(promtool, tmp_path):
    """The query of the canary, when every answer is a 500, and when none is."""
    shares = [query for _, query in QUERIES if query.lstrip().startswith("1 - (sum(rate(predict")]
    assert len(shares) == 1
    pod = 'rollouts_pod_template_hash="5m"'  # what the placeholder was filled with
    tests = [
        {
            "interval": "1m",
            "input_series": [
                {
                    "series": f'predict_requests_total{{{pod},code="{code}"}}',
                    "values": "0+60x40",
                }
            ],
            "promql_expr_test": [
                {
                    "expr": shares[0],
                    "eval_time": "20m",
                    "exp_samples": [{"labels": "{}", "value": value}],
                }
            ],
        }
        for code, value in (("500", 0), ("200", 1))
    ]
    file = tmp_path / "tests.yml"
    file.write_text(json.dumps({"evaluation_interval": "1m", "tests": tests}), "utf-8")
    told = subprocess.run([promtool, "test", "rules", file], text=True, capture_output=True)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize(
    ("series", "firing"),
    [
        pytest.param([], {"NoTraffic", *STALE_JOBS}, id="nothing is there"),
        pytest.param(
            traffic("500", 0),
            {name for name in ALERTS if "Budget" in name} | STALE_JOBS,
            id="every answer is a slow 500, and no job ever ran",
        ),
        pytest.param([*traffic("200", 60), *JOBS], set(), id="all is well"),
    ],
)
def test_alerts_fire_when_they_must_and_only_then(promtool, tmp_path, series, firing):
    files = []
    for number, block in enumerate(RULES):
        files.append(f"{number}.yml")
        (tmp_path / files[-1]).write_text(block.code, "utf-8")
    expected = [
        {
            "expr": f"count({query}) or vector(0)",
            "eval_time": "2h",
            "exp_samples": [{"labels": "{}", "value": int(name in firing)}],
        }
        for name, query in ALERTS.items()
    ]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": expected}
    file = tmp_path / "tests.yml"
    text = {"rule_files": files, "evaluation_interval": "1m", "tests": [test]}
    file.write_text(json.dumps(text), "utf-8")
    told = subprocess.run([promtool, "test", "rules", file], text=True, capture_output=True)
    assert told.returncode == 0, told.stdout + told.stderr
