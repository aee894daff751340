"""The scikit-learn estimators, for pipelines, cross-validation and grid searches."""

from router.heads.exemplar_classifier import ExemplarClassifier
from router.heads.few_shot import FewShotClassifier, TextEncoder

__all__ = ["ExemplarClassifier", "FewShotClassifier", "TextEncoder"]
