"""Open an ONNX graph with onnxruntime, and a tokenizer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOKENIZER = "tokenizer"
"""Key of the metadata of an exported model that holds its tokenizer as JSON."""


def open_session(model: Path | bytes) -> Any:  # noqa: ANN401 - onnxruntime has no types
    """Open a graph. Each call runs in one thread, and calls in parallel, so that no core waits."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def load_tokenizer(session: Any, path: Path) -> tuple[Any, int]:  # noqa: ANN401
    """Load the tokenizer of an exported model; it pads nothing and cuts nothing.

    :param session: Of the exported model.
    :param path: Of the tokenizer of the original model, which older exports do not contain.
    :return: The tokenizer, and the token that fills a short text up.
    """
    from tokenizers import Tokenizer

    content = session.get_modelmeta().custom_metadata_map.get(TOKENIZER)
    tokenizer = Tokenizer.from_str(content) if content else Tokenizer.from_file(str(path))
    pad_id = (tokenizer.padding or {}).get("pad_id", 0)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer, pad_id


def graph_inputs(ids: Sequence[Sequence[int]], pad_id: int) -> dict[str, NDArray[np.int64]]:
    """Pad the tokens of a batch to its longest text."""
    lengths = [len(of_text) for of_text in ids]
    padded = np.full((len(ids), max(lengths)), pad_id, dtype=np.int64)
    mask = np.zeros_like(padded)
    for row, of_text in enumerate(ids):
        padded[row, : len(of_text)] = of_text
        mask[row, : len(of_text)] = 1
    return {"input_ids": padded, "attention_mask": mask}
