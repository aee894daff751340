"""A calibration as a value: what it holds for, and the intervals that it tells."""

import msgspec
import pytest

from router import RouterError
from router.calibration.calibration import Calibration, IntervalStep, Report
from router.model.model import model_hash
from router.statistics.probability import PlattScaling


class NamedEncoder:
    key, width = "a-model", 2


def calibration_of(values, **fields):
    fitted = {
        "pack": values.file.id,
        "pack_hash": model_hash(values),
        "encoder": NamedEncoder.key,
        "policy": values.file.policy,
        "source": "log",
        "n": 100,
        "ask_threshold": 0.4,
        "confidence_threshold": 0.8,
        "confidence": PlattScaling(0.5, 0.1),
        "maps": {},
        "report": Report(before={}, after={}, ranking={}),
    }
    return Calibration(**fitted | fields)


def test_it_holds_for_its_own_pack_and_encoder(bike_shop):
    calibration_of(bike_shop).check(bike_shop, NamedEncoder())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pack": "car-shop", "pack_hash": "0123"}, "car-shop 0123; this is bike-shop .*differ"),
        ({"encoder": "another"}, "the encoder that it was fitted with, another; this is a-model"),
    ],
)
def test_another_pack_or_encoder_is_refused(bike_shop, fields, message):
    with pytest.raises(RouterError, match=message):
        calibration_of(bike_shop, **fields).check(bike_shop, NamedEncoder())


def test_the_policy_may_differ_only_in_what_was_fitted(bike_shop):
    policy = msgspec.structs.replace(bike_shop.file.policy, ask_threshold=0.99)
    calibration_of(bike_shop, policy=policy).check(bike_shop, NamedEncoder())
    policy = msgspec.structs.replace(policy, max_skills=7)
    with pytest.raises(RouterError, match=r"max_skills was 7, is \d; fit it again"):
        calibration_of(bike_shop, policy=policy).check(bike_shop, NamedEncoder())


def test_an_interval_is_interpolated_and_contains_the_confidence(bike_shop):
    steps = (IntervalStep(0.5, 0.4, 0.6), IntervalStep(0.9, 0.8, 0.94))
    interval = calibration_of(bike_shop, intervals={"decided": steps}).interval
    assert interval("decided", 0.5) == (0.4, 0.6)
    assert interval("decided", 0.7) == (0.6, 0.77)  # halfway between the steps
    assert interval("decided", 0.3) == (0.3, 0.6)  # the first step, widened
    assert interval("decided", 0.97) == (0.8, 0.97)  # the last step, widened
    assert interval("missing", 0.7) == ()


def test_it_survives_its_file(bike_shop, tmp_path):
    steps = (IntervalStep(0.5, 0.4, 0.6),)
    calibration = calibration_of(bike_shop, intervals={"decided": steps}, max_error=0.1)
    calibration.write(tmp_path / "calibration.json")
    assert Calibration.read(tmp_path / "calibration.json") == calibration
