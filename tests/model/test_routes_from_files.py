"""A file of routes through the real encoder: it is routed by, and linted at its lines."""

import pytest
from conftest import shared_encoder

from router import Router
from router.errors import PackError
from router.lint import lint
from router.packs.pack import Pack

ROUTES = {
    "Order status": ["where is my parcel", "track my order", "when will it be delivered"],
    "Refund": ["I want my money back", "where is my refund", "the refund has not arrived"],
}


def write_csv(path, routes):
    rows = [f"{text},{label}" for label, lines in routes.items() for text in lines]
    path.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    return path


def test_a_file_routes_as_the_same_routes_in_python_do(tmp_path):
    path = write_csv(tmp_path / "shop.csv", {**ROUTES, "none": ["tell me a joke"]})
    read = Router.load(path, encoder=shared_encoder())
    made = Router.load(
        Pack.of(ROUTES, none=["tell me a joke"], title="shop"), encoder=shared_encoder()
    )
    assert read.pack == made.pack
    for query in ("has my parcel been sent", "I'd like a refund", "who won the match"):
        assert read.route(query) == made.route(query)


def test_a_file_with_faults_is_not_loaded(tmp_path):
    path = write_csv(tmp_path / "shop.csv", {"a": ["one", "two"], "b": ["three", "four", "five"]})
    with pytest.raises(PackError, match="shop.csv: exemplars/skills/a: needs at least 3"):
        Router.load(path, encoder=shared_encoder())
    with pytest.raises(PackError, match="no.csv: can't be read"):
        Router.load(tmp_path / "no.csv", encoder=shared_encoder())


def test_lint_of_a_file_names_its_lines(tmp_path):
    twice = {**ROUTES, "Cancel": ["cancel my order", "stop the order", "I want the money back"]}
    path = write_csv(tmp_path / "shop.csv", twice)
    findings = {finding.rule: finding for finding in lint(path, shared_encoder())}
    same = findings["near-duplicate"]
    assert (same.path, same.line) == (str(path), 5)
    assert "'I want my money back' and 'I want the money back'" in same.message
    write_csv(path, {"a": ["one"], "b": ["two", "three", "four"]})
    [fault] = lint(path, shared_encoder())
    assert fault.level == "error"
    assert "needs at least 3 exemplars" in fault.message
