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
from router.calibration.cases import NOT_OFFERED, Cases
from router.calibration.from_labels import folds_of, read_labels
from router.calibration.held_out_report import auroc_figure, recall_at
from router.calibration.thresholds import FittedThresholds, Goal, fit_maps, fit_thresholds
from router.commands.calibrate import calibrate_command as command
from router.decisions.outcome import ACTIONS, CLARIFY
from router.logs.formats import find_files
from router.logs.labels import Gold, LabelReader
from router.logs.reader import Columns, read_log
from router.packs.pack import Policy
from router.paths import SAMPLE_LOG
from router.statistics.probability import PlattScaling, fit_platt

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import pack_confidence  # noqa: E402

BEFORE_DRIFT = "2026-09-29"


AS_STATED = FittedThresholds({"all": PlattScaling(), "clarify": PlattScaling()}, 0.5, 0.5)


def cases_of(confidence, correct, ask_probability=None, **given):
    n = len(confidence)
    yes, no = np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
    asks = np.full(n, 0.01) if ask_probability is None else ask_probability
    plain = {
        "action": np.zeros(n, dtype=np.int8),
        "confidence": np.asarray(confidence, dtype=float),
        "ask_probability": np.asarray(asks, dtype=float),
        "correct": np.asarray(correct, dtype=bool),
        "may_ask": no,
        "must_ask": no,
        "in_scope": yes,
        "has_alternatives": yes,
        "truth_rank": np.zeros(n, dtype=np.intp),
        "truth_probability": np.ones(n),
        "outside": np.zeros(n),
        "is_outside": no,
    }
    return Cases(**(plain | given))


def drawn(chance, n):
    """Texts whose confidence overstates: right as often as its odds to the power 1/2, times 2."""
    sure = chance.uniform(0.2, 0.99, n)
    return cases_of(sure, chance.random(n) < PlattScaling(0.5, np.log(2.0)).transform(sure))


# Maps


def test_a_map_by_hand():
    # odds 4 to the power 1/2 is 2, times 3 is 6: 6 of 7
    assert PlattScaling(0.5, np.log(3.0)).transform(np.array([0.8]))[0] == pytest.approx(6 / 7)
    told = np.array([0.0, 0.3, 1.0])
    assert PlattScaling().transform(told) is told
    assert np.all(np.diff(PlattScaling(0.5, 1.0).transform(np.linspace(0, 1, 50))) > 0)


def test_what_was_mapped_is_found_again():
    cases = drawn(np.random.default_rng(0), 20_000)
    found = fit_platt(cases.confidence, cases.correct)
    assert found.slope == pytest.approx(0.5, abs=0.05)
    assert found.offset == pytest.approx(np.log(2.0), abs=0.05)


def test_a_confidence_that_tells_nothing_becomes_the_share_right():
    chance = np.random.default_rng(1)
    sure = chance.uniform(0.1, 0.9, 5_000)
    found = fit_platt(sure, chance.random(5_000) < 0.7 - 0.3 * (sure - 0.5))
    assert found.slope == 0.05
    np.testing.assert_allclose(found.transform(np.array([0.1, 0.5, 0.9])), 0.7, atol=0.05)


def test_where_all_are_right_nothing_is_fitted():
    assert fit_platt(np.array([0.5, 0.6]), np.array([True, True])) == PlattScaling()


def test_an_action_has_its_own_map_from_50_cases_of_both_outcomes_on():
    chance = np.random.default_rng(2)
    cases = drawn(chance, 300)
    action = np.repeat([0, 2, 3], [200, 51, 49]).astype(np.int8)
    maps = fit_maps(
        cases_of(cases.confidence, cases.correct, action=action), np.ones(300, dtype=np.bool_)
    )
    assert maps.keys() == {"all", "route", "redirect", "clarify"}
    right = cases.correct | (action == 2)
    maps = fit_maps(cases_of(cases.confidence, right, action=action), np.ones(300, dtype=np.bool_))
    assert maps.keys() == {"all", "route", "clarify"}


# Goals


def test_a_rate_of_asking_by_hand():
    risk = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
    right = np.ones(10, dtype=bool)
    # two of ten: those of 0.9 and 0.95, and whatever lies between 0.8 and 0.9 divides them
    assert Goal(ask_rate=0.2).risk_threshold(risk, right) == pytest.approx(0.85)


def test_a_share_of_errors_by_hand():
    # 19 texts: (19 + 1) * 0.1 - 1 = 1 error may stay unasked. Errors at risk 0.7, 0.8 and 0.9:
    # only the one of 0.7 may stay, so ask from between 0.7 and 0.8 on.
    risk = np.concatenate([np.linspace(0.05, 0.65, 16), [0.7, 0.8, 0.9]])
    right = risk < 0.69
    level = Goal(max_error=0.1).risk_threshold(risk, right)
    assert 0.7 < level < 0.8
    assert Goal(max_error=0.1).risk_threshold(risk, np.ones(19, dtype=bool)) == 1.0


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        ({"ask_rate": 0.1, "max_error": 0.1}, "not both"),
        ({"ask_rate": 0.0}, r"ask_rate is a share in \(0, 1\), was: 0.0"),
        ({"max_error": 1.5}, r"max_error is a share in \(0, 1\), was: 1.5"),
    ],
)
def test_a_goal_is_checked(goal, message):
    with pytest.raises(RouterError, match=message):
        Goal(**goal)


def test_what_cannot_be_asked_about_has_no_risk():
    cases = cases_of(
        [0.3, 0.3, 0.3, 0.9],
        [True] * 4,
        ask_probability=[0.2, 0.2, 0.4, 0.95],
        in_scope=np.array([True, False, True, True]),
        has_alternatives=np.array([True, True, False, True]),
    )
    assert AS_STATED.simulate(cases).risk.tolist() == pytest.approx([0.7, -1.0, 0.4, 0.95])


def test_errors_that_no_question_can_prevent_make_a_promise_impossible():
    chance = np.random.default_rng(3)
    near = chance.random(300) < 0.8
    cases = cases_of(np.full(300, 0.9), near, in_scope=near)
    with pytest.raises(RouterError, match=r"0.05 can't be promised on 300.*56 are decided wrong"):
        fit_thresholds(
            cases, folds_of([str(i) for i in range(300)]), Goal(max_error=0.05), Policy()
        )


def test_on_fresh_draws_no_more_is_silently_wrong_than_promised():
    chance = np.random.default_rng(4)
    fold = folds_of([str(i) for i in range(200)])
    silent, asked = [], []
    for _ in range(120):
        fitted = fit_thresholds(drawn(chance, 200), fold, Goal(max_error=0.1), Policy())
        fresh = drawn(chance, 400)
        simulated = fitted.simulate(fresh)
        silent.append(np.mean(~simulated.asked & ~fresh.correct))
        asked.append(simulated.asked.mean())
    error = np.std(silent) / np.sqrt(len(silent))
    assert np.mean(silent) <= 0.1 + 2 * error
    assert np.mean(silent) > 0.08  # and no more is asked than that takes
    assert np.mean(asked) < 0.6


def test_on_fresh_draws_about_as_many_are_asked_as_wanted():
    chance = np.random.default_rng(5)
    fold = folds_of([str(i) for i in range(200)])
    asked = [
        fit_thresholds(drawn(chance, 200), fold, Goal(ask_rate=0.1), Policy())
        .simulate(drawn(chance, 400))
        .asked.mean()
        for _ in range(40)
    ]
    assert np.mean(asked) == pytest.approx(0.1, abs=0.02)


def test_a_fresh_confidence_is_right_as_often_as_it_says():
    chance = np.random.default_rng(6)
    fitted = fit_thresholds(
        drawn(chance, 2_000), folds_of([str(i) for i in range(2_000)]), Goal(), Policy()
    )
    fresh = drawn(chance, 20_000)
    stated = fitted.simulate(fresh).confidence
    for low, high in ((0.5, 0.7), (0.7, 0.8), (0.8, 0.96)):
        rows = (stated >= low) & (stated < high)
        assert fresh.correct[rows].mean() == pytest.approx(stated[rows].mean(), abs=0.03)


def test_composed_questions_offer_the_truth_as_often_as_promised_on_fresh_draws():
    chance = np.random.default_rng(7)

    def asked(n):
        truth = chance.beta(1, 2, n)
        return cases_of(
            np.full(n, 0.2), np.zeros(n, bool), truth_rank=np.full(n, 3), truth_probability=truth
        )

    policy = Policy(confidence_threshold=0.9, alpha=0.1)
    covered = []
    for _ in range(100):
        fitted = fit_thresholds(asked(150), folds_of([str(i) for i in range(150)]), Goal(), policy)
        covered.append(fitted.simulate(asked(200)).covered.mean())
    assert 0.89 <= np.mean(covered) <= 0.92


def test_simulated_decisions_by_hand():
    cases = cases_of(
        [0.9, 0.3, 0.3, 0.3, 0.3],
        [True] * 5,
        ask_probability=[0.1, 0.1, 0.6, 0.1, 0.1],
        in_scope=np.array([True, True, True, False, True]),
        truth_rank=np.array([0, 1, 0, 0, NOT_OFFERED]),
    )
    simulated = AS_STATED.simulate(cases)
    assert simulated.missing.tolist() == [False, False, True, False, False]
    assert simulated.unsure.tolist() == [False, True, False, False, True]
    assert simulated.covered.tolist() == [True, True, True, True, False]


def test_equal_texts_come_into_the_same_fold():
    fold = folds_of(["a", "b", "A", "c", "b"], n_folds=3)
    assert fold[0] == fold[2]
    assert fold[1] == fold[4]
    assert sorted(set(fold.tolist())) == [0, 1, 2]


def test_figures_by_hand():
    yes, no = np.array([0.9, 0.5]), np.array([0.1, 0.5, 0.6, 0.2])
    assert auroc_figure(yes, no).value == pytest.approx((4 + 2.5) / 8)
    assert recall_at(yes, no, 0.25).value == 0.5  # only 0.6 may lie above: the threshold is 0.5
    assert recall_at(yes, no, 0.5).value == 1.0
    assert auroc_figure(yes, np.empty(0)).n == 0


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
    assert fitted.n == before["asked"].n == after["asked"].n == 312
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
    assert ((result.action == CLARIFY) == wanted).all()


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
        (None, "no calibration can be read: No such file"),
        ("{}", "missing required field .*router calibrate LOG"),
        ('{"format": 1}', r"of format 2 wrote: Expected .*format.*router calibrate LOG"),
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
    with pytest.raises(RouterError, match="at least 100 different labelled texts, got 99"):
        calibrate(router, texts, golds)
    with pytest.raises(RouterError, match="got 99"):
        calibrate(router, texts * 2, golds * 2)
    with pytest.raises(RouterError, match="got 0"):
        calibrate(router, texts, [None] * 99)
    many = [one.text for one in log_lines[:150]]
    with pytest.raises(
        RouterError, match="max_error 0.005 needs at least 199 different labelled.*got 150"
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
    assert "On 312 labelled queries, held out" in words
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
    with pytest.raises(RouterError, match=r"at least 100 different labelled texts, got 44"):
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
    assert "both" not in learnt.model.exemplar_texts
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
