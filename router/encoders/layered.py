"""Two layers of a model as one vector: what few exemplars are told apart by."""

from pathlib import Path
from typing import ClassVar

from router.encoders.onnx_encoder import Notify, OnnxEncoder, Precision


class LayeredEncoder(OnnxEncoder):
    """The last layer of a sentence-transformers model and the middle one, side by side.

    The middle layer still tells words apart that the last one has made alike. One pass gives both:
    each is averaged over the tokens and put to unit length, so that a cosine of the whole is the
    mean of both cosines, and a vector is twice as wide as the model's.

    :param model: A folder; the embedded all-MiniLM-L6-v2 if None.
    :param precision: Single by default; docs/pages/evidence/accuracy.md was measured with it.
    :param notify: Called with a sentence when something takes long.
    """

    two_layer: ClassVar[bool] = True

    def __init__(
        self,
        model: str | Path | None = None,
        precision: Precision = "fp32",
        notify: Notify | None = None,
    ) -> None:
        super().__init__(model, precision, notify)
