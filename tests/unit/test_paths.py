import pytest

from router import paths, shipped
from router.paths import cache_folder


def test_the_cache_folder_is_the_chosen_one_else_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("ROUTER_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "shared"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("ROUTER_CACHE")
    assert cache_folder() == tmp_path / "shared" / "router"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "router"


def test_the_old_module_still_gives_the_paths_with_a_warning():
    with pytest.warns(DeprecationWarning, match="router.shipped.DATA is now router.paths.DATA"):
        assert shipped.DATA == paths.DATA


def test_without_a_home_the_cache_is_a_temporary_folder(monkeypatch, caplog):
    def unknown():
        raise RuntimeError("Could not determine home directory.")

    for name in ("ROUTER_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(paths.Path, "home", unknown)
    assert cache_folder() == cache_folder()
    assert cache_folder().is_dir()
    assert "cure: set ROUTER_CACHE" in caplog.text
