import threading

import pytest

from router import threads
from router.threads import cores, in_threads


@pytest.mark.parametrize("count", [0, 1, 2, 7])
@pytest.mark.parametrize("n_cores", [1, 2, 3])
def test_every_part_is_done_once(monkeypatch, count, n_cores):
    monkeypatch.setattr(threads, "cores", lambda: n_cores)
    done = []
    in_threads(done.append, range(count))
    assert sorted(done) == list(range(count))


def test_parts_are_done_beside_one_another(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 2)
    both = threading.Barrier(2, timeout=10)
    in_threads(lambda _: both.wait(), range(4))


def test_what_a_part_raises_is_raised(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 2)

    def fail(part):
        raise ValueError(f"part {part}")

    with pytest.raises(ValueError, match="part 0"):
        in_threads(fail, range(3))


def test_there_is_at_least_one_core():
    assert cores() >= 1
