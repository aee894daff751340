"""Every recipe of docs/recipes runs, on a small pack of the real thing."""

import asyncio
import importlib.util
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from small import save_small_pack

from router import Clarify, Redirect, Route, Router

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
TRAINS = "Training takes too long"
PREDICTS = "Predictions (inference) take too long"
LOAD = "It is slow only under load; requests queue up"


def recipe(name, *needs):
    """Import a recipe; skip if what it is about is not installed."""
    for package in needs:
        pytest.importorskip(package, reason=f"recipe {name} needs {package}: pip install {package}")
    spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return save_small_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture(scope="module")
def routing(pack):
    return Router.load(pack)


def test_every_recipe_is_on_the_page_and_in_a_test():
    page = (RECIPES.parent / "pages" / "how-to" / "recipes.md").read_text()
    tests = Path(__file__).read_text()
    for path in RECIPES.glob("*.py"):
        assert f'--8<-- "{path.name}"' in page
        assert f'recipe("{path.stem}"' in tests


def test_the_agent_asks_its_user_and_reads_the_skills(routing):
    agent = recipe("agent_loop")
    replies, asked = [PREDICTS, LOAD], []

    def ask(question):
        asked.append(question)
        return replies[len(asked) - 1]

    decision = agent.settle(routing, "my model is slow", ask)
    assert asked[0].splitlines()[1:] == [f"1. {TRAINS}", f"2. {PREDICTS}"]
    assert decision.skills == ("model-serving-patterns", "scaling-and-load-balancing")
    text = agent.context_for(routing, decision)
    first, second = text.index("name: model-serving"), text.index("name: scaling-and-load")
    assert first < second
    redirect = agent.settle(routing, "my model is slow", lambda _: TRAINS)
    assert isinstance(redirect, Redirect)
    assert agent.context_for(routing, redirect) == redirect.reason


@pytest.mark.filterwarnings("default")  # third-party deprecations
def test_the_graph_stops_at_a_question_and_goes_on_with_the_reply(routing):
    module = recipe("langgraph_node", "langgraph")
    graph = module.routing_graph(routing)
    config = {"configurable": {"thread_id": "1"}}
    state = graph.invoke({"request": "my model is slow"}, config)
    assert state["__interrupt__"][0].value["question"] == "inference-or-training"
    state = graph.invoke(module.Command(resume=PREDICTS), config)
    assert state["__interrupt__"][0].value["question"] == "model-or-serving"
    state = graph.invoke(module.Command(resume=LOAD), config)
    wanted = ["model-serving-patterns", "scaling-and-load-balancing"]
    assert state["routed"]["skills"] == wanted


@pytest.mark.filterwarnings("default")
def test_the_endpoint_answers_and_refuses(routing):
    pytest.importorskip("httpx", reason="FastAPI's test client needs httpx: pip install httpx")
    module = recipe("fastapi_endpoint", "fastapi")
    from fastapi.testclient import TestClient

    client = TestClient(module.app(routing))
    asked = client.post("/route", json={"text": "my model is slow"}).json()
    assert asked["action"] == "clarify"
    told = client.post("/answer", json={"clarify": asked, "text": TRAINS}).json()
    assert (told["action"], told["packs"]) == ("redirect", ["training-optimization"])
    assert client.post("/route", json={"text": ""}).status_code == 422
    asked["question"], asked["options"][0]["packs"] = "no-such-question", ["no-such-pack"]
    refused = client.post("/answer", json={"clarify": asked, "text": "1"})
    assert refused.status_code == 422
    assert "no-such-pack" in refused.json()["detail"]


@dataclass
class Chat:
    """A chat that keeps what is said in it."""

    posts: list = field(default_factory=list)

    def post(self, thread, text):
        self.posts.append((thread, text))


def test_the_bot_keeps_threads_apart(routing):
    module = recipe("triage_bot")
    chat = Chat()
    bot = module.TriageBot(routing, chat)
    bot.receive("1", "my model is slow")
    bot.receive("2", "quantize bert to int8")
    bot.receive("1", TRAINS)
    assert [thread for thread, _ in chat.posts] == ["1", "2", "1"]
    assert chat.posts[0][1].endswith(f"1) {TRAINS}\n2) {PREDICTS}")
    assert chat.posts[1][1].startswith("Please ask in #quantization-for-inference (")
    assert chat.posts[2][1] == "#training-optimization can help you."
    assert bot.open == {}


def test_async_code_routes_without_blocking(routing):
    module = recipe("async_use")
    texts = ["quantize bert to int8", "my model is slow"]

    async def both():
        one = await asyncio.gather(*(module.route(routing, text) for text in texts))
        return one, await module.route_together(routing, texts)

    one, many = asyncio.run(both())
    assert [type(decision) for decision in many] == [Route, Clarify]
    assert [decision.to_dict()["skills"] for decision in one] == [
        decision.to_dict()["skills"] for decision in many
    ]


@pytest.mark.filterwarnings("default")
def test_spark_routes_a_column(pack, routing, monkeypatch):
    module = recipe("spark_map_in_arrow", "pyspark")
    if shutil.which("java") is None:
        pytest.skip("recipe spark_map_in_arrow needs Java 17 or newer, and there is none")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    builder = module.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", "2").getOrCreate()
    try:
        texts = ["quantize bert to int8", "my model is slow", "a roast duck recipe"]
        table = spark.createDataFrame([(text,) for text in texts], "query string")
        rows = module.route_column(table, "query", str(pack)).collect()
    finally:
        spark.stop()
    flat = [decision.to_dict() for decision in routing.route_many(texts)]
    assert [row.text for row in rows] == texts
    assert [row.action for row in rows] == [record["action"] for record in flat]
    assert [row.skills for row in rows] == [record["skills"] for record in flat]
    assert [row.question for row in rows] == [record["question"] for record in flat]
    assert [row.confidence for row in rows] == pytest.approx(
        [record["confidence"] for record in flat], abs=1e-4
    )


def test_a_clarify_survives_the_wire(routing):
    asked = routing.route("my model is slow")
    assert msgspec.json.decode(msgspec.json.encode(asked), type=Clarify) == asked
