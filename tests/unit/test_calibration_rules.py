import numpy as np
import pytest
from evidence import cases_of, drawn

from router import RouterError
from router.calibration.cases import NOT_OFFERED
from router.calibration.from_labels import folds_of
from router.calibration.held_out_report import auroc_figure, held_out_report, recall_at
from router.calibration.thresholds import FittedThresholds, Goal, fit_maps, fit_thresholds
from router.packs.policy import Policy
from router.statistics.probability import PlattScaling, fit_platt

AS_STATED = FittedThresholds({"all": PlattScaling(), "clarify": PlattScaling()}, 0.5, 0.5)


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


def test_the_interval_of_an_auroc_by_hand():
    figure = auroc_figure(np.array([0.9, 0.8, 0.3]), np.array([0.5, 0.2]))
    # 5 of 6 pairs; q1 = 0.7143, q2 = 0.7576, variance (0.1389 + 2 * 0.0198 + 0.0631) / 6 = 0.0403
    assert figure.value == pytest.approx(5 / 6)
    assert figure.low == pytest.approx(5 / 6 - 1.96 * 0.2007, abs=1e-3)
    assert figure.high == 1.0
    assert figure.n == 5
    swapped = auroc_figure(np.array([0.5, 0.2]), np.array([0.9, 0.8, 0.3]))
    assert swapped.low == 0.0
    assert swapped.high == pytest.approx(1 / 6 + 1.96 * 0.2007, abs=1e-3)


def test_a_report_by_hand():
    cases = cases_of(
        [0.9, 0.3, 0.3, 0.9],
        [True, False, True, False],
        ask_probability=[0.01, 0.4, 0.01, 0.02],
        may_ask=np.array([False, True, False, False]),
        must_ask=np.array([False, True, False, False]),
    )
    never_unsure = FittedThresholds(AS_STATED.maps, 0.5, 0.0)
    report = held_out_report(cases, never_unsure.simulate(cases), AS_STATED.simulate(cases))
    # Two state 0.9 and one of them is right, two state 0.3: (0.8 + 0.4) / 4.
    before = {name: figure.value for name, figure in report.before.items()}
    assert before == pytest.approx(
        {"accepted": 0.5, "silently_wrong": 0.5, "asked": 0.0, "calibration_error": 0.3}
    )
    after = {name: (figure.value, figure.n) for name, figure in report.after.items()}
    del after["calibration_error"]
    assert after == {
        "accepted": (0.5, 4),  # the first is right, and the second may be asked about
        "silently_wrong": (0.25, 4),
        "asked": (0.5, 4),  # the two that are 0.3 sure
        "needless_of_asked": (0.5, 2),
        "right_in_the_end": (0.75, 4),
        "truth_is_offered": (1.0, 1),
    }
    assert {name: figure.value for name, figure in report.ranking.items()} == {
        "ask_auroc": 1.0,
        "must_ask_recall_at_5%_needless": 1.0,
        "must_ask_recall_at_10%_needless": 1.0,
        "must_ask_recall_at_15%_needless": 1.0,
        "sure_auroc": 0.5,
    }
