"""Which engine a command is given, and what it says without Ray."""

import sys

import pytest

from router.engines import choose_engine
from router.engines.ray import evaluate_on_ray
from router.errors import LogError, RouterError
from router.evaluation.run import evaluate


def test_an_engine_has_its_own_settings():
    local, on_ray = choose_engine("local", restart=True), choose_engine("ray", workers=3)
    assert (local.func, local.keywords["format"], local.keywords["restart"]) == (
        evaluate,
        "jsonl",
        True,
    )
    assert (on_ray.func, on_ray.keywords["workers"]) == (evaluate_on_ray, 3)
    with pytest.raises(LogError, match="cure: --engine ray"):
        choose_engine("local", workers=2)
    with pytest.raises(LogError, match="cure: no --format jsonl"):
        choose_engine("ray", format="jsonl")


def test_without_ray_the_extra_is_named(tiny_router, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    log = tmp_path / "log.jsonl"
    log.write_text('{"text": "a nail in my tyre"}\n')
    with pytest.raises(RouterError, match=r"cure: pip install 'router\[ray\]'"):
        evaluate_on_ray(tiny_router, log, tmp_path / "out")


def test_standard_input_is_not_spread(tiny_router, tmp_path):
    with pytest.raises(LogError, match="can't be spread; cure: name a file or folder"):
        evaluate_on_ray(tiny_router, "-", tmp_path / "out")
