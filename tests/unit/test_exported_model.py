import msgspec
import pytest

from router.encoders.exported_model import ExportedModel, _read_sidecar


@pytest.fixture
def sidecar(tmp_path):
    """A sidecar and its file, which lie beside a file of the user."""
    path = tmp_path / "model-onnx-int8.json"
    export = ExportedModel.of(path, "a" * 64, 384, 256)
    (tmp_path / export.file).touch()
    (tmp_path / "thesis.txt").touch()
    path.write_bytes(msgspec.json.encode(export))
    return path


def test_a_sound_sidecar_is_read(sidecar):
    assert _read_sidecar(sidecar).width == 384
    next(sidecar.parent.glob("*.onnx")).unlink()
    assert _read_sidecar(sidecar) is None


def test_a_sidecar_names_no_file_but_its_own(sidecar):
    export = _read_sidecar(sidecar)
    for file in (str(sidecar.parent / "thesis.txt"), "thesis.txt", f"../{sidecar.parent.name}/x"):
        sidecar.write_bytes(msgspec.json.encode(msgspec.structs.replace(export, file=file)))
        assert _read_sidecar(sidecar) is None


def test_a_byte_that_is_damaged_anywhere_in_a_sidecar_is_noticed(sidecar):
    content = sidecar.read_bytes()
    sound = _read_sidecar(sidecar)
    for index in range(len(content)):
        for byte in (content[index] ^ 1, 0xFF):
            sidecar.write_bytes(content[:index] + bytes([byte]) + content[index + 1 :])
            read = _read_sidecar(sidecar)
            # Only the rest of a hash, which the file's name does not hold, can differ unnoticed
            # here: the hash of the file is compared when it is opened.
            assert read is None or msgspec.structs.replace(read, sha256=sound.sha256) == sound
