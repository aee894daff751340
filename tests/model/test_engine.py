"""The engine ray, as far as it goes without Ray."""

import sys

import pytest
from typer.testing import CliRunner

from router.cli import app
from router.engines.ray import evaluate_on_ray
from router.errors import LogError, RouterError


def test_settings_of_a_cluster_are_for_the_engine_ray(tiny, tmp_path):
    command = ["evaluate", "--pack", str(tiny), "--out", str(tmp_path), "--workers", "2"]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, LogError)
    assert "cure: --engine ray" in str(result.exception)


def test_without_ray_the_extra_is_named(tiny_router, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    log = tmp_path / "log.jsonl"
    log.write_text('{"text": "a nail in my tyre"}\n')
    with pytest.raises(RouterError, match=r"cure: pip install 'ray\[data\]>=2.40'"):
        evaluate_on_ray(tiny_router, log, tmp_path / "out")
