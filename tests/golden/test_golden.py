"""What routers of several kinds decide is pinned, see pin.py.

On one machine the files are the same byte for byte, which `python tests/golden/pin.py` and
`git diff tests/golden` show. Another BLAS, or another number of its threads, may change the last
digit of a fitted number; a test allows for that and for nothing else.
"""

import pin
import pytest


@pytest.mark.parametrize("case", pin.ROUTERS)
def test_decisions_and_figures_are_the_pinned_ones(case):
    folder = pin.EXPECTED / case
    files = pin.files_of(case)
    assert sorted(files) == sorted(path.name for path in folder.iterdir())
    changes = [
        f"{case}/{name}{change}"
        for name, content in files.items()
        for change in pin.changes_of((folder / name).read_text(encoding="utf-8"), content)
    ]
    if changes:
        pytest.fail("\n".join([f"{len(changes)} changes", *changes[:30]]), pytrace=False)


def test_a_number_may_differ_in_its_last_digit_and_nothing_else_may():
    pinned = '{"action":"route","confidence":0.729,"margin":0.5}\n'
    assert not list(pin.changes_of(pinned, pinned.replace("0.729", "0.7291")))
    assert list(pin.changes_of(pinned, pinned.replace("0.729", "0.7294"))) == [
        ":1.confidence: pinned 0.729, now 0.7294"
    ]
    assert list(pin.changes_of(pinned, pinned.replace("route", "none"))) == [
        ":1.action: pinned 'route', now 'none'"
    ]
    assert list(pin.changes_of(pinned, pinned * 2)) == [": pinned 1 records, now 2"]
    assert list(pin.changes_of(pinned, pinned.replace("margin", "gap")))
