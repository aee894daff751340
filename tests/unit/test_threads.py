import threading

import pytest

from router import threads
from router.threads import cores, map_in_threads


@pytest.mark.parametrize("count", [0, 1, 2, 7])
@pytest.mark.parametrize("n_cores", [1, 2, 3])
def test_results_come_in_the_order_of_the_parts(monkeypatch, count, n_cores):
    monkeypatch.setattr(threads, "cores", lambda: n_cores)
    assert map_in_threads(lambda part: part * part, range(count)) == [i * i for i in range(count)]


def test_parts_are_done_at_the_same_time(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 2)
    barrier = threading.Barrier(2, timeout=10)
    map_in_threads(lambda _: barrier.wait(), range(4))


def test_what_a_part_raises_is_raised(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 2)

    def fail(part):
        raise ValueError(f"part {part}")

    with pytest.raises(ValueError, match="part 0"):
        map_in_threads(fail, range(3))


def test_there_is_at_least_one_core():
    assert cores() >= 1
