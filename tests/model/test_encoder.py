import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from router.encoders.default import default_encoder
from router.encoders.model_files import default_folder, find_model
from router.encoders.onnx_encoder import EXPORT_FORMAT, OnnxEncoder
from router.encoders.onnx_export import CALIBRATION_TEXTS
from router.encoders.sentence_transformer import SentenceTransformerEncoder
from router.errors import EncoderError
from router.estimators import PromptedEncoder, TwoLayerEncoder

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
from router.encoders.onnx_encoder import OnnxEncoder
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
    """Of longer texts the reference reads the beginning only, and this encoder both ends."""
    texts = [text for text in TEXTS if len(text) < 1_000]
    cosines = (fp32.encode(texts) * reference.encode(texts)).sum(axis=1)
    assert cosines.min() > 0.9999


def test_int8_is_close_to_the_reference(int8, reference):
    cosines = (int8.encode(TEXTS) * reference.encode(TEXTS)).sum(axis=1)
    assert cosines.mean() > 0.995
    assert cosines.min() > 0.97


def test_the_texts_that_8_bits_are_fitted_to_are_those_of_this_format():
    digest = hashlib.sha256(CALIBRATION_TEXTS.read_bytes()).hexdigest()
    assert (EXPORT_FORMAT, digest[:16]) == (6, "f3ae2bf78173616b"), (
        "raise EXPORT_FORMAT: the vectors are not the same"
    )


def test_a_model_loads_while_a_block_runs(int8, folder, monkeypatch):
    monkeypatch.setenv("ROUTER_CACHE", str(folder))
    encoder = default_encoder()
    with encoder.loading():
        pass
    assert encoder._session is not None
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
    rows = [0, 7, 2047, 2048, 2099]
    np.testing.assert_allclose(vectors[rows], fp32.encode([texts[row] for row in rows]), atol=1e-5)


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


def test_keys_stay_the_same_because_caches_and_saved_routers_depend_on_them():
    model = "7ea8778f313e5ff57c72dab46189961c"
    assert OnnxEncoder().key == f"{model}:onnx6-int8"
    assert OnnxEncoder(precision="fp32").key == f"{model}:onnx6-fp32"
    assert TwoLayerEncoder(precision="fp32").key == f"{model}:onnx6-fp32-layered"
    assert SentenceTransformerEncoder().key == f"{model}:torch-fp32"
    two_views = PromptedEncoder(TwoLayerEncoder(precision="fp32")).key
    assert two_views == f"{model}:onnx6-fp32-layered:{{}}|a user asks: {{}}"


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
    monkeypatch.setattr(
        "router.encoders.model_files._DEFAULT_SHA256", {"model.safetensors": "0" * 64}
    )
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
    monkeypatch.setattr("router.encoders.model_files._DEFAULT_PACKAGE", "not_installed_here")
    with pytest.raises(EncoderError, match="cure: pip install"):
        default_folder()


def test_what_can_not_be_exported_falls_back_with_a_warning(monkeypatch, tmp_path):
    def fail(*_, **__):
        raise RuntimeError("no exporter")

    monkeypatch.setenv("ROUTER_CACHE", str(tmp_path))
    monkeypatch.setattr("router.encoders.onnx_export.export_onnx", fail)
    with pytest.warns(UserWarning, match="slower: .*no exporter"):
        assert isinstance(default_encoder(), SentenceTransformerEncoder)


def test_a_damaged_export_is_made_again(fp32, folder, tmp_path, monkeypatch):
    good, original = fp32.prepare()
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("ROUTER_CACHE", str(tmp_path))
    copied, export = OnnxEncoder(precision="fp32").prepare()
    damaged = copied / export.file
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)

    def copy(
        _model, path, _precision, _two_layer
    ):  # the export itself is proved by all other tests
        shutil.copy(good / original.file, path)
        return 384, 256, "fp32"

    monkeypatch.setattr("router.encoders.exported_model._export_model", copy)
    messages = []
    vectors = OnnxEncoder(precision="fp32", notify=messages.append).encode(["hello"])
    assert messages[0].startswith("Preparing the encoder, once")
    np.testing.assert_allclose(vectors, fp32.encode(["hello"]), atol=1e-6)


def test_without_a_cache_folder_it_still_encodes(fp32, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("not a folder")
    models, _ = fp32.prepare()
    monkeypatch.setenv("ROUTER_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr("router.encoders.exported_model.temporary_folder", lambda: models)
    np.testing.assert_array_equal(
        OnnxEncoder(precision="fp32").encode(["hello"]), fp32.encode(["hello"])
    )
    assert "using a temporary folder" in caplog.text


COLD = """
import sys
from router.encoders.onnx_encoder import OnnxEncoder
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


@EACH
def test_what_is_left_out_is_known(encoder, reference):
    texts = ["", "short", "my model is slow " * 40, "my model is slow " * 80, "a" * 3_000]
    assert encoder.truncated(texts) == [False, False, False, True, False]
    assert reference.truncated(texts) == [False, False, False, True, False]
