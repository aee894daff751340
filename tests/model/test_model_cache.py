import shutil
from pathlib import Path

import pytest

import router.fitting.code_hash as code
from router.fitting.code_hash import code_hash
from router.fitting.model_cache import cached_model, model_folder
from router.packs.pack_file import load_pack
from router.paths import DATA

PACKAGE = Path(code.__file__).parents[1]


@pytest.fixture
def copied_package(tmp_path, monkeypatch):
    """Copy the package, and let the code that fits models be that of the copy."""
    copy = tmp_path / "router"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "data"))
    path = copy / "fitting" / "code_hash.py"
    monkeypatch.setattr(code, "__file__", str(path))
    code_hash.cache_clear()
    yield copy
    code_hash.cache_clear()


def append_line(path):
    path.write_text(path.read_text(encoding="utf-8") + "# another line\n", encoding="utf-8")


CODE_THAT_FITS = [
    "fitting/fit.py",
    "fitting/fitter_choice.py",
    "heads/kernel_head.py",
    "model/concerns.py",
    "statistics/probability.py",
    "encoders/int8.py",
    "packs/markdown.py",
    "text.py",
]


@pytest.mark.parametrize("name", CODE_THAT_FITS)
def test_the_place_of_a_fitted_model_changes_with_the_code_that_fits(
    copied_package, tiny, tiny_router, name
):
    pack, encoder = load_pack(tiny), tiny_router.encoder
    before, folder = code_hash(), model_folder(pack, encoder)
    append_line(copied_package / name)
    assert model_folder(pack, encoder) == folder  # the code is read once
    code_hash.cache_clear()
    assert code_hash() != before
    assert model_folder(pack, encoder) != folder


@pytest.mark.parametrize("name", ["cli.py", "decisions/builder.py", "report/page.py"])
def test_other_code_changes_nothing(copied_package, name):
    before = code_hash()
    append_line(copied_package / name)
    code_hash.cache_clear()
    assert code_hash() == before


def test_a_file_of_code_that_is_added_changes_the_hash(copied_package):
    before = code_hash()
    (copied_package / "heads" / "another_head.py").write_text("WIDTH = 3\n", encoding="utf-8")
    code_hash.cache_clear()
    assert code_hash() != before


def test_general_replies_change_the_hash(tmp_path, monkeypatch):
    """A model is fitted on them, whatever the pack."""
    shutil.copytree(DATA, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(code, "DATA", tmp_path)
    code_hash.cache_clear()
    before = code_hash()
    append_line(tmp_path / "replies" / "both.txt")
    code_hash.cache_clear()
    assert code_hash() != before
    code_hash.cache_clear()


def test_a_model_is_fitted_once_and_anew_when_the_code_has_changed(
    copied_package, tiny, tiny_router, empty_cache
):
    pack, encoder, messages = load_pack(tiny), tiny_router.encoder, []
    cached_model(pack, encoder, messages.append)
    assert len(messages) == 1
    assert messages[0].startswith("Fitting bike-shop on 44 exemplars, once")
    model = cached_model(pack, encoder, messages.append)
    assert len(messages) == 1
    assert model.names == tiny_router.model.names
    append_line(copied_package / "heads" / "lexicon.py")
    code_hash.cache_clear()
    cached_model(pack, encoder, messages.append)
    assert len(messages) == 2
