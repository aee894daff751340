"""CI installs fixed versions: constraints.txt names all that pyproject.toml asks for."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def test_every_development_dependency_is_pinned_within_its_bounds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    version = {canonicalize_name(pin.name): str(pin.specifier) for pin in pins}
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["dev"], *extras["review"]]
    for requirement in map(Requirement, wanted):
        pinned = version.get(canonicalize_name(requirement.name), "")
        assert pinned.startswith("=="), f"{requirement.name} is not in constraints.txt"
        assert pinned[2:] in requirement.specifier, f"{requirement}, but {pinned}"
