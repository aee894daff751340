"""Old names of the public API: they work for one minor version and say what to use instead."""

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def warn_renamed(old: str, new: str, stacklevel: int = 3) -> None:
    """Warn that a name was replaced by another one."""
    message = f"{old} is now {new}; the old name goes in the next minor version"
    warnings.warn(message, DeprecationWarning, stacklevel=stacklevel)


def renamed(
    module: str, names: Mapping[str, str], removed: Mapping[str, str] | None = None
) -> Callable[[str], Any]:
    """Make the `__getattr__` of a module that once had other names.

    :param module: `__name__` of the module.
    :param names: The new place of each old name, as in {"Old": "router.package.module.New"}.
    :param removed: For each name that is gone, a clause that says what to use instead.
    """

    def get(name: str) -> Any:  # noqa: ANN401 - it serves classes, functions and constants
        if removed and name in removed:  # an AttributeError would lose its message in an import
            raise ImportError(f"{module}.{name} is gone; cure: {removed[name]}")
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warn_renamed(f"{module}.{name}", names[name])
        new_module, _, new_name = names[name].rpartition(".")
        return getattr(import_module(new_module), new_name)

    return get


def renamed_method(owner: str, old: str, new: str) -> Callable[..., Any]:
    """Make a method that warns and then calls the method of the new name."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any method
        warn_renamed(f"{owner}.{old}", f"{owner}.{new}")
        return getattr(self, new)(*args, **kwargs)

    method.__doc__ = f"Use `{new}` instead; this name is deprecated."
    return method
