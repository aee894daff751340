"""Route queries to skills by meaning, and ask when one detail is missing."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from router.calibration.calibration import Calibration
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
from router.logs.decision_log import DecisionLog
from router.packs.pack import (
    Category,
    Destination,
    Exemplars,
    Neighbour,
    Option,
    Pack,
    PackFile,
    Policy,
    Question,
    Skill,
)
from router.packs.pack_file import load_pack, save_pack
from router.router import Router

if TYPE_CHECKING:
    from router.calibration.from_labels import calibrate
    from router.evaluation import Evaluation, evaluate

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
    "WriteError",
    "calibrate",
    "default_encoder",
    "evaluate",
    "load_pack",
    "save_pack",
]

_IMPORTED_LATE = {
    "Evaluation": "router.evaluation",
    "calibrate": "router.calibration",
    "evaluate": "router.evaluation",
}
"""Names whose modules a router that only routes never needs."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - it serves classes and functions
    if name == "__version__":
        return import_module("router._version").installed_version()
    if name not in _IMPORTED_LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_IMPORTED_LATE[name]), name)
