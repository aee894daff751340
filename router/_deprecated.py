"""Old names that still work for one minor version, with a warning."""

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def renamed(module: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the `__getattr__` of a module that once had other names.

    :param module: `__name__` of the module.
    :param names: The new place of each old name, as in {"Old": "router.package.module.New"}.
    """

    def get(name: str) -> Any:  # noqa: ANN401 - it serves classes, functions and constants
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warnings.warn(
            f"{module}.{name} is now {names[name]}; the old name goes in the next minor version",
            DeprecationWarning,
            stacklevel=2,
        )
        new_module, _, new_name = names[name].rpartition(".")
        return getattr(import_module(new_module), new_name)

    return get
