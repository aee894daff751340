"""The fenced blocks of the documents, and what of them is a query, a manifest or a workflow."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from router.paths import SKILLS

FILES = sorted(SKILLS.rglob("*.md"))
FENCE = re.compile(r"^ {0,3}(`{3,})(\w*)[^\n]*\n(.*?)^ {0,3}\1[ \t]*$", re.MULTILINE | re.DOTALL)
RUNS = "# runs\n"


class Block(NamedTuple):
    file: Path
    line: int
    language: str
    code: str

    @property
    def name(self):
        return f"{self.file.relative_to(SKILLS)}:{self.line}"

    @property
    def runs(self):
        return self.code.startswith(RUNS)


def blocks_of(file):
    text = file.read_text("utf-8")
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(file, line, found[2], found[3])


BLOCKS = [block for file in FILES for block in blocks_of(file)]


def in_language(*languages):
    return [block for block in BLOCKS if block.language in languages]


def imported(code: str) -> dict[str, set[str]]:
    """Give the modules that code imports, each with the names that it takes from it."""
    modules: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                modules.setdefault(alias.name, set())
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.setdefault(node.module, set()).update(alias.name for alias in node.names)
    return modules


def documents_in(block: Block) -> Iterator[Any]:
    """Give the documents of a YAML or JSON block."""
    if block.language == "json":
        yield json.loads(block.code)
    else:
        yield from yaml.safe_load_all(block.code)


def queries_in(value: Any, key: str = "") -> Iterator[str]:
    """Give every PromQL query of a parsed block, with the placeholders of its template filled."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "query" and value.get("type") == "query":
                continue  # a variable of a dashboard
            yield from queries_in(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from queries_in(inner, key)
    elif isinstance(value, str) and key in ("expr", "query"):
        yield re.sub(r"\{\{[^}]*\}\}", "5m", value).replace("\\$", "$")


QUERIES = [
    (block.name, query)
    for block in in_language("yaml", "yml", "json")
    for document in documents_in(block)
    for query in queries_in(document)
]
