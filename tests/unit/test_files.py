import errno

import pytest

from router.errors import WriteError
from router.files import explain_write_errors, write_whole


@pytest.mark.parametrize("sync", [True, False])
def test_a_file_is_replaced_and_no_temporary_file_stays(tmp_path, sync):
    path = tmp_path / "new" / "file.txt"
    write_whole(path, "first", sync=sync)
    write_whole(path, b"second", sync=sync)
    assert path.read_bytes() == b"second"
    assert path.stat().st_mode & 0o777 == 0o644
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
