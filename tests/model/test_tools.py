"""A list of tools as a router: from the file, and from the pack that is written of it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from router import Router
from router.cli import app
from router.shortlist.entries import shortlist_of

DEV = Path(__file__).parents[2] / "benchmarks" / "tools_dev"


@pytest.fixture(scope="module")
def tools_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("tools") / "tools.json"
    path.write_text((DEV / "tools.json").read_text())
    return path


@pytest.fixture(scope="module")
def router(tools_file):
    return Router.load(tools_file)


def test_a_list_of_tools_is_a_pack_and_gives_the_tool_its_own_name(router):
    assert len(router.pack.skills) == 60
    assert router.pack.is_made_of_tools
    assert not router.pack.faults()
    decision = router.route("convert 250 dollars into yen")
    assert decision.to_dict()["data"] == {"coinpurse-exchange": {"tool": "coinpurse_exchange"}}
    entry = shortlist_of(router, "convert 250 dollars into yen", 3)[0]
    assert entry.name == "coinpurse_exchange"
    assert entry.line == "Convert amounts between currencies at today's rate"


def test_two_tools_come_in_the_order_of_mention(router):
    wanted = ("hearth-energy", "hearth-heating")
    text = "which device uses the most power, and lower the thermostat to save some"
    assert router.route(text).skills == wanted
    turned = "lower the thermostat to save some, and which device uses the most power"
    assert router.route(turned).skills == wanted[::-1]
    assert {ranked.id for ranked in router.rank(text, 2)} == set(wanted)


def test_the_ranking_finds_most_tools_of_the_development_set(router):
    rows = [json.loads(line) for line in (DEV / "queries.jsonl").read_text().splitlines()]
    ids = {skill.data["tool"]: skill.id for skill in router.pack.file.skills}
    rankings = router.rank_many([row["query"] for row in rows], 5)
    found = {1: [], 2: []}
    for row, ranking in zip(rows, rankings, strict=True):
        listed = {ranked.id for ranked in ranking}
        found[len(row["tools"])].append({ids[name] for name in row["tools"]} <= listed)
    assert sum(found[1]) >= 0.83 * len(found[1]) == 124.5
    assert sum(found[2]) >= 0.74 * len(found[2]) == 37.0


def test_a_pack_of_tools_is_written_and_decides_the_same(router, tools_file, tmp_path):
    out = tmp_path / "pack"
    made = CliRunner().invoke(app, ["init", str(tools_file), "--out", str(out)])
    assert made.exit_code == 0, made.output
    written = Router.load(out)
    assert written.pack.is_made_of_tools
    assert (out / "documents" / "tools" / "papyrus-ocr.md").is_file()
    texts = ["is it going to rain in Leeds", "wire the rent to Mrs Olsen", "what is love"]
    assert [d.to_dict()["ranking"] for d in written.route_many(texts)] == [
        d.to_dict()["ranking"] for d in router.route_many(texts)
    ]
    assert CliRunner().invoke(app, ["check", str(tools_file)]).exit_code == 0
    assert CliRunner().invoke(app, ["lint", str(tools_file)]).exit_code == 0
