import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import typer
from conftest import fitted_router
from small import save_small_pack
from typer.testing import CliRunner

from router import Router, RouterError
from router.calibration import calibrate, calibrate_log, calibrate_on_exemplars
from router.calibration.calibration import Calibration, IntervalStep
from router.calibration.from_labels import read_labels
from router.commands.calibrate import calibrate_command as command
from router.decisions.outcome import ACTIONS, CLARIFY
from router.logs.formats import find_files
from router.logs.labels import Gold, LabelReader
from router.logs.reader import Columns, read_log
from router.paths import SAMPLE_LOG

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import pack_confidence  # noqa: E402

BEFORE_DRIFT = "2026-09-29"


# The shipped pack and log


@pytest.fixture(scope="session")
def log_lines(router):
    files = find_files(SAMPLE_LOG, exclude=SAMPLE_LOG / "runs")
    chunks = read_log(files, Columns(), LabelReader(router.pack))
    return [line for chunk in chunks for line in chunk.lines]


@pytest.fixture(scope="session")
def fitted(router):
    return calibrate_log(router, SAMPLE_LOG, before=BEFORE_DRIFT, ask_rate=0.15)


def test_the_pack_holds_what_its_script_fits(router):
    found = pack_confidence.fitted(router)
    told = np.linspace(0.3, 0.95, 30)
    ours = router.pack.file.policy.confidence.transform(told)
    np.testing.assert_allclose(found.transform(told), ours, atol=0.04)


def test_a_calibration_lowers_what_is_silently_wrong(fitted):
    before, after = fitted.report.before, fitted.report.after
    assert fitted.n == before["asked"].n == after["asked"].n == 311  # one line is an exemplar
    assert after["asked"].value == pytest.approx(0.15, abs=0.04)
    assert after["silently_wrong"].value < before["silently_wrong"].value
    assert after["calibration_error"].value < 0.06
    assert after["asked"].low < after["asked"].value < after["asked"].high
    assert fitted.report.ranking["ask_auroc"].value > 0.95
    assert fitted.report.ranking["outside_auroc"].value > 0.95


def test_it_asks_where_a_detail_or_sureness_is_missing(router, fitted, log_lines):
    calibrated = router.with_calibration(fitted)
    evidence, result = calibrated.evidence_and_result([line.text for line in log_lines[:200]])
    ask = fitted.maps["clarify"].transform(evidence.missing_detail)
    in_scope = evidence.nearest_similarity >= calibrated.policy.similarity_threshold
    wanted = in_scope & (np.maximum(ask, 1 - result.unasked_confidence) >= fitted.ask_threshold)
    assert fitted.confidence_threshold == 1 - fitted.ask_threshold
    asked = result.action == CLARIFY
    assert asked[wanted].all()
    assert result.strange[asked & ~wanted].all()  # whether these belong here at all


def test_every_decision_of_a_calibrated_router_tells_an_interval(router, fitted, log_lines):
    seen = set()
    calibrated = router.with_calibration(fitted)
    for decision in calibrated.route_many([line.text for line in log_lines[:80]]):
        low, high = decision.interval
        assert 0 <= low <= decision.confidence <= high <= 1
        assert decision.to_dict()["interval"] == [low, high]
        seen.add(decision.to_dict()["action"])
    assert seen == set(ACTIONS)
    assert router.route("quantize it").interval == ()


def test_an_interval_lies_between_the_steps(fitted):
    steps = (IntervalStep(0.5, 0.4, 0.6), IntervalStep(0.7, 0.6, 0.8))
    told = msgspec.structs.replace(fitted, intervals={"decided": steps})
    assert told.interval("decided", 0.6) == (0.5, 0.7)
    assert told.interval("decided", 0.3) == (0.3, 0.6)  # holds the confidence itself
    assert told.interval("missing", 0.6) == ()


def test_a_calibration_survives_its_file(router, fitted, tmp_path):
    path = tmp_path / "deep" / "calibration.json"
    fitted.write(path)
    assert Calibration.read(path) == fitted
    texts = ["int8 for our keyword spotter", "slow", "watch it, or mend it?"]
    loaded = Router.load(calibration=path)
    assert loaded.route_many(texts) == router.with_calibration(fitted).route_many(texts)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't be read: .*No such file"),
        ("{}", "missing required field .*router calibrate LOG"),
        ('{"format": 1}', r"can't be read: Expected .*format.*router calibrate"),
        ('{"format": 1}', "Expected `int` >= 2 .*; fit it again: router calibrate LOG"),
        ("nonsense", "is what `router calibrate` of format 2 wrote"),
    ],
)
def test_a_file_that_is_none_is_refused(router, tmp_path, content, message):
    path = tmp_path / "calibration.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RouterError, match=message):
        Router.load(router.pack, encoder=router.encoder, calibration=path)


def test_another_pack_encoder_or_policy_is_refused(router, tiny_router, fitted):
    with pytest.raises(RouterError, match=r"ml-production .*this is bike-shop .*calibrate LOG"):
        tiny_router.with_calibration(fitted)
    other = msgspec.structs.replace(fitted, encoder="another-model")
    with pytest.raises(RouterError, match=r"fitted with, another-model; this is .*calibrate LOG"):
        router.with_calibration(other)
    policy = msgspec.structs.replace(fitted.policy, extra_skill_threshold=0.31)
    with pytest.raises(
        RouterError, match=r"extra_skill_threshold was 0.31, is 0\.\d+; fit it again"
    ):
        router.with_calibration(msgspec.structs.replace(fitted, policy=policy))


def test_too_few_labels_are_refused(router, log_lines):
    texts, golds = [one.text for one in log_lines[:99]], [one.gold for one in log_lines[:99]]
    with pytest.raises(
        RouterError, match="at least 100 different labelled texts, got 98 besides 1 that"
    ):
        calibrate(router, texts, golds)
    with pytest.raises(RouterError, match="got 98"):
        calibrate(router, texts * 2, golds * 2)
    with pytest.raises(RouterError, match="got 0"):
        calibrate(router, texts, [None] * 99)
    many = [one.text for one in log_lines[:150]]
    with pytest.raises(
        RouterError, match="max_error 0.005 needs at least 199 different labelled.*got 149"
    ):
        calibrate(router, many, [one.gold for one in log_lines[:150]], max_error=0.005)


def test_labels_are_read_as_in_a_log(router):
    texts, golds = read_labels(
        router.pack, ["a", "b", "c"], ["deployment-strategies", None, {"action": "none"}]
    )
    assert texts == ["a", "c"]
    assert golds == [Gold("route", skills=("deployment-strategies",)), Gold("none")]
    with pytest.raises(
        RouterError, match="label 2, of 'b': .*did you mean 'deployment-strategies'"
    ):
        read_labels(router.pack, ["a", "b"], ["none", "deployment-strategie"])
    with pytest.raises(RouterError, match="2 texts, 1 labels"):
        read_labels(router.pack, ["a", "b"], ["none"])


def test_the_command_prints_what_it_gains_and_writes_it(tmp_path):
    app = typer.Typer()
    app.command()(command)
    out = tmp_path / "c.json"
    log = [str(SAMPLE_LOG), "--before", BEFORE_DRIFT, "--out", str(out), "--max-error", "0.1"]
    result = CliRunner().invoke(app, log, catch_exceptions=False)
    assert result.exit_code == 0
    words = " ".join(result.stdout.split())
    assert "On 311 labelled queries, held out" in words
    assert "at most 10.0% are expected to go wrong without a question" in words
    assert "wrong decisions without a question" in words
    assert Calibration.read(out).max_error == 0.1


# Without a log, and learning from one


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    return fitted_router(save_small_pack(tmp_path_factory.mktemp("small")))


def test_without_a_log_the_exemplars_calibrate(small):
    found = calibrate_on_exemplars(small, ask_rate=0.2)
    assert found.source == "exemplars"
    assert found.n == len(small.model.exemplar_texts)
    assert found.report.after["asked"].value == pytest.approx(0.2, abs=0.03)
    assert found.report.after["calibration_error"].value < 0.08
    assert small.with_calibration(found).route("int8 weights").interval


def test_a_pack_with_few_exemplars_is_refused(tiny_router):
    with pytest.raises(
        RouterError,
        match=r"at least 100 different exemplars, got 44: .*add exemplars, or give a log",
    ):
        calibrate_on_exemplars(tiny_router)


def test_learning_makes_exemplars_and_calibrates_on_what_it_had_not_learnt(small):
    places = ["zurich", "lima", "oslo", "accra", "hanoi", "quito", "perth", "doha", "riga", "bonn"]
    blorps = [f"blorp the zimbo in {place} {n}" for place in places for n in range(6)]
    texts = [*blorps, *[f"wakkle {n} frumps of {p}" for p in places for n in range(6)], "both"]
    labels = ["deployment-strategies"] * 60 + [{"action": "none"}] * 60
    labels += [["model-serving-patterns", "deployment-strategies"]]
    learnt = small.learn(texts, labels)
    assert learnt.route("blorp our zimbo").skills == ("deployment-strategies",)
    assert learnt.route("wakkle the frumps").to_dict()["action"] == "none"
    assert set(blorps) <= set(learnt.pack.exemplars.skills["deployment-strategies"])
    assert learnt.pack.exemplars.several[-1].text == "both"
    assert learnt.calibration.n == 121
    assert learnt.calibration.source == "fit"
    assert learnt.route("blorp our zimbo").interval
    assert not set(blorps) & set(small.model.exemplar_texts)
    assert small.calibration is None


def test_learning_needs_100_labels_that_the_pack_knows(small):
    with pytest.raises(RouterError, match="at least 100 different labelled texts, got 1"):
        small.learn(["a"], ["deployment-strategies"])
    with pytest.raises(RouterError, match="label 1, of 'a'"):
        small.learn(["a"], ["no-such-skill"])


def test_a_log_is_calibrated_on_without_its_bad_lines(router, tmp_path):
    log, sentences = tmp_path / "log.csv", []
    log.write_text("text,label\nslow,no-such-skill\n")
    with pytest.raises(
        RouterError,
        match="needs at least 100 different labelled texts, got 0",
    ):
        calibrate_log(router, log, notify=sentences.append)
    assert "1 line can't be read; the first: line 2: a label is" in sentences[-1]


def test_nothing_is_fitted_to_decisions_that_are_all_wrong(router):
    texts = [f"quantize model number {number} to int8" for number in range(120)]
    with pytest.raises(RouterError, match="all of 120 decisions are wrong, and nothing can be fit"):
        calibrate(router, texts, ["none"] * 120)
