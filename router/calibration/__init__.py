"""What a confidence is worth, when to ask, and what can be promised about errors."""

from typing import TYPE_CHECKING, Any

from router.calibration.calibration import Calibration

if TYPE_CHECKING:
    from router.calibration.from_labels import calibrate, calibrate_log, calibrate_on_exemplars

__all__ = ["Calibration", "calibrate", "calibrate_log", "calibrate_on_exemplars"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - scikit-learn is imported only when one is used
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from router.calibration import from_labels

    return getattr(from_labels, name)
