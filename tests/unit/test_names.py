"""The vocabulary of the package, read from its source: one name, one meaning."""

import ast
import importlib
from collections import defaultdict
from pathlib import Path

import pytest

import router

ROOT = Path(router.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if path.name != "__init__.py")
DOORS = sorted(
    path for path in ROOT.rglob("__init__.py") if "__all__" in path.read_text(encoding="utf-8")
)


def public_names(path):
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return {name for name in names if not name.startswith("_")} - {"log", "app"}


def test_each_public_name_is_defined_once():
    modules = defaultdict(list)
    for path in MODULES:
        for name in public_names(path):
            modules[name].append(str(path.relative_to(ROOT)))
    assert {name: where for name, where in modules.items() if len(where) > 1} == {}


@pytest.mark.parametrize("path", DOORS, ids=lambda path: str(path.parent.relative_to(ROOT.parent)))
def test_a_door_lists_its_names_sorted_and_completely(path):
    module = importlib.import_module(".".join(path.parent.relative_to(ROOT.parent).parts))
    names = list(module.__all__)
    assert names == sorted(names)
    for name in names:
        assert getattr(module, name) is not None
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("router.")
        for alias in node.names
    }
    made_here = public_names(path)
    private = {"renamed", "warn_renamed"}
    assert set(names) <= imported | made_here
    if path.parent == ROOT:
        assert set(names) == imported - private
