"""Tools, read as skills with short documents: lists of OpenAI, Anthropic and MCP, and OpenAPI."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from msgspec import structs

from router.encoders.default import default_encoder
from router.encoders.encoder import Encoder
from router.errors import PackError
from router.files import replacing
from router.packs.labels import id_of_label
from router.packs.new_pack import refuse_to_overwrite
from router.packs.pack import Pack
from router.packs.pack_file import PACK_FILE, load_pack, save_pack
from router.packs.text_file import read_text_file
from router.skill_folders.document_lines import document_lines
from router.skill_folders.folder import FolderSkill, SkillFolder, pack_of
from router.skill_folders.skill_document import SkillDocument

_MAX_BYTES = 50_000_000
_SUFFIXES = {".json", ".yaml", ".yml"}
_NO_CATEGORY = "tools"
_DOCUMENTS = "documents"
_METHODS = ("get", "put", "post", "delete", "patch", "options", "head", "trace")
_SCHEMAS = ("parameters", "input_schema", "inputSchema", "parametersJsonSchema")
_LISTS = ("tools", "functions", "function_declarations", "functionDeclarations")
_ROUTE_KEYS = {"utterances", "label", "intent", "text"}
"""What routes have, and tools don't."""

_MAX_DEPTH = 12
_POLICY = {"extra_skill_threshold": 0.4, "confidence_threshold": 0.35}
"""On benchmarks/tools_dev one clear query in twenty gets a needless second tool, and one in four is
asked about."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class ListedTool:
    """A tool: its name, what it does, and its parameters with what they mean.

    :param group: The service or tag it belongs to, if the list says so.
    """

    name: str
    description: str
    parameters: tuple[tuple[str, str], ...] = ()
    group: str = ""

    @property
    def words(self) -> str:
        """The name in words: "getUserById" and "get_user_by_id" are "get user by id"."""
        words = re.sub(r"[\W_]+", " ", _CAMEL.sub(" ", self.name)).split()
        return " ".join(words).lower() or self.name

    @property
    def text(self) -> str:
        """The document of the tool, as Markdown."""
        lines = [
            f"- {name}: {meaning}" if meaning else f"- {name}" for name, meaning in self.parameters
        ]
        return "\n".join([self.description, "", *lines]).strip() + "\n"


class _NamelessToolError(PackError):
    """An item stands among tools and has no name."""


def is_tool_list(path: str | Path) -> bool:
    """Tell whether a file holds a list of tools, or the document of an OpenAPI service."""
    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES or not path.is_file():
        return False
    try:
        return bool(_tools_in(_content(path)))
    except _NamelessToolError:
        return True
    except (PackError, ValueError, yaml.YAMLError, RecursionError):
        return False


def read_tools(path: str | Path) -> list[ListedTool]:
    """Read a list of tools.

    These are read: the tools of OpenAI and Anthropic, the answer to `tools/list` of the Model
    Context Protocol, and OpenAPI documents as JSON or YAML.

    :raises PackError: The file has none of these shapes, or a tool of it has no name.
    """
    path = Path(path)
    try:
        tools = _tools_in(_content(path))
    except _NamelessToolError as error:
        raise PackError(f"{path}: {error}") from error
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise PackError(f"{path}: can't be read: {error}; write it again as JSON") from error
    if not tools:
        raise PackError(
            f"{path}: no tool in it; a tool has a name, a description and, if wanted, parameters,"
            " as OpenAI, Anthropic, MCP or OpenAPI write them"
        )
    return tools


def pack_of_tools(
    path: str | Path, encoder: Encoder | None = None, notify: Callable[[str], None] | None = None
) -> tuple[Pack, list[str]]:
    """Make a pack of a list of tools; also gives warnings.

    The name, the description and the parameters are the document of a tool. A decision gives the
    tool's own name back as `data`.

    :raises PackError: The file holds no tools.
    """
    folder = tool_folder(path)
    pack, warnings = pack_of(folder, encoder or default_encoder(), notify or (lambda _: None))
    names = {skill.id: skill.document.name for skill in folder.skills}
    skills = tuple(
        structs.replace(skill, data={"tool": names[skill.id]}) for skill in pack.file.skills
    )
    summary = f"{len(skills)} tools, read from {Path(path).name}."
    policy = structs.replace(pack.file.policy, **_POLICY)
    file = structs.replace(pack.file, skills=skills, summary=summary, policy=policy)
    return structs.replace(pack, file=file), warnings


def init_tools(
    file: Path, out: Path, encoder: Encoder, force: bool, notify: Callable[[str], None]
) -> tuple[Pack, list[str]]:
    """Write the pack of a list of tools into a new folder, with a document for each tool.

    :return: The pack as it is read back, and warnings.
    :raises PackError: The file holds no tools, there is a pack already and `force` is not given, or
        `out` holds anything else.
    """
    refuse_to_overwrite(out, file, force)
    pack, warnings = pack_of_tools(file, encoder, notify)
    skills = tuple(
        structs.replace(skill, document=f"{_DOCUMENTS}/{skill.document}")
        for skill in pack.file.skills
    )
    pack = structs.replace(pack, file=structs.replace(pack.file, skills=skills))
    with replacing(out, [_DOCUMENTS, "exemplars", PACK_FILE]) as new:
        save_pack(pack, new)
    return load_pack(out), warnings


def tool_folder(path: str | Path) -> SkillFolder:
    """Give the tools of a file as a folder of skills would be."""
    path = Path(path)
    root, skills, warnings = path.with_suffix(""), dict[str, FolderSkill](), list[str]()
    for tool in read_tools(path):
        wanted = id_of_label(tool.words or tool.name)
        number, unique = 2, wanted
        while unique in skills:
            unique, number = f"{wanted[:60].strip('-')}-{number}", number + 1
        if not tool.description:
            warnings.append(f"{path}: the tool {tool.name!r} has no description; describe it")
        category = id_of_label(tool.group) if tool.group else _NO_CATEGORY
        file = f"{category}/{unique}.md"
        sentence = tool.description or tool.words
        document = SkillDocument(
            path=root / file,
            text=f"# {tool.words}\n\n{tool.text}",
            name=tool.words,
            description=" ".join(sentence.split()),
            body=tool.text.partition("\n\n")[2],
            lines={},
        )
        lines = replace(document_lines(document), title=tool.words)
        document = replace(document, name=tool.name)
        skills[unique] = FolderSkill(unique, category, file, document, lines)
    return SkillFolder(root, tuple(skills.values()), (), tuple(warnings))


def _content(path: Path) -> Any:  # noqa: ANN401 - any JSON
    text = read_text_file(path, "a list of tools", _MAX_BYTES)
    if path.suffix.lower() == ".json":
        return json.loads(text)
    return yaml.load(text, Loader=yaml.CSafeLoader)


def _tools_in(content: object) -> list[ListedTool]:
    """Find the tools in plain data; nothing if it has another shape.

    :raises PackError: There are tools, and something that has no name.
    """
    if isinstance(content, Mapping):
        if isinstance(content.get("paths"), Mapping) and (
            "openapi" in content or "swagger" in content
        ):
            return list(_operations(content))
        if isinstance(content.get("result"), Mapping):
            return _tools_in(content["result"])
        content = next((content[key] for key in _LISTS if key in content), None)
    return _tools_of_list(content) if isinstance(content, list) else []


def _tools_of_list(content: list[Any]) -> list[ListedTool]:
    tools = []
    for number, item in enumerate(content, start=1):
        if isinstance(item, Mapping) and any(isinstance(item.get(key), list) for key in _LISTS):
            tools += _tools_in(item)
        elif (tool := _tool(item)) is not None:
            tools.append(tool)
        elif any(map(_is_tool, _objects(content))):
            raise _NamelessToolError(
                f"tool {number} of {len(content)} has no name; a tool is an object with a name, and"
                f" a description or parameters, was: {item!r:.60}"
            )
        else:
            return []
    return tools


def _fields(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what is said of a tool; OpenAI wraps it into "function"."""
    return item["function"] if isinstance(item.get("function"), Mapping) else item


def _is_tool(item: Mapping[str, Any]) -> bool:
    """Tell whether an object has what tools alone have: a function, or a schema of parameters."""
    fields = _fields(item)
    has_schema = any(key in fields for key in _SCHEMAS) and not _ROUTE_KEYS & set(fields)
    return fields is not item or has_schema


def _tool(item: object) -> ListedTool | None:
    """Read one item of a list; None if it is no tool."""
    if not isinstance(item, Mapping):
        return None
    fields = _fields(item)
    name, description = fields.get("name"), fields.get("description")
    is_described = isinstance(description, str) and description and not _ROUTE_KEYS & set(fields)
    if not isinstance(name, str) or not name.strip() or not (_is_tool(item) or is_described):
        return None
    schemas = [fields[key] for key in _SCHEMAS if isinstance(fields.get(key), Mapping)]
    parameters = tuple(_parameters(schemas[0], {})) if schemas else ()
    return ListedTool(name.strip(), str(description or "").strip(), parameters)


def _parameters(
    schema: Mapping[str, Any], document: Mapping[str, Any], depth: int = 0
) -> Iterator[tuple[str, str]]:
    """Give name and description of each property of a JSON schema."""
    schema = _resolved(schema, document)
    if depth > 2:
        return
    properties = schema.get("properties")
    for name, value in properties.items() if isinstance(properties, Mapping) else ():
        field = _resolved(value, document) if isinstance(value, Mapping) else {}
        yield str(name), _sentence(field)
        yield from _parameters(field, document, depth + 1)
    items = schema.get("items")
    if isinstance(items, Mapping):
        yield from _parameters(items, document, depth + 1)


def _sentence(field: Mapping[str, Any]) -> str:
    text = field.get("description") or field.get("title") or ""
    values = field.get("enum")
    listed = ", ".join(map(str, values[:8])) if isinstance(values, list) else ""
    joined = "; ".join(filter(None, (str(text).strip(), listed)))
    return " ".join(joined.split())


def _operations(document: Mapping[str, Any]) -> Iterator[ListedTool]:
    """Give each operation of an OpenAPI document as a tool."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items() if isinstance(methods, Mapping) else ():
            if method not in _METHODS or not isinstance(operation, Mapping):
                continue
            name = operation.get("operationId") or f"{method} {path}"
            told = [str(operation.get(key) or "").strip() for key in ("summary", "description")]
            tags = operation.get("tags")
            given = [one for at in (methods, operation) for one in _objects(at.get("parameters"))]
            (request,) = _objects([operation.get("requestBody")]) or [{}]
            parameters = [
                (str(value["name"]), _sentence(value))
                for value in (_resolved(one, document) for one in given)
                if "name" in value
            ]
            (body,) = _objects([_resolved(request, document).get("content")]) or [{}]
            for media in body.values():
                if isinstance(media, Mapping) and isinstance(media.get("schema"), Mapping):
                    parameters += _parameters(media["schema"], document)
                    break
            yield ListedTool(
                str(name),
                ". ".join(dict.fromkeys(text.rstrip(".") for text in told if text)),
                tuple(dict.fromkeys(parameters)),
                str(tags[0]) if isinstance(tags, list) and tags else "",
            )


def _objects(values: object) -> list[Mapping[str, Any]]:
    """Give the objects of a list; none if it is no list."""
    return [one for one in values if isinstance(one, Mapping)] if isinstance(values, list) else []


def _resolved(value: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references within the document."""
    for _ in range(_MAX_DEPTH):
        inner = value.get("schema")
        reference = value.get("$ref") or (isinstance(inner, Mapping) and inner.get("$ref"))
        if not isinstance(reference, str) or not reference.startswith("#/") or "name" in value:
            return value
        target: Any = document
        for part in reference[2:].split("/"):
            part = part.replace("~1", "/").replace("~0", "~")
            target = target.get(part) if isinstance(target, Mapping) else None
        if not isinstance(target, Mapping):
            return {}
        value = target
    return value
