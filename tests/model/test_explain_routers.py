import msgspec
import pytest

from router import Clarify, Router
from router.calibration.calibration import Calibration, Report
from router.explain import explain
from router.model.model import model_hash
from router.packs.policy import Policy
from router.statistics.probability import PlattScaling

QUERIES = [
    "my brakes squeal in the rain",
    "brakes, or rather the bus?",
    "I need a new bike, or else I go by bus",
    "bike trouble, what now",
    "when does the next bus leave",
    "bake bread",
    "",
]


def asking(router):
    """Ask about every text that something is close to."""
    file = msgspec.structs.replace(router.pack.file, policy=Policy(confidence_threshold=1.0))
    return Router(msgspec.structs.replace(router.pack, file=file), router.encoder, router.model)


def calibrated(router):
    no_figures = Report(before={}, after={}, ranking={})
    return router.with_calibration(
        Calibration(
            pack=router.pack.file.id,
            pack_hash=model_hash(router.pack),
            encoder=router.encoder.key,
            policy=router.pack.file.policy,
            source="log",
            n=100,
            ask_threshold=0.4,
            confidence_threshold=0.8,
            confidence=PlattScaling(),
            maps={
                "route": PlattScaling(0.5, -0.5),
                "redirect": PlattScaling(0.8, 0.5),
                "none": PlattScaling(0.5, 0.5),
                "clarify": PlattScaling(2.0, -0.5),
            },
            report=no_figures,
        )
    )


@pytest.mark.parametrize("variant", [lambda router: router, asking, calibrated])
def test_the_rule_is_that_of_the_decision(tiny_router, variant):
    router = variant(tiny_router)
    for query in QUERIES:
        explanation, decision = explain(router, query), router.route(query)
        assert explanation.decision == decision
        condition, end = explanation.rule.split(" -> ")
        if not isinstance(decision, Clarify):
            assert end == decision.to_dict()["action"]
        elif end == "ask":
            assert f"with probability {decision.confidence:.2f}, threshold" in condition
        else:
            assert end == "ask which it is"
            assert decision.reason == "Several of these are about as likely."
            assert f"is {1.0 - decision.confidence:.2f}, threshold" in condition


def test_a_calibrated_router_explains_with_its_own_thresholds(tiny_router):
    explanation = explain(calibrated(tiny_router), "bike trouble, what now")
    assert explanation.rule.endswith(", threshold 0.40 -> ask")
    explanation = explain(calibrated(tiny_router), "my brakes squeal in the rain")
    assert ", threshold 0.40;" in explanation.rule
    assert ", threshold 0.80 -> " in explanation.rule


def test_a_composed_question_is_explained_by_lack_of_confidence(tiny_router):
    explanation = explain(asking(tiny_router), "I need a new bike, or else I go by bus")
    assert isinstance(explanation.decision, Clarify)
    assert explanation.rule.endswith(", threshold 1.00 -> ask which it is")
    offered = {option.id for option in explanation.decision.question.options[:2]}
    assert {target.name for target in explanation.targets[:2]} == offered


def test_lists_begin_with_the_likeliest_and_are_cut(tiny_router):
    query = "the front brakes squeal, and a nail went through the tyre of my old bike"
    explanation = explain(tiny_router, query, most=2)
    probabilities = [target.probability for target in explanation.targets]
    assert probabilities == sorted(probabilities, reverse=True)
    assert len(explanation.targets) == len(explanation.nearest) == 2
    assert explanation.nearest == explanation.decision.evidence[:2]
    triggers = {question.id: question.triggers for question in explanation.questions}
    assert triggers == {"repair-or-buy": ("old bike",), "which-part": ()}
    assert [(clause.text, clause.skill) for clause in explanation.clauses] == [
        ("the front brakes squeal", "fix-brakes"),
        ("a nail went through the tyre of my old bike", "fix-tyres"),
    ]
    assert explanation.further_skills[0][0] in ("fix-brakes", "fix-tyres")
