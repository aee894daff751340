"""Which engine a command is given, and what it says without Ray."""

import sys

import pytest

from router.engines.engine import Local, OnRay, engine_of
from router.errors import LogError, RouterError


def test_an_engine_has_its_own_settings():
    assert engine_of("local", restart=True) == Local("jsonl", restart=True)
    assert engine_of("ray", "parquet", workers=3) == OnRay(workers=3)
    with pytest.raises(LogError, match="cure: --engine ray"):
        engine_of("local", workers=2)
    with pytest.raises(LogError, match="cure: no --format jsonl"):
        engine_of("ray", "jsonl")


def test_only_the_local_engine_goes_on_after_a_stop():
    assert Local().after_stop == "goes on from here"
    assert OnRay().after_stop == "starts over"


def test_without_ray_the_extra_is_named(tiny_router, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    log = tmp_path / "log.jsonl"
    log.write_text('{"text": "a nail in my tyre"}\n')
    from router.engines.ray import evaluate

    with pytest.raises(RouterError, match=r"cure: pip install 'router\[ray\]'"):
        evaluate(tiny_router, log, tmp_path / "out")


def test_standard_input_is_not_spread(tiny_router, tmp_path):
    from router.engines.ray import evaluate

    with pytest.raises(LogError, match="can't be spread; cure: name a file or folder"):
        evaluate(tiny_router, "-", tmp_path / "out")
