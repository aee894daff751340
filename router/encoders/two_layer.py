"""Two layers of a model as one vector, which helps where a class has few exemplars."""

from typing import ClassVar

from router.encoders.onnx_encoder import OnnxEncoder


class TwoLayerEncoder(OnnxEncoder):
    """The last and the middle layer of a sentence-transformers model, side by side.

    The middle layer still tells words apart that the last layer has made alike. One pass gives
    both. Each is averaged over the tokens and scaled to equal length, so that a cosine of the whole
    is the mean of both cosines. A vector is twice as wide as the model's.

    :param model: A folder; all-MiniLM-L6-v2, which is installed with the package, if None.
    :param precision: docs/pages/explanation/encoder.md has the speed and accuracy of each.
    :param notify: Called with a sentence when something takes long.
    """

    two_layer: ClassVar[bool] = True
