"""Route queries to skills by meaning, and ask when one detail is missing.

A name is imported when it is first used, so that what only needs a small part starts fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from router.calibration.calibration import Calibration
    from router.calibration.from_labels import calibrate
    from router.decisions.decision import (
        AskedQuestion,
        Clarify,
        Decision,
        NearbyExemplar,
        NoRoute,
        OfferedOption,
        Redirect,
        Route,
    )
    from router.decisions.outcome import Outcome, OutcomeBatch
    from router.encoders.default import default_encoder
    from router.encoders.encoder import Encoder
    from router.encoders.onnx_encoder import OnnxEncoder
    from router.encoders.sentence_transformer import SentenceTransformerEncoder
    from router.errors import EncoderError, LogError, PackError, RouterError, WriteError
    from router.evaluation import Evaluation, evaluate
    from router.logs.decision_log import DecisionLog
    from router.packs.pack import Exemplars, Pack
    from router.packs.pack_file import load_pack, save_pack
    from router.packs.parts import (
        Category,
        Destination,
        Neighbour,
        Option,
        PackFile,
        Question,
        Skill,
        Wording,
    )
    from router.packs.policy import Policy
    from router.router import Router

__all__ = [
    "AskedQuestion",
    "Calibration",
    "Category",
    "Clarify",
    "Decision",
    "DecisionLog",
    "Destination",
    "Encoder",
    "EncoderError",
    "Evaluation",
    "Exemplars",
    "LogError",
    "NearbyExemplar",
    "Neighbour",
    "NoRoute",
    "OfferedOption",
    "OnnxEncoder",
    "Option",
    "Outcome",
    "OutcomeBatch",
    "Pack",
    "PackError",
    "PackFile",
    "Policy",
    "Question",
    "Redirect",
    "Route",
    "Router",
    "RouterError",
    "SentenceTransformerEncoder",
    "Skill",
    "Wording",
    "WriteError",
    "calibrate",
    "default_encoder",
    "evaluate",
    "load_pack",
    "save_pack",
]

_NAMES_BY_MODULE = {
    "router.calibration.calibration": "Calibration",
    "router.calibration.from_labels": "calibrate",
    "router.decisions.decision": (
        "AskedQuestion Clarify Decision NearbyExemplar NoRoute OfferedOption Redirect Route"
    ),
    "router.decisions.outcome": "Outcome OutcomeBatch",
    "router.encoders.default": "default_encoder",
    "router.encoders.encoder": "Encoder",
    "router.encoders.onnx_encoder": "OnnxEncoder",
    "router.encoders.sentence_transformer": "SentenceTransformerEncoder",
    "router.errors": "EncoderError LogError PackError RouterError WriteError",
    "router.evaluation": "Evaluation evaluate",
    "router.logs.decision_log": "DecisionLog",
    "router.packs.pack": "Exemplars Pack",
    "router.packs.pack_file": "load_pack save_pack",
    "router.packs.parts": ("Category Destination Neighbour Option PackFile Question Skill Wording"),
    "router.packs.policy": "Policy",
    "router.router": "Router",
}
_MODULES = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names.split()}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - it serves classes and functions
    if name == "__version__":
        return import_module("router._version").installed_version()
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
