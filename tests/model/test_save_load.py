import json
from dataclasses import fields, is_dataclass

import msgspec
import numpy as np
import pytest
from evidence import RecordingEncoder

from router import Router, RouterError
from router.calibration import calibrate_log
from router.files import DamagedError
from router.paths import SAMPLE_LOG

TEXTS = ["the brake lever is soft", "bike trouble", "next bus?", "bake a cake", "tyre, then a bus"]


@pytest.fixture
def saved(tiny_router, tmp_path):
    tiny_router.save(tmp_path / "saved")
    return tmp_path / "saved"


def arrays_of(value):
    if isinstance(value, np.ndarray):
        yield value
    for part in parts_of(value):
        yield from arrays_of(part)


def parts_of(value):
    if is_dataclass(value):
        return [getattr(value, field.name) for field in fields(value)]
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.astuple(value)
    if isinstance(value, dict):
        return [value[key] for key in sorted(value)]
    return value if isinstance(value, tuple | list) else ()


def test_loading_embeds_nothing(tiny_router, saved):
    recording = RecordingEncoder(tiny_router.encoder)
    loaded = Router.load(saved, encoder=recording)
    assert recording.batches == []
    assert loaded.pack == tiny_router.pack
    loaded.route("flat tyre")
    assert recording.batches == [["flat tyre"]]


def test_what_is_loaded_is_the_same_to_the_last_bit(tiny_router, saved):
    loaded = Router.load(str(saved), encoder=tiny_router.encoder)
    pairs = list(zip(arrays_of(tiny_router.model), arrays_of(loaded.model), strict=True))
    assert len(pairs) > 20
    for ours, theirs in pairs:
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        assert ours.tobytes() == theirs.tobytes()
    evidence, result = tiny_router.evidence_and_result(TEXTS)
    loaded_evidence, loaded_result = loaded.evidence_and_result(TEXTS)
    for name in ("probabilities", "nearest", "missing_detail", "extra_skills"):
        assert getattr(evidence, name).tobytes() == getattr(loaded_evidence, name).tobytes(), name
    for name in ("confidence", "unasked_confidence", "margin"):
        assert getattr(result, name).tobytes() == getattr(loaded_result, name).tobytes(), name
    assert tiny_router.route_many(TEXTS) == loaded.route_many(TEXTS)


def test_a_calibration_is_saved_too(router, tmp_path):
    calibrated = router.with_calibration(
        calibrate_log(router, SAMPLE_LOG, before="2026-09-29", ask_rate=0.15)
    )
    calibrated.save(tmp_path)
    loaded = Router.load(tmp_path, encoder=router.encoder)
    assert loaded.calibration == calibrated.calibration
    texts = ["int8 for our keyword spotter", "it is slow", "weather?", "roll back, then autoscale"]
    assert loaded.route_many(texts) == calibrated.route_many(texts)
    router.save(tmp_path)  # it replaces the calibrated one
    assert Router.load(tmp_path, encoder=router.encoder).calibration is None


def test_no_file_holds_code(saved):
    kinds = {path.suffix for path in saved.rglob("*") if path.is_file()}
    assert kinds == {".json", ".npz", ".yaml", ".txt"}
    with np.load(saved / "model" / "arrays.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)


def test_a_changed_pack_is_refused(tiny_router, saved):
    path = saved / "pack" / "exemplars" / "none.txt"
    path.write_text(path.read_text() + "a further line\n")
    with pytest.raises(RouterError, match=r"not the pack that was saved; load \S+pack itself"):
        Router.load(saved, encoder=tiny_router.encoder)


def test_a_damaged_model_is_refused(tiny_router, saved):
    path = saved / "model" / "arrays.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedError, match=r"arrays.npz: its hash is not the one"):
        Router.load(saved, encoder=tiny_router.encoder)


def test_a_changed_calibration_is_refused(router, tmp_path):
    calibration = calibrate_log(router, SAMPLE_LOG, before="2026-09-29")
    router.with_calibration(calibration).save(tmp_path)
    changed = msgspec.structs.replace(calibration, ask_threshold=0.123)
    changed.write(tmp_path / "calibration.json")
    with pytest.raises(RouterError, match="not the calibration that was saved"):
        Router.load(tmp_path, encoder=router.encoder)


def test_another_encoder_is_refused(tiny_router, saved):
    other = RecordingEncoder(tiny_router.encoder)
    other.key = "another-model"
    with pytest.raises(RouterError, match="this is another-model; load it with that encoder"):
        Router.load(saved, encoder=other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"format": 1},
            "format is 2, was: 1, of another version; carry it over by fitting its pack",
        ),
        ({"encoder": 3}, "Expected `str`, got `int`.*it is no saved router"),
    ],
)
def test_another_form_is_refused(tiny_router, saved, change, message):
    path = saved / "router.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RouterError, match=message):
        Router.load(saved, encoder=tiny_router.encoder)


def test_a_folder_half_written_is_no_saved_router(tiny_router, saved):
    (saved / "router.json").unlink()
    with pytest.raises(RouterError, match="a pack is a folder with pack.yaml"):
        Router.load(saved, encoder=tiny_router.encoder)


def test_a_router_is_saved_over_a_router_and_nothing_stale_stays(tiny_router, saved):
    stale = saved / "pack" / "exemplars" / "skills" / "gone.txt"
    stale.write_text("left by an earlier pack\n")
    (saved / "NOTES").write_text("of the user")
    tiny_router.save(saved)
    assert not stale.exists()
    assert (saved / "NOTES").read_text() == "of the user"
    Router.load(saved, encoder=tiny_router.encoder)


def test_a_folder_of_something_else_is_never_saved_into(tiny_router, tiny):
    before = sorted(tiny.rglob("*"))
    for folder in (tiny, tiny / "exemplars"):
        with pytest.raises(RouterError, match="this folder holds something else"):
            tiny_router.save(folder)
    (tiny / "router.json").write_text('{"format": "of another tool"}')
    with pytest.raises(RouterError, match="this folder holds something else"):
        tiny_router.save(tiny)
    assert sorted(tiny.rglob("*")) == sorted([*before, tiny / "router.json"])


@pytest.mark.parametrize(
    "name", ["router.json", "model/hashes.json", "model/value.json", "pack/pack.yaml"]
)
def test_a_byte_that_is_no_utf8_is_named(tiny_router, saved, name):
    path = saved / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] = 0xFF
    path.write_bytes(content)
    with pytest.raises(RouterError, match=name.rpartition("/")[2]):
        Router.load(saved, encoder=tiny_router.encoder)
