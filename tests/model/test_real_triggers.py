import pytest

from router.errors import RouterError
from router.evaluation.trigger_shapes import Trigger
from router.evaluation.triggers import run_triggers


def test_triggers_run_on_the_real_router(tiny_router):
    triggers = [
        Trigger("replace the worn brake pads", "fix-brakes"),
        Trigger("replace the worn brake pads", "fix-tyres", False),
        Trigger("replace the worn brake pads", "fix-tyres"),
        Trigger(
            "a nail went through my tyre", "sell-bikes", expected=True, alternates=("fix-tyres",)
        ),
        Trigger("who won the chess match", "", expected=True),
    ]
    outcomes = run_triggers(tiny_router, triggers)
    right = [
        trigger.is_right(outcome.skills)
        for trigger, outcome in zip(triggers, outcomes, strict=True)
    ]
    assert right == [True, True, False, True, True]
    assert outcomes[2].skills == ("fix-brakes",)


def test_an_unknown_skill_is_named_with_the_nearest(tiny_router):
    with pytest.raises(RouterError, match="did you mean 'fix-brakes'"):
        run_triggers(tiny_router, [Trigger("x", "fix-brake")])
