import msgspec
import numpy as np
import pytest
from lines import BRAKES, TYRES, decided, routed, run_folder

from router.commands.compare import compare_command as command
from router.errors import LogError
from router.evaluation.compare import Paired, compare, compare_paired, differences
from router.evaluation.decisions_file import RunFolder
from router.evaluation.drift import Drift, compare_logs, divergence, jensen_shannon
from router.evaluation.share_change import gain_of, mcnemar
from router.logs.labels import Gold


def test_mcnemar_by_hand():
    # 1 of 5 changes is for the worse: 2 * (1 + 5) / 2**5
    assert mcnemar(4, 1) == pytest.approx(0.375)
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(4, 1) == mcnemar(1, 4)


def test_a_gain_and_its_interval():
    gain = gain_of(better=30, worse=10, n=200)
    assert gain.value == pytest.approx(0.1)
    # Standard error of the difference: sqrt((0.15 + 0.05 - 0.1**2) / 200) = 0.0308
    assert gain.low == pytest.approx(0.1 - 1.96 * 0.0308, abs=0.01)
    assert gain.high == pytest.approx(0.1 + 1.96 * 0.0308, abs=0.01)
    assert gain.excludes_zero
    assert not gain_of(better=3, worse=2, n=200).excludes_zero


def test_two_runs_of_one_log_by_hand(tmp_path):
    before = [routed(1, BRAKES, True), routed(2, TYRES, False), routed(3, TYRES, False)]
    after = [routed(1, TYRES, False), routed(2, BRAKES, True), routed(3, TYRES, False)]
    found = compare(run_folder(tmp_path / "a", before), run_folder(tmp_path / "b", after))
    assert isinstance(found, Paired)
    assert (found.n, found.n_changed, found.n_better, found.n_worse) == (3, 2, 1, 1)
    assert found.gain.value == 0.0
    assert found.p_value == 1.0
    assert [(change.after.line, change.verdict) for change in found.changes] == [
        (1, "worse"),
        (2, "better"),
    ]
    assert ("skill:fix-brakes", "skill:fix-tyres", 1) in found.moves


def test_the_figures_of_both_runs_by_hand(tmp_path):
    asks = decided(
        2, "query 2", "clarify", question="q", gold=Gold("route", BRAKES), accepted=False
    )
    before = [routed(1, BRAKES, True), routed(2, TYRES, False), routed(3, TYRES)]
    after = [routed(1, BRAKES, True), asks, routed(3, TYRES)]
    found = compare(run_folder(tmp_path / "a", before), run_folder(tmp_path / "b", after))
    figures = {one.name: (one.before, one.after, one.change.n) for one in found.figures}
    assert figures == {
        "accepted": (0.5, 0.5, 2),
        "silently_wrong": (0.5, 0.0, 2),
        "asked": (0.0, pytest.approx(1 / 3), 3),
    }


def test_labels_that_have_changed_between_two_runs_are_said(tmp_path, capsys):
    before = [routed(1, BRAKES, True), routed(2, BRAKES, True)]
    relabelled = decided(2, "query 2", "route", skills=BRAKES, gold=Gold("none"), accepted=False)
    a = run_folder(tmp_path / "a", before)
    b = run_folder(tmp_path / "b", [before[0], relabelled])
    paired = compare(a, b)
    assert (paired.n_relabelled, paired.gain.n, paired.n_better, paired.n_worse) == (1, 1, 0, 0)
    assert {figure.name: figure.after for figure in paired.figures}["accepted"] == 1.0
    command(a.path, b.path, None, False)
    assert "1 line had another label, or none, in the other run" in capsys.readouterr().out
    assert compare(a, a).n_relabelled == 0


def test_what_differs_between_two_runs_is_named(tmp_path):
    a = run_folder(tmp_path / "a", [routed(1, BRAKES)])
    b = run_folder(tmp_path / "b", [routed(1, TYRES)])
    assert differences(a, b) is None
    versions = {"router": "1", "pack_hash": "p", "model_hash": "m", "encoder": "e"}

    def said(folder, **changes):
        content = {"versions": versions | {"calibration": None} | changes}
        (folder.path / "run.json").write_bytes(msgspec.json.encode(content))
        return RunFolder.open(folder.path)

    assert differences(said(a), said(b)) == ()
    assert differences(said(a), said(b, calibration="c")) == ("the calibration",)
    assert differences(said(a), said(b, pack_hash="q", model_hash="n")) == ("the pack",)


def test_without_labels_there_is_no_gain(tmp_path):
    a = run_folder(tmp_path / "a", [routed(1, BRAKES)])
    b = run_folder(tmp_path / "b", [routed(1, TYRES)])
    found = compare(a, b)
    assert (found.gain, found.p_value, found.n_changed) == (None, None, 1)
    assert found.changes[0].verdict == "other"


def test_runs_of_other_logs_are_not_paired(tmp_path):
    a = run_folder(tmp_path / "a", [routed(1, BRAKES), routed(2, BRAKES)])
    b = run_folder(tmp_path / "b", [routed(1, BRAKES), routed(2, BRAKES, text="other")])
    assert isinstance(compare(a, b), Drift)
    with pytest.raises(LogError, match="differ at line 2"):
        compare_paired(a, b)


def test_jensen_shannon_by_hand():
    same = np.array([0.5, 0.5])
    assert jensen_shannon(same, same) == 0.0
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1.0
    # Half of log2(1/0.75) and half of 0.5 log2(0.5/0.75) + 0.5 log2(0.5/0.25)
    expected = (np.log2(4 / 3) + 0.5 * np.log2(2 / 3) + 0.5) / 2
    assert jensen_shannon(np.array([1.0, 0.0]), same) == pytest.approx(expected)


def test_a_divergence_knows_what_chance_gives():
    alike, chance = divergence(np.array([500, 500]), np.array([495, 505]))
    assert alike.value < chance
    apart, chance = divergence(np.array([500, 500]), np.array([300, 700]))
    assert apart.low > chance


def test_two_logs_by_hand(tmp_path):
    a = [routed(i, BRAKES, text=f"a{i}") for i in range(1, 101)]
    b = [routed(i, TYRES, text=f"b{i}") for i in range(1, 51)]
    found = compare_logs(run_folder(tmp_path / "a", a), run_folder(tmp_path / "b", b))
    assert (found.n_before, found.n_after) == (100, 50)
    assert found.actions.value == 0.0
    assert found.skills.value == 1.0
    shares = {share.name: (share.before, share.after, share.change.value) for share in found.shares}
    assert shares["route"] == (1.0, 1.0, 0.0)
    assert shares["fix-brakes"] == (1.0, 0.0, -1.0)
    assert found.embedding is None


def test_an_empty_run_is_named(tmp_path):
    a = run_folder(tmp_path / "a", [routed(1, BRAKES)])
    with pytest.raises(LogError, match="b: a run that is compared has at least 1 decision"):
        compare_logs(a, run_folder(tmp_path / "b", []))
