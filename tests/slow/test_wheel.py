"""The wheel carries all that routing needs: built, installed elsewhere, and routed with there."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROUTES = """
import json
from pathlib import Path
import router
from router.shipped import DEFAULT_PACK, SAMPLE_LOG, SKILLS
from router.model.replies import general_replies
built = router.Router.load()
decision = built.route("int8 weights with a calibration set for our keyword spotter")
print(json.dumps({
    "module": router.__file__,
    "pack": str(DEFAULT_PACK),
    "log": SAMPLE_LOG.is_file(),
    "documents": [(SKILLS / s.document).is_file() for s in built.pack.skills.values()],
    "replies": sorted(general_replies()),
    "record": decision.to_dict(),
}))
"""


def run(*command, **settings):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder))
    run(*build, str(ROOT))
    (path,) = folder.glob("ask_router-*.whl")
    return path


def shipped_files(folder):
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not any(part.startswith((".", "__")) for part in path.parts)
    }


def test_the_wheel_carries_every_file_of_data_and_skills(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("data", "skills"):
        files = shipped_files(folder)
        assert files
        assert {f"router/{name}" for name in files} <= names
    assert "router/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_carries_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"router", "ask_router"}
    assert not [name for name in names if "tests" in name.split("/") or name.endswith(".pyc")]


def test_the_installed_wheel_routes_outside_the_repository(wheel, tmp_path):
    place, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    run(*pip, "--disable-pip-version-check", "--target", str(place), str(wheel))
    environment = {**os.environ, "PYTHONPATH": str(place)}
    out = run(sys.executable, "-c", ROUTES, cwd=elsewhere, env=environment)
    told = json.loads(out.splitlines()[-1])
    assert Path(told["module"]).is_relative_to(place)
    assert Path(told["pack"]).is_relative_to(place)
    assert told["log"]
    assert told["documents"] == [True] * 10
    assert told["replies"] == ["=both", "=neither", "=unsure"]
    assert told["record"]["action"] == "route"
    assert told["record"]["skills"] == ["quantization-for-inference"]
