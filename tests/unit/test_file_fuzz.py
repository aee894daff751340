"""Files with random damage, from a fixed seed: each is read, made again, or named in an error."""

import hashlib
import random
import shutil
import sqlite3
import warnings

import msgspec
import pytest
from damage import CASES, PIECES, SEED, YAML_PIECES, damaged
from shop import ENCODER, shop_router
from test_calibration_file import calibration_of

from router import Router, RouterError
from router.calibration.calibration import Calibration
from router.encoders import model_files
from router.encoders.exported_model import ExportedModel, _read_sidecar
from router.encoders.vector_store import VectorStore
from router.errors import PackError
from router.files import DamagedError
from router.model.storage import ARRAYS, HASHES, VALUE, load
from router.packs.pack_file import check_pack, save_pack
from router.skill_folders.skill_document import read_skill

SKILL = b"""---
name: fix-tyres
description: Mends what lost its air. Use when a tyre is flat: patch, tube or valve.
metadata:
  triggers: [flat tyre, "lost air"]
argument-hint: [file] (what to mend)
---

# Tyres

## When to use
- "a nail went through the tyre"

| sign | cause |
|---|---|
| loses air | valve |
"""


@pytest.fixture
def rng():
    return random.Random(SEED)


@pytest.fixture(scope="module")
def shop():
    return shop_router()


@pytest.fixture(scope="module")
def saved(shop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz") / "saved"
    shop.save(folder)
    return folder


def is_text(value):
    str(value).encode()  # so that a message can be printed


def test_packs(bike_shop, tmp_path, rng):
    save_pack(bike_shop, tmp_path)
    files = [tmp_path / "pack.yaml", *(tmp_path / "exemplars").rglob("*.txt")]
    contents = [path.read_bytes() for path in files]
    for case in range(CASES):
        number = 0 if case % 4 else rng.randrange(len(files))
        files[number].write_bytes(damaged(contents[number], rng, YAML_PIECES))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of keys that have been renamed
            pack, faults = check_pack(tmp_path)
        assert pack is not None or faults
        is_text(faults)
        files[number].write_bytes(contents[number])


def test_skill_documents(tmp_path, rng):
    path = tmp_path / "SKILL.md"
    for _ in range(CASES):
        path.write_bytes(damaged(SKILL, rng, YAML_PIECES))
        try:
            is_text(read_skill(path))
        except PackError as error:
            is_text(error)


def test_calibrations(bike_shop, tmp_path, rng):
    path = tmp_path / "calibration.json"
    calibration_of(bike_shop).write(path)
    content = path.read_bytes()
    for _ in range(CASES):
        path.write_bytes(damaged(content, rng))
        try:
            read = Calibration.read(path)
        except RouterError as error:
            is_text(error)
        else:
            assert isinstance(read, Calibration)


@pytest.mark.parametrize("signed", [True, False])
def test_fitted_models(shop, saved, tmp_path, rng, signed):
    """With `signed`, the hashes are made for the damage, as an older version might have."""
    folder = shutil.copytree(saved / "model", tmp_path / "model")
    contents = {name: (folder / name).read_bytes() for name in (VALUE, ARRAYS, HASHES)}
    for _ in range(CASES // 2):
        name = rng.choice((VALUE, VALUE, ARRAYS, HASHES))
        content = damaged(contents[name], rng)
        (folder / name).write_bytes(content)
        if signed and name != HASHES:
            hashes = {part: hashlib.sha256(contents[part]) for part in (VALUE, ARRAYS)}
            hashes[name] = hashlib.sha256(content)
            hex_hashes = {part: digest.hexdigest() for part, digest in hashes.items()}
            (folder / HASHES).write_bytes(msgspec.json.encode(hex_hashes))
        try:
            assert isinstance(load(type(shop.model), folder), type(shop.model))
        except DamagedError as error:
            is_text(error)
        for part, before in contents.items():
            (folder / part).write_bytes(before)


def test_saved_routers(shop, saved, tmp_path, rng):
    folder = shutil.copytree(saved, tmp_path / "saved")
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".yaml", ".txt"))
    for case in range(CASES // 4):
        path = files[case % len(files)]
        content = path.read_bytes()
        path.write_bytes(damaged(content, rng))
        try:
            router = Router.load(folder, encoder=ENCODER)
        except RouterError as error:
            is_text(error)
        else:
            assert router.pack == shop.pack
        path.write_bytes(content)


def test_the_notes_of_models(tmp_path, rng, monkeypatch):
    monkeypatch.setenv("ROUTER_CACHE", str(tmp_path))
    monkeypatch.setattr(model_files, "write_whole", lambda path, text: None)
    weights = tmp_path / "model.bin"
    weights.write_bytes(b"weights")
    stat = weights.stat()
    key = f"{weights.resolve()} {stat.st_size} {stat.st_mtime_ns} {stat.st_ino}"
    notes = msgspec.json.encode({key: hashlib.sha256(b"weights").hexdigest()})
    sidecar = tmp_path / "sidecar.json"
    export = ExportedModel.of(sidecar, "0" * 64, 384, 256)
    (tmp_path / export.file).touch()
    other = tmp_path / "thesis.txt"
    other.touch()
    for _ in range(CASES // 2):
        (tmp_path / "hashes.json").write_bytes(damaged(notes, rng))
        assert isinstance(model_files._remembered_sha256(weights), str)
        sidecar.write_bytes(damaged(msgspec.json.encode(export), rng, [*PIECES, b"thesis.txt"]))
        read = _read_sidecar(sidecar)  # what it says of the content is checked with the content
        assert read is None or read.file == export.file
    assert other.exists()


def test_stores_of_vectors(tmp_path, rng, caplog):
    store = VectorStore(tmp_path)
    texts = [f"text {number}" for number in range(40)]
    rows = [text.encode() * 20 for text in texts]
    store.put("model:1", texts, rows)
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = store.path.read_bytes()
    for _ in range(CASES // 4):
        spoilt = bytearray(content)
        for _ in range(rng.randint(1, 20)):
            spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
        for path in tmp_path.iterdir():
            path.unlink()
        store.path.write_bytes(spoilt)
        fresh = VectorStore(tmp_path)
        for row, found in zip(rows, fresh.get("model:1", texts), strict=True):
            assert found in (row, None)
        fresh.put("model:1", ["new"], [b"new"])
        fresh.close()
