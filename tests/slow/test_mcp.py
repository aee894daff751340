import json
import signal
import subprocess
import sys
import time

import pytest
from conftest import shared_encoder, write_skills
from small import save_small_pack

from router.skill_folders.pack_of_skills import init_pack

anyio = pytest.importorskip("anyio")
mcp = pytest.importorskip("mcp", reason="needs the extra: pip install '.[mcp]'")

from mcp import Client, StdioServerParameters  # noqa: E402
from mcp.types import ElicitResult  # noqa: E402

COMMAND = "import typer; from router.commands.mcp import mcp_command; typer.run(mcp_command)"
NOISY = """
import os, sys
from pathlib import Path
from router import Router
from router.mcp_server import serve
def load():
    print("noise from Python", flush=True)
    os.write(1, b"noise from C\\n")
    return Router.load(sys.argv[2])
serve(load, Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return save_small_pack(tmp_path_factory.mktemp("pack"))


def converse(pack, calls, **client):
    """Run the command, make calls in order, and give their results."""
    server = StdioServerParameters(
        command=sys.executable, args=["-c", COMMAND, "--pack", str(pack)]
    )

    async def session():
        with anyio.fail_after(120):
            async with Client(server, **client) as connected:
                tools = (await connected.list_tools()).tools
                return tools, [await connected.call_tool(name, given) for name, given in calls]

    return anyio.run(session)


def replying(*replies):
    """A client's user who gives these replies in turn; what they were asked is kept."""
    left, asked = list(replies), []

    async def elicited(context, params):
        asked.append(params)
        return left.pop(0)

    return elicited, asked


@pytest.fixture(scope="module")
def plain(pack):
    """What a client that can't elicit gets."""
    slow = {"said": ["my model is slow"], "asked": ["inference-or-training"]}
    calls = {
        "clear": ("route_query", {"query": "quantize bert to int8"}),
        "open": ("route_query", {"query": "my model is slow"}),
        "reply": ("answer_question", {"question": "inference-or-training", "reply": "1", **slow}),
        "follow-up": (
            "answer_question",
            {"question": "inference-or-training", "reply": "2", **slow},
        ),
        "unknown question": ("answer_question", {"question": "slow", "reply": "1", **slow}),
        "nothing said": (
            "answer_question",
            {"question": "traffic-pattern", "reply": "1", "said": []},
        ),
        "empty": ("route_query", {"query": ""}),
        "skills": ("list_skills", {}),
        "skill": ("read_skill", {"skill": "quantization-for-inference"}),
        "reference": (
            "read_skill",
            {"skill": "quantization-for-inference", "file": "references/onnx-int8.md"},
        ),
        "unknown skill": ("read_skill", {"skill": "quantisation"}),
        "outside": (
            "read_skill",
            {"skill": "quantization-for-inference", "file": "../../pyproject.toml"},
        ),
    }
    tools, results = converse(pack, calls.values())
    return {tool.name: tool for tool in tools}, dict(zip(calls, results, strict=True))


def test_five_tools_with_schemas_of_input_and_output(plain):
    tools, _ = plain
    routing = {"route_query", "answer_question", "shortlist_skills"}
    assert set(tools) == routing | {"list_skills", "read_skill"}
    assert set(tools["route_query"].input_schema["properties"]) == {"query", "history"}
    assert tools["answer_question"].input_schema["required"] == ["question", "reply", "said"]
    actions = tools["route_query"].output_schema["properties"]["action"]["enum"]
    assert actions == ["route", "clarify", "redirect", "none"]
    assert all(tool.annotations.read_only_hint for tool in tools.values())


def test_a_clear_query_is_routed(plain):
    _, results = plain
    record = results["clear"].structured_content
    assert (record["action"], record["skills"]) == ("route", ["quantization-for-inference"])
    assert record["question"] is None
    assert json.loads(results["clear"].content[0].text) == record


def test_an_open_question_comes_as_data_where_the_client_cannot_ask(plain):
    _, results = plain
    record = results["open"].structured_content
    assert (record["action"], record["question"]) == ("clarify", "inference-or-training")
    assert [option["id"] for option in record["options"]] == ["training", "predicting"]
    assert record["said"] == ["my model is slow"]
    assert record["asked"] == ["inference-or-training"]


def test_a_reply_decides_or_leads_to_one_follow_up(plain):
    _, results = plain
    told = results["reply"].structured_content
    assert (told["action"], told["packs"]) == ("redirect", ["training-optimization"])
    asked = results["follow-up"].structured_content
    assert (asked["action"], asked["question"]) == ("clarify", "model-or-serving")
    assert asked["said"] == ["my model is slow", "2"]
    assert asked["asked"] == ["inference-or-training", "model-or-serving"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("unknown question", "question must be an id that route_query gave, was 'slow'"),
        ("nothing said", "said must hold the user's query"),
        ("empty", "at least 1 character"),
        ("unknown skill", "did you mean 'quantization-for-inference'?"),
        ("outside", "has no file '../../pyproject.toml'; known: SKILL.md"),
    ],
)
def test_a_fault_is_an_error_of_the_tool_and_says_the_way_out(plain, call, message):
    _, results = plain
    assert results[call].is_error
    assert message in results[call].content[0].text


def test_skills_are_listed_and_read_with_their_references(plain):
    _, results = plain
    listed = results["skills"].structured_content
    assert listed["pack"] == "ml-production"
    assert len(listed["skills"]) == 10
    assert all(skill["readable"] for skill in listed["skills"])
    assert set(listed["neighbours"]) >= {"llm-specialist", "training-optimization"}
    document, others = [part.text for part in results["skill"].content]
    assert document.startswith("---\nname: quantization-for-inference\n")
    assert "references/onnx-int8.md" in others
    assert results["reference"].content[0].text.startswith("# ")
    assert results["skill"].structured_content is None  # it would be the document once more


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_that_can_elicit_asks_its_user_both_questions(pack, mode):
    label = "Predictions (inference) take too long"
    accept = [
        ElicitResult(action="accept", content={"option": label}),
        ElicitResult(
            action="accept", content={"words": "only the load; requests queue up when many arrive"}
        ),
    ]
    elicited, asked = replying(*accept)
    calls = [("route_query", {"query": "my model is slow"})]
    _, (result,) = converse(pack, calls, mode=mode, elicitation_callback=elicited)
    forms = [question.requested_schema["properties"]["option"]["enum"] for question in asked]
    assert forms[0] == ["Training takes too long", label]
    assert "It is slow only under load; requests queue up" in forms[1]
    record = result.structured_content
    assert record["action"] == "route"
    assert record["skills"] == ["model-serving-patterns", "scaling-and-load-balancing"]


def test_a_declined_question_stays_open_as_data(pack):
    elicited, asked = replying(ElicitResult(action="decline"))
    calls = [("route_query", {"query": "my model is slow"})]
    _, (result,) = converse(pack, calls, elicitation_callback=elicited)
    assert len(asked) == 1
    record = result.structured_content
    assert (record["action"], record["question"]) == ("clarify", "inference-or-training")


def test_a_blank_reply_leaves_the_question_open(pack):
    elicited, asked = replying(ElicitResult(action="accept", content={"words": "  "}))
    slow = {"said": ["my model is slow"], "asked": ["inference-or-training"]}
    calls = [
        ("route_query", {"query": "my model is slow"}),
        ("answer_question", {"question": "inference-or-training", "reply": "  ", **slow}),
    ]
    _, results = converse(pack, calls, elicitation_callback=elicited)
    assert len(asked) == 1
    records = [result.structured_content for result in results]
    questions = [(record["action"], record["question"], record["asks"]) for record in records]
    assert questions[0] == questions[1]
    assert questions[0][:2] == ("clarify", "inference-or-training")


@pytest.fixture(scope="module")
def folder_of_skills(tmp_path_factory):
    """A folder of SKILL.md files whose router always asks which skill a query is about."""
    folder = tmp_path_factory.mktemp("skills")
    descriptions = {
        "brakes": "Repair the brakes of a bicycle: pads, discs, cables. Use when it squeals.",
        "wheels": "Mend flat tyres and true the wheels of a bicycle.",
        "bread": "Bake bread with wild yeast. Use when the dough won't rise.",
    }
    write_skills(folder, descriptions)
    init_pack(folder, None, shared_encoder(), False, lambda _: None)
    file = folder / "pack.yaml"
    text = file.read_text(encoding="utf-8")
    assert "confidence_threshold: 0.45\n" in text
    file.write_text(text.replace("confidence_threshold: 0.45\n", "confidence_threshold: 1.0\n"))
    return folder


def test_a_question_which_of_the_skills_it_is_can_be_answered(folder_of_skills):
    query = {"query": "my bicycle needs a repair"}
    _, (first,) = converse(folder_of_skills, [("route_query", query)])
    record = first.structured_content
    assert (record["action"], record["question"]) == ("clarify", "which-of-these")
    skills = [option["skills"] for option in record["options"]]
    assert {*skills[0], *skills[1]} == {"brakes", "wheels"}
    assert skills[-1] == []  # none of these
    given_back = {name: record[name] for name in ("question", "said", "asked", "options")}
    forgotten = {name: record[name] for name in ("question", "said", "asked")}
    calls = [
        ("answer_question", {**given_back, "reply": "the first"}),
        ("answer_question", {**given_back, "reply": "none of these"}),
        ("answer_question", {**forgotten, "reply": "the first"}),
    ]
    _, (chosen, neither, failed) = converse(folder_of_skills, calls)
    record = chosen.structured_content
    assert (record["action"], record["skills"]) == ("route", skills[0])
    assert neither.structured_content["skills"] not in skills[:-1]
    assert failed.is_error
    assert "give back its options, too" in failed.content[0].text


def test_a_user_is_asked_which_of_the_skills_it_is(folder_of_skills):
    elicited, asked = replying(ElicitResult(action="accept", content={"words": "the first"}))
    calls = [("route_query", {"query": "my bicycle needs a repair"})]
    _, (result,) = converse(folder_of_skills, calls, elicitation_callback=elicited)
    assert len(asked) == 1
    labels = asked[0].requested_schema["properties"]["option"]["enum"]
    assert len(labels) >= 3
    assert result.structured_content["action"] == "route"


def test_a_pack_that_does_not_hold_is_an_error_of_each_tool(tmp_path):
    _, (result,) = converse(tmp_path, [("list_skills", {})])
    assert result.is_error
    assert "a pack is a folder with pack.yaml" in result.content[0].text


def server_of(pack, code, *calls, capabilities=()):
    """Start the server in a process, and send it the messages of a client."""
    client = {"name": "test", "version": "0"}
    given = {name: {} for name in capabilities}
    start = {"protocolVersion": "2025-06-18", "capabilities": given, "clientInfo": client}
    messages = [
        {"id": 1, "method": "initialize", "params": start},
        {"method": "notifications/initialized"},
        *({"id": 2 + i, "method": "tools/call", "params": call} for i, call in enumerate(calls)),
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--pack", str(pack)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for message in messages:
        process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    process.stdin.flush()
    return process


def test_nothing_but_the_protocol_is_written_to_stdout(pack):
    process = server_of(pack, NOISY, {"name": "list_skills", "arguments": {}})
    with process:
        lines = [process.stdout.readline() for _ in range(2)]
        rest, errors = process.communicate(timeout=60)
    assert [json.loads(line)["id"] for line in lines] == [1, 2]
    assert rest == ""
    assert "noise from Python" in errors
    assert "noise from C" in errors


@pytest.mark.parametrize("seconds", [0, 0.3, 1])
def test_a_client_may_close_while_the_router_loads(pack, seconds):
    with server_of(pack, COMMAND) as process:
        time.sleep(seconds)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_an_interrupt_ends_the_server_at_once(pack):
    with server_of(pack, COMMAND) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=5)
    assert process.returncode == -signal.SIGINT


def test_half_a_character_is_replaced_and_answered(pack):
    query = "quantize bert \\ud83d to int8 \ud83d \U0001f680"
    call = {"name": "route_query", "arguments": {"query": query}}
    with server_of(pack, COMMAND, call) as process:
        process.stdout.readline()
        answer = json.loads(process.stdout.readline())
        process.communicate(timeout=60)
    assert answer["result"]["structuredContent"]["action"] == "route"


def test_a_client_that_fails_to_ask_leaves_the_question_open(pack):
    call = {"name": "route_query", "arguments": {"query": "my model is slow"}}
    with server_of(pack, COMMAND, call, capabilities=["elicitation"]) as process:
        process.stdout.readline()
        asked = json.loads(process.stdout.readline())
        assert asked["method"] == "elicitation/create"
        error = {"code": -32601, "message": "Method not found"}
        reply = {"jsonrpc": "2.0", "id": asked["id"], "error": error}
        process.stdin.write(json.dumps(reply) + "\n")
        process.stdin.flush()
        record = json.loads(process.stdout.readline())["result"]["structuredContent"]
        process.communicate(timeout=60)
    assert (record["action"], record["question"]) == ("clarify", "inference-or-training")


def test_without_the_sdk_the_command_says_how_to_get_it(monkeypatch):
    from router.commands.mcp import mcp_command as command
    from router.errors import RouterError

    monkeypatch.delitem(sys.modules, "router.mcp_server", raising=False)
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    with pytest.raises(RouterError, match=r"cure: pip install 'mcp>=2.3,<3'"):
        command()
