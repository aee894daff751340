"""The version of the package, whose name on PyPI is `ask-router`."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def installed_version() -> str:
    """Give the version; "0" where the package runs without being installed."""
    try:
        return version("ask-router")
    except PackageNotFoundError:
        return "0"
