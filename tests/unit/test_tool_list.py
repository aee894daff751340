"""Lists of tools in the shapes that are in use, read as skills with short documents."""

import json

import pytest

from router.errors import PackError
from router.skill_folders.tool_list import ListedTool, is_tool_list, read_tools, tool_folder

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "Where it is."},
        "unit": {"enum": ["metric", "imperial"]},
        "span": {"type": "object", "properties": {"days": {"description": "How many days."}}},
    },
}
PARAMETERS = (
    ("city", "Where it is."),
    ("unit", "metric, imperial"),
    ("span", ""),
    ("days", "How many days."),
)
WEATHER = {"name": "getWeather", "description": "Forecast of a city."}
SHAPES = {
    "openai": [{"type": "function", "function": {**WEATHER, "parameters": SCHEMA}}],
    "openai-responses": [{"type": "function", **WEATHER, "parameters": SCHEMA}],
    "openai-request": {"model": "m", "tools": [{"function": {**WEATHER, "parameters": SCHEMA}}]},
    "anthropic": [{**WEATHER, "input_schema": SCHEMA}],
    "mcp": {"tools": [{**WEATHER, "inputSchema": SCHEMA}]},
    "mcp-envelope": {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"tools": [{**WEATHER, "inputSchema": SCHEMA}]},
    },
    "gemini": [{"functionDeclarations": [{**WEATHER, "parameters": SCHEMA}]}],
}
OPENAPI = """\
openapi: 3.1.0
info: {title: Shop, version: "1"}
paths:
  /orders/{id}:
    parameters:
      - {name: id, in: path, description: The number of the order.}
    get:
      operationId: getOrder
      summary: Look at an order.
      tags: [Orders]
    delete:
      summary: Cancel an order
      description: Only before it is sent.
  /orders:
    post:
      operationId: placeOrder
      summary: Place an order
      requestBody:
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Order"}
components:
  schemas:
    Order:
      type: object
      properties:
        item: {description: What to send.}
        next: {$ref: "#/components/schemas/Order"}
"""


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_name_description_and_parameters(shape, tmp_path):
    path = write(tmp_path / "tools.json", SHAPES[shape])
    assert is_tool_list(path)
    assert read_tools(path) == [ListedTool("getWeather", "Forecast of a city.", PARAMETERS)]


def test_openapi_gives_an_operation_as_a_tool_with_references_followed(tmp_path):
    path = write(tmp_path / "shop.yaml", OPENAPI)
    get, delete, post = read_tools(path)
    number = ("id", "The number of the order.")
    assert get == ListedTool("getOrder", "Look at an order", (number,), "Orders")
    assert delete.name == "delete /orders/{id}"
    assert delete.description == "Cancel an order. Only before it is sent"
    assert post.parameters[:2] == (("item", "What to send."), ("next", ""))
    folder = tool_folder(path)
    assert [(skill.id, skill.category) for skill in folder.skills] == [
        ("get-order", "orders"),
        ("delete-orders-id", "tools"),
        ("place-order", "tools"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"greet": ["hello", "hi"]},
        [{"name": "greet", "utterances": ["hello"], "description": "d"}],
        [{"text": "hello", "label": "greet"}],
        [{"name": "greet"}],
        {"tools": [{"name": "ok", "description": "d"}, {"description": "no name"}]},
        "not JSON",
    ],
)
def test_anything_else_is_no_list_of_tools(content, tmp_path):
    path = write(tmp_path / "other.json", content)
    assert not is_tool_list(path)
    with pytest.raises(PackError, match="other.json"):
        read_tools(path)


def test_names_become_words_and_ids_are_distinct(tmp_path):
    tools = [
        {"name": name, "description": "One."}
        for name in ("getUserByID", "get_user_by_id", "HTTPServer.start", "天气")
    ]
    path = write(tmp_path / "tools.json", tools)
    assert [tool.words for tool in read_tools(path)] == [
        "get user by id",
        "get user by id",
        "http server start",
        "天气",
    ]
    folder = tool_folder(path)
    ids = [skill.id for skill in folder.skills]
    assert ids[:3] == ["get-user-by-id", "get-user-by-id-2", "http-server-start"]
    assert len(set(ids)) == 4
    assert [skill.document.name for skill in folder.skills][:2] == ["getUserByID", "get_user_by_id"]


def test_a_tool_without_a_description_is_named(tmp_path):
    path = write(tmp_path / "tools.json", [{"name": "silent", "parameters": {}}])
    assert tool_folder(path).warnings == (
        f"{path}: the tool 'silent' has no description; describe it",
    )


def test_a_tool_needs_no_more_than_a_name(tmp_path):
    path = tmp_path / "tools.json"
    for tools in (
        [{"type": "function", "function": {"name": "send_mail"}}],
        [{"name": "send_mail", "input_schema": None}],
        {"tools": [{"name": "send_mail", "description": None, "inputSchema": []}]},
    ):
        path.write_text(json.dumps(tools))
        assert is_tool_list(path)
        assert read_tools(path) == [ListedTool("send_mail", "")]


@pytest.mark.parametrize("item", [5, None, {"description": "Repairs a bike."}, {"function": {}}])
def test_what_has_no_name_among_tools_is_named_in_the_message(tmp_path, item):
    path = tmp_path / "tools.json"
    path.write_text(json.dumps([{"name": "bake", "input_schema": {}}, item]))
    assert is_tool_list(path)
    with pytest.raises(PackError, match=r"tools.json: tool 2 of 2 has no name; a tool is"):
        read_tools(path)


def test_a_name_without_letters_is_its_own_words():
    assert ListedTool("\U0001f6b2", "Repairs a bike.").words == "\U0001f6b2"


@pytest.mark.parametrize(
    "operation",
    [
        {"parameters": "p", "operationId": 5, "summary": ["x"]},
        {"parameters": [5, None, {"schema": None}], "requestBody": [], "tags": 5},
        {"requestBody": {"content": "json"}, "parameters": {"a": 1}},
        {"requestBody": {"content": {"application/json": {"schema": []}}}},
    ],
)
def test_an_operation_with_parts_of_a_wrong_kind_is_read_without_them(tmp_path, operation):
    path = tmp_path / "service.json"
    path.write_text(json.dumps({"openapi": "3.1.0", "paths": {"/bikes": {"get": operation}}}))
    (tool,) = read_tools(path)
    assert tool.parameters == ()
