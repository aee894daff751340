import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from router.encoders.encoder import (
    SentenceTransformerEncoder,
    default_encoder,
    default_folder,
    find_model,
)
from router.encoders.int8 import STEPS, Seen, Steps, compensated, rounded
from router.encoders.onnx_encoder import FORMAT, OnnxEncoder
from router.encoders.onnx_export import TEXTS as ENCODER_TEXTS
from router.errors import EncoderError

TEXTS = [
    "hello",
    "why was I charged twice?",
    "   spaces   around\tand\nlines  ",
    "Größe, naïve café, Ελληνικά, русский, 你好世界, العربية",
    "\U0001f389\U0001f680 launched! \U0001f469‍\U0001f4bb",
    "\U0001f937",
    "half \ud800 a character",
    "word " * 600,
    "supercalifragilistic" * 40,
    "a" * 100_000,
    "SELECT * FROM t WHERE x = 'y'; -- drop",
    "null\0byte and \x07 bell",
    *(f"question {n}: " + "how do I serve the model faster " * n for n in range(38)),
]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Hold one cache for all tests, so that the model is exported once."""
    return tmp_path_factory.mktemp("router-cache")


@pytest.fixture(autouse=True)
def _own_cache(folder, monkeypatch):
    monkeypatch.setenv("ROUTER_CACHE", str(folder))


def _start(code, cache):
    environment = {**os.environ, "ROUTER_CACHE": str(cache)}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


FIRST = """
from router.encoders.onnx_encoder import FORMAT, OnnxEncoder
from router.encoders.onnx_export import TEXTS as ENCODER_TEXTS
encoder = OnnxEncoder(precision="fp32", notify=print)
print(encoder.encode(["hello"]).tobytes().hex())
"""


@pytest.fixture(scope="session")
def first_starts(folder):
    """Start two processes at once on an empty cache: what they said, and files they left."""
    processes = [_start(FIRST, folder) for _ in range(2)]
    results = [process.communicate(timeout=300) for process in processes]
    exports = len(list((folder / "models").glob("*.onnx")))
    return results, [process.returncode for process in processes], exports


@pytest.fixture(scope="session")
def reference():
    return SentenceTransformerEncoder()


@pytest.fixture(scope="session")
def fp32(folder, first_starts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUTER_CACHE", str(folder))
        encoder = OnnxEncoder(precision="fp32")
        encoder.prepare()
    return encoder


@pytest.fixture(scope="session")
def int8(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUTER_CACHE", str(folder))
        encoder = OnnxEncoder(precision="int8")
        encoder.prepare()
    return encoder


@pytest.fixture
def encoder(request):
    return request.getfixturevalue(request.param)


EACH = pytest.mark.parametrize("encoder", ["fp32", "int8"], indirect=True)


def test_fp32_is_the_reference(fp32, reference):
    cosines = (fp32.encode(TEXTS) * reference.encode(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.9999


def test_int8_is_close_to_the_reference(int8, reference):
    cosines = (int8.encode(TEXTS) * reference.encode(TEXTS)).sum(axis=1)
    assert cosines.mean() > 0.995
    assert cosines.min() > 0.97


def test_int8_weights_lose_the_least_that_their_steps_allow():
    weights = np.random.default_rng(3).standard_normal((384, 20)).astype(np.float32)
    weights[:, 1] = 0.0
    whole, scales = rounded(weights)
    assert whole.dtype == np.int8
    assert np.abs(whole.astype(int)).max() <= STEPS  # 2 * 255 * STEPS fits in 16 bits
    plain = np.maximum(np.abs(weights).max(axis=0), 1e-12) / STEPS
    lost = np.square(whole * scales - weights).sum(axis=0)
    plainly = np.square(np.rint(weights / plain) * plain - weights).sum(axis=0)
    assert (lost <= 1.0001 * plainly).all()
    assert lost.sum() < plainly.sum()
    assert not whole[:, 1].any()


def test_later_channels_make_up_for_what_rounding_the_earlier_lost():
    chance = np.random.default_rng(5)
    mixed = chance.standard_normal((500, 30)) @ chance.standard_normal((30, 64))
    weights = chance.standard_normal((64, 20))
    seen = Seen.of(mixed.astype(np.float32))
    plain, plain_scales = rounded(weights.astype(np.float32))
    whole, scales = compensated(weights, seen.moments)
    assert np.abs(whole.astype(int)).max() <= STEPS
    wanted = mixed @ weights
    lost = np.square(mixed @ (whole * scales) - wanted).sum()
    assert lost < 0.5 * np.square(mixed @ (plain * plain_scales) - wanted).sum()


def test_no_value_that_was_seen_lies_beyond_the_steps():
    chance = np.random.default_rng(6)
    values = chance.standard_normal((300, 16)).astype(np.float32) * np.arange(1, 17) + 3.0
    weights = chance.standard_normal((16, 8)).astype(np.float32)
    some, others = Seen.of(values[:100]), Seen.of(values[100:])
    steps = Steps.of(some | others, weights)
    whole = np.rint(values / steps.size) + steps.zero
    assert whole.min() >= 0
    assert whole.max() <= 255
    assert whole.max() - whole.min() > 200  # nor are most steps for nothing
    np.testing.assert_allclose((some | others).moments, Seen.of(values).moments, rtol=1e-4)


def test_the_texts_that_8_bits_are_fitted_to_are_those_of_this_format():
    digest = hashlib.sha256(ENCODER_TEXTS.read_bytes()).hexdigest()
    assert (FORMAT, digest[:16]) == (5, "f3ae2bf78173616b"), (
        "raise FORMAT: the vectors are not the same"
    )


def test_a_default_encoder_is_loading_before_it_is_needed(int8, folder, monkeypatch):
    monkeypatch.setenv("ROUTER_CACHE", str(folder))
    before = set(threading.enumerate())
    encoder = default_encoder()
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=60)
    assert "_runtime" in vars(encoder)
    np.testing.assert_array_equal(encoder.encode(["hello"]), int8.encode(["hello"]))


@EACH
def test_a_batch_is_its_texts_one_by_one(encoder):
    batch = encoder.encode([*TEXTS, TEXTS[0]])
    single = np.concatenate([encoder.encode([text]) for text in [*TEXTS, TEXTS[0]]])
    np.testing.assert_allclose(batch, single, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(batch, axis=1), 1, atol=1e-5)
    assert batch.dtype == np.float32


def test_a_long_batch_keeps_its_order(fp32):
    texts = [f"{n} {'item ' * (n % 9)}" for n in range(2100)]  # more than a window
    vectors = fp32.encode(texts)
    places = [0, 7, 2047, 2048, 2099]
    np.testing.assert_allclose(
        vectors[places], fp32.encode([texts[place] for place in places]), atol=1e-5
    )


@pytest.mark.parametrize("name", ["fp32", "int8", "reference"])
def test_nothing_visible_gives_a_zero_row(request, name):
    vectors = request.getfixturevalue(name).encode(["", "  \n\t", "\0\x07​", "x"])
    assert not vectors[:3].any()
    assert np.linalg.norm(vectors[3]) == pytest.approx(1)
    assert request.getfixturevalue(name).encode([]).shape == (0, 384)


def test_keys_name_model_and_precision(fp32, int8, reference):
    assert len({fp32.key, int8.key, reference.key}) == 3
    assert fp32.key == OnnxEncoder(precision="fp32").key
    assert {fp32.width, int8.width, reference.width} == {384}


def test_threads_give_the_same_as_one(fp32):
    alone = fp32.encode(TEXTS[:8])
    results = [None] * 8

    def work(number):
        results[number] = fp32.encode(TEXTS[:8])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        np.testing.assert_array_equal(result, alone)


def test_a_wrong_hash_is_refused(monkeypatch):
    monkeypatch.setattr("router.encoders.encoder.DEFAULT_SHA256", "0" * 64)
    with pytest.raises(EncoderError, match=r"model.safetensors: sha256 must be 0{64}, was 53aa51"):
        SentenceTransformerEncoder().encode(["a"])


@pytest.mark.parametrize("model", [Path("nowhere"), "/no/where", "./nowhere", "a/b/c"])
def test_a_missing_folder_is_refused(model):
    with pytest.raises(EncoderError, match="nowhere|where|a/b/c: no such folder; cure: "):
        find_model(model)


def test_a_folder_that_holds_no_model_is_refused(tmp_path):
    with pytest.raises(EncoderError, match="neither; cure: "):
        OnnxEncoder(tmp_path)


def test_a_name_can_not_be_exported():
    with pytest.raises(EncoderError, match="this is a name; cure: "):
        OnnxEncoder("some/model")


def test_a_missing_package_says_the_cure(monkeypatch):
    monkeypatch.setattr("router.encoders.encoder.DEFAULT_PACKAGE", "not_installed_here")
    with pytest.raises(EncoderError, match="cure: pip install"):
        default_folder()


def test_what_can_not_be_exported_falls_back_with_a_warning(monkeypatch, tmp_path):
    def fail(*_):
        raise RuntimeError("no exporter")

    monkeypatch.setenv("ROUTER_CACHE", str(tmp_path))
    monkeypatch.setattr("router.encoders.onnx_export.export", fail)
    with pytest.warns(UserWarning, match="slower: .*no exporter"):
        assert isinstance(default_encoder(), SentenceTransformerEncoder)


def test_a_damaged_export_is_made_again(fp32, folder, tmp_path, monkeypatch):
    good, original = fp32.prepare()
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("ROUTER_CACHE", str(tmp_path))
    place, export = OnnxEncoder(precision="fp32").prepare()
    damaged = place / export.file
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)

    def copy(_model, path, _precision, _layered):  # the export itself is proved by all other tests
        shutil.copy(good / original.file, path)
        return 384, 256

    monkeypatch.setattr("router.encoders.onnx_encoder._export_model", copy)
    said = []
    vectors = OnnxEncoder(precision="fp32", notify=said.append).encode(["hello"])
    assert said[0].startswith("Preparing the encoder, once")
    np.testing.assert_allclose(vectors, fp32.encode(["hello"]), atol=1e-6)


def test_without_a_cache_folder_it_still_encodes(fp32, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("not a folder")
    place, _ = fp32.prepare()
    monkeypatch.setenv("ROUTER_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr("router.encoders.onnx_encoder._temporary_folder", lambda: place)
    np.testing.assert_array_equal(
        OnnxEncoder(precision="fp32").encode(["hello"]), fp32.encode(["hello"])
    )
    assert "using a temporary folder" in caplog.text


COLD = """
import sys
from router.encoders.onnx_encoder import FORMAT, OnnxEncoder
from router.encoders.onnx_export import TEXTS as ENCODER_TEXTS
OnnxEncoder(precision="fp32").encode(["hello"])
print([name for name in ("torch", "transformers", "onnx", "scipy") if name in sys.modules])
"""


def test_once_prepared_nothing_heavy_is_imported(fp32, folder):
    out, errors = _start(COLD, folder).communicate(timeout=60)
    assert (out.strip(), errors) == ("[]", "")


def test_two_first_starts_export_once_and_agree(first_starts, folder):
    results, codes, exports = first_starts
    lines = [out.splitlines() for out, _ in results]
    assert codes == [0, 0], results
    assert lines[0][-1] == lines[1][-1]
    assert sum(len(some) > 1 for some in lines) == 1
    assert exports == 1
