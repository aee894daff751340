"""Show the fields of msgspec structs in the reference as those of dataclasses are shown."""

import re
from typing import Any

import griffe

_PARAM = re.compile(r"^:param .*(?:\n +.*)*", re.MULTILINE)


class StructFields(griffe.Extension):
    """Give each struct the parameters of its constructor: its own fields and those it inherits."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:  # noqa: ANN401
        """Look at every class once the package has been read."""
        for module in _modules(pkg):
            for cls in module.classes.values():
                if not cls.is_alias and _is_struct(cls):
                    _set_fields(cls)


def _modules(module: griffe.Module) -> list[griffe.Module]:
    below = [m for m in module.modules.values() if not m.is_alias]
    return [module, *(inner for one in below for inner in _modules(one))]


def _bases(cls: griffe.Class) -> list[griffe.Class]:
    """The classes of this package that it inherits from, the most distant first."""
    try:
        return [base for base in reversed(cls.mro()) if not base.is_alias]
    except ValueError:
        return []


def _is_struct(cls: griffe.Class) -> bool:
    paths = [
        getattr(base, "canonical_path", "") for one in [*_bases(cls), cls] for base in one.bases
    ]
    return "msgspec.Struct" in paths


def _set_fields(cls: griffe.Class) -> None:
    fields = {}
    for one in [*_bases(cls), cls]:
        for name, member in one.members.items():
            if member.is_attribute and member.annotation and "property" not in member.labels:
                fields[name] = griffe.Parameter(
                    name,
                    annotation=member.annotation,
                    kind=griffe.ParameterKind.keyword_only,
                    default=member.value,
                )
    own = griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)
    required_first = sorted(fields.values(), key=lambda field: field.default is not None)
    parameters = griffe.Parameters(own, *required_first)
    init = griffe.Function("__init__", lineno=0, endlineno=0, parent=cls, parameters=parameters)
    cls.set_member("__init__", init)
    inherited = [
        found
        for one in _bases(cls)
        if one.docstring
        for found in _PARAM.findall(one.docstring.value)
    ]
    if cls.docstring and inherited:
        cls.docstring.value = "\n".join([cls.docstring.value, "", *inherited])
