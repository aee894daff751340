"""Two layers of a model as one vector: what few exemplars are told apart by."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from router.arrays import Vectors
from router.encoders.encoder import (
    find_model,
    fingerprint,
    is_visible,
    load_sentence_transformer,
    well_formed,
)


class LayeredEncoder:
    """The last layer of a sentence-transformers model and the middle one, side by side.

    The middle layer still tells words apart that the last one has made alike. One pass gives both:
    each is averaged over the tokens and put to unit length, so that a cosine of the whole is the
    mean of both cosines.

    :param model: A folder, or a name that sentence-transformers knows; the embedded
        all-MiniLM-L6-v2 if None.
    """

    def __init__(self, model: str | Path | None = None) -> None:
        self.model = find_model(model)

    @cached_property
    def key(self) -> str:
        """The hash of the model's files, and the layers."""
        return f"{fingerprint(self.model)}:torch-fp32-layered"

    @cached_property
    def width(self) -> int:
        """Length of a vector: twice that of the model."""
        return 2 * int(self._transformer.get_embedding_dimension())

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch. Shape: (n_texts, width); unit rows, a zero row for an empty text."""
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        places = [place for place, text in enumerate(texts) if is_visible(text)]
        places.sort(key=lambda place: len(texts[place]))
        for start in range(0, len(places), 64):
            batch = places[start : start + 64]
            vectors[batch] = self._encode([well_formed(texts[place]) for place in batch])
        return vectors

    def _encode(self, texts: list[str]) -> Vectors:
        import torch

        transformer = self._transformer
        with torch.inference_mode():
            tokens = transformer.tokenizer(
                texts,
                padding=True,
                truncation=True,
                max_length=transformer.max_seq_length,
                return_tensors="pt",
            )
            model = transformer[0].auto_model
            layers = model(**tokens, output_hidden_states=True).hidden_states
            mask = tokens["attention_mask"][..., None].float()
            means = [(layer * mask).sum(1) / mask.sum(1) for layer in (layers[-1], _middle(layers))]
            units = [torch.nn.functional.normalize(mean, dim=1) for mean in means]
        vectors: Vectors = torch.cat(units, dim=1).numpy() / np.float32(np.sqrt(2))
        return vectors

    @cached_property
    def _transformer(self) -> Any:  # noqa: ANN401 - naming the type would import torch
        return load_sentence_transformer(self.model)


def _middle(layers: Sequence[Any]) -> Any:  # noqa: ANN401 - a tensor
    """Give the layer halfway; the first of `layers` is the embedding of the tokens."""
    return layers[(len(layers) - 1) // 2]
