import errno
import os

import pytest

from router.errors import WriteError
from router.files import DamagedError, explain_write_errors, read_json, replacing, write_whole


def test_a_file_is_replaced_and_no_temporary_file_stays(tmp_path):
    path = tmp_path / "new" / "file.txt"
    write_whole(path, "first")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    write_whole(path, "first")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WriteError, match="file.txt: can't write: No space .*; cure: make room"):
        write_whole(path, "second")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_error_names_what_is_kept_and_another_cure(tmp_path):
    message = "out: can't write: Not a directory; 3 lines are kept; cure: name a place"
    with (
        pytest.raises(WriteError, match=message),
        explain_write_errors(tmp_path / "out", "3 lines are kept"),
    ):
        raise NotADirectoryError(errno.ENOTDIR, "Not a directory")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no umask")
def test_files_respect_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        write_whole(tmp_path / "file", "")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b'{"a": "\xff"}', b"[]", b'{"a": 1}', b"[" * 100_000]
)
def test_a_damaged_file_has_one_way_to_fail(tmp_path, content):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(DamagedError, match=r"file\.json: can't be read: "):
        read_json(path, dict[str, str])
    with pytest.raises(DamagedError, match=r"none: can't be read: .*No such file"):
        read_json(tmp_path / "none", dict[str, str])


def test_parts_are_replaced_whole_and_no_link_is_followed(tmp_path):
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    for path in (folder / "mine.txt", folder / "part" / "old.txt", elsewhere / "file.txt"):
        write_whole(path, path.name)
    (folder / "link").symlink_to(elsewhere)
    with replacing(folder, ("part", "link", "note")) as new:
        write_whole(new / "part" / "new.txt", "new")
        write_whole(new / "note", "note")
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert sorted(files) == ["mine.txt", "note", "part/new.txt"]
    assert (elsewhere / "file.txt").read_text() == "file.txt"


def test_parts_that_can_not_be_written_leave_the_old_ones(tmp_path, monkeypatch):
    write_whole(tmp_path / "first", "old")
    write_whole(tmp_path / "last", "old")
    rename = type(tmp_path).rename

    def fail(path, target):
        if path.parent.name == "new" and path.name == "last":
            raise OSError(errno.EIO, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(type(tmp_path), "rename", fail)

    def replace_both():
        with replacing(tmp_path, ("first", "last")) as new:
            write_whole(new / "first", "new")
            write_whole(new / "last", "new")

    with pytest.raises(WriteError):
        replace_both()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "first": "old",
        "last": "old",
    }
