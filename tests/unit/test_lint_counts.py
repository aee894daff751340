"""Too few exemplars, far fewer than elsewhere, and the same exemplar in two skills."""

import numpy as np
import pytest
from typer.testing import CliRunner

from router.cli import app
from router.lint.counts import (
    NearestExemplars,
    near_duplicates,
    small_skills,
    unbalanced_skills,
)
from router.packs.pack import Pack


def locate(target, text):
    return target, 0


def lines(name, n):
    return [f"{name} {i}" for i in range(n)]


def unit(*angles):
    """Vectors in the plane, by their angles in degrees."""
    radians = np.deg2rad(angles)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("small", "large", "found"),
    [(3, 30, True), (3, 29, False), (9, 90, True), (10, 100, False), (3, 3, False)],
)
def test_a_tenth_of_the_largest_is_too_little_unless_it_is_ten(small, large, found):
    pack = Pack.of({"a": lines("a", small), "b": lines("b", large)})
    findings = list(unbalanced_skills(pack, locate))
    assert bool(findings) == found
    if found:
        assert findings[0].message == f"a has {small} exemplars beside the {large} of b"
        assert findings[0].path == "skill:a"


def test_the_nearest_exemplars_are_found_among_the_own_and_the_others():
    nearest = NearestExemplars.of(unit(0, 10, 30, 90), ["a", "a", "b", "c"])
    cosines = np.cos(np.deg2rad([10, 10]))
    np.testing.assert_allclose(nearest.own, [*cosines, -1, -1], atol=1e-6)
    np.testing.assert_allclose(nearest.other, np.cos(np.deg2rad([30, 20, 20, 60])), atol=1e-6)
    assert nearest.other_index.tolist() == [2, 2, 1, 2]


def test_more_exemplars_than_a_block_are_compared_alike(monkeypatch):
    vectors, labels = unit(*range(0, 90, 9)), list("aabbccddee")
    whole = NearestExemplars.of(vectors, labels)
    monkeypatch.setattr("router.lint.counts._BLOCK", 3)
    blocks = NearestExemplars.of(vectors, labels)
    np.testing.assert_allclose(blocks.own, whole.own, atol=1e-6)
    np.testing.assert_allclose(blocks.other, whole.other, atol=1e-6)
    assert blocks.other_index.tolist() == whole.other_index.tolist()


def test_a_small_skill_among_the_lines_of_another_is_reported():
    pack = Pack.of({"a": lines("a", 3), "b": lines("b", 3)})
    labels = [label for label, _ in pack.target_exemplars()]
    apart = NearestExemplars.of(unit(0, 1, 2, 90, 91, 92), labels)
    assert list(small_skills(pack, labels, apart, locate)) == []
    mixed = NearestExemplars.of(unit(0, 30, 60, 1, 31, 32), labels)
    [finding] = small_skills(pack, labels, mixed, locate)
    assert finding.rule == "few-exemplars"
    assert "a has 3 exemplars" in finding.message
    assert "3 of them lie closest to an exemplar of another target, most often of b" in (
        finding.message
    )


def test_exemplars_that_say_the_same_are_reported_once_for_a_pair_of_targets():
    pack = Pack.of({"a": lines("a", 3), "b": lines("b", 3)})
    labels, texts = zip(*pack.target_exemplars(), strict=True)
    nearest = NearestExemplars.of(unit(0, 30, 60, -18, 31, 120), labels)
    [finding] = near_duplicates(pack, labels, texts, nearest, locate)  # cos(18 degrees) = 0.95
    assert finding.message == (
        "a and b have exemplars that say the same: 'a 0' and 'b 0'; 'a 1' and 'b 1'"
    )
    apart = NearestExemplars.of(unit(0, 30, 60, 90, 120, 150), labels)
    assert list(near_duplicates(pack, labels, texts, apart, locate)) == []


def test_the_same_words_are_the_same_whatever_stands_between():
    pack = Pack.of(
        {"a": ["Where is it?", "b", "c"], "b": ["where is it", "it is where", "d"]},
        none=["c!", "?"],
    )
    labels, texts = zip(*pack.target_exemplars(), strict=True)
    messages = [finding.message for finding in near_duplicates(pack, labels, texts, None, locate)]
    assert messages == [
        "a and b have exemplars that say the same: 'Where is it?' and 'where is it'",
        "a and none have exemplars that say the same: 'c' and 'c!'",
    ]


def test_check_takes_a_file_of_routes_and_warns_at_the_line(tmp_path):
    rows = [f"{name} {i},{name}" for name, n in (("a", 40), ("b", 2)) for i in range(n)]
    path = tmp_path / "shop.csv"
    path.write_text("\n".join(["text,label", *rows, '"A 7!",b']) + "\n")
    run = CliRunner().invoke(app, ["check", str(path)])
    assert run.exit_code == 0
    assert "shop is valid: 2 skills" in run.output
    assert "warning: b has 3 exemplars beside the 40 of a" in run.output
    assert f"{path}:9: warning: a and b have exemplars that say the same: 'a 7' and 'A 7!'" in (
        run.output
    )
    path.write_text("\n".join(["text,label", *rows]) + "\n")
    run = CliRunner().invoke(app, ["check", str(path)])
    assert run.exit_code == 2
    assert f"{path}: exemplars/skills/b: needs at least 3 exemplars" in run.output
