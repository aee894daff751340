"""Estimators for scikit-learn, and encoders that give a text several views."""

from router._deprecated import renamed
from router.encoders.two_layer import TwoLayerEncoder
from router.estimators.few_shot import FewShotClassifier
from router.estimators.prompted import PromptedEncoder
from router.estimators.text_encoder import TextEncoder

__all__ = ["FewShotClassifier", "PromptedEncoder", "TextEncoder", "TwoLayerEncoder"]

__getattr__ = renamed(
    __name__,
    {
        "FramedEncoder": "router.estimators.prompted.PromptedEncoder",
        "LayeredEncoder": "router.encoders.two_layer.TwoLayerEncoder",
    },
    removed={
        "ExemplarClassifier": (
            "use FewShotClassifier on texts, or scikit-learn's LogisticRegression, NearestCentroid"
            " or KNeighborsClassifier on the vectors of TextEncoder"
        ),
    },
)
