import numpy as np

from router.encoders.int8 import (
    WEIGHT_STEPS,
    ActivationRange,
    InputQuantization,
    gptq_round,
    round_columns,
)


def test_int8_weights_lose_the_least_that_their_steps_allow():
    weights = np.random.default_rng(3).standard_normal((384, 20)).astype(np.float32)
    weights[:, 1] = 0.0
    integers, scales = round_columns(weights)
    assert integers.dtype == np.int8
    assert np.abs(integers.astype(int)).max() <= WEIGHT_STEPS
    assert 2 * 255 * WEIGHT_STEPS < 2**15  # the sum of two products fits in 16 bits
    plain = np.maximum(np.abs(weights).max(axis=0), 1e-12) / WEIGHT_STEPS
    lost = np.square(integers * scales - weights).sum(axis=0)
    plainly = np.square(np.rint(weights / plain) * plain - weights).sum(axis=0)
    assert (lost <= 1.0001 * plainly).all()
    assert lost.sum() < plainly.sum()
    assert not integers[:, 1].any()


def test_later_channels_make_up_for_what_rounding_the_earlier_lost():
    chance = np.random.default_rng(5)
    mixed = chance.standard_normal((500, 30)) @ chance.standard_normal((30, 64))
    weights = chance.standard_normal((64, 20))
    activations = ActivationRange.of(mixed.astype(np.float32))
    plain, plain_scales = round_columns(weights.astype(np.float32))
    integers, scales = gptq_round(weights, activations.moments)
    assert np.abs(integers.astype(int)).max() <= WEIGHT_STEPS
    wanted = mixed @ weights
    lost = np.square(mixed @ (integers * scales) - wanted).sum()
    assert lost < 0.5 * np.square(mixed @ (plain * plain_scales) - wanted).sum()


def test_no_value_that_was_seen_lies_beyond_the_steps():
    chance = np.random.default_rng(6)
    values = chance.standard_normal((300, 16)).astype(np.float32) * np.arange(1, 17) + 3.0
    weights = chance.standard_normal((16, 8)).astype(np.float32)
    activations = ActivationRange.of(values[:100])
    activations.add(values[100:])
    quantization = InputQuantization.of(activations, weights)
    integers = np.rint(values / quantization.step) + quantization.zero_point
    assert integers.min() >= 0
    assert integers.max() <= 255
    assert integers.max() - integers.min() > 200  # nor are most steps for nothing
    np.testing.assert_allclose(activations.moments, ActivationRange.of(values).moments, rtol=1e-4)
