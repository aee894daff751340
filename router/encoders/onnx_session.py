"""Open an ONNX graph with onnxruntime, and a tokenizer."""

from pathlib import Path
from typing import Any


def open_session(model: Path | bytes) -> Any:  # noqa: ANN401 - onnxruntime has no types
    """Open a graph. Each call runs in one thread, and calls in parallel, so that no core waits."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def load_tokenizer(path: Path) -> Any:  # noqa: ANN401 - tokenizers has no types
    """Load a tokenizer that pads nothing and cuts nothing."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
