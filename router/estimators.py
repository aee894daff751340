"""The scikit-learn estimators and their encoders: pipelines, cross-validation, grid searches."""

from router.encoders.framed import FramedEncoder
from router.encoders.layered import LayeredEncoder
from router.heads.exemplar_classifier import ExemplarClassifier
from router.heads.few_shot import FewShotClassifier, TextEncoder

__all__ = [
    "ExemplarClassifier",
    "FewShotClassifier",
    "FramedEncoder",
    "LayeredEncoder",
    "TextEncoder",
]
