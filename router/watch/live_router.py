"""A router of a pack that is being edited: small edits update the model, others fit it anew."""

import time
from collections.abc import Callable, Sequence

from msgspec import structs

from router.arrays import TokenVectors, Vectors
from router.decisions.words import outcome_in_words
from router.encoders.cached import with_exemplar_cache
from router.encoders.default import EncoderLike
from router.encoders.encoder import Encoder, encode_with_tokens
from router.fitting.model_cache import cached_model
from router.heads.kernel_head import KernelHead
from router.model.model import Model
from router.packs.pack import Pack
from router.packs.policy import Policy
from router.router import Router, encoder_for
from router.watch.live_head import LiveHead

_MOST_CHANGED = 0.2
"""Share of the exemplars that an update may change; beyond it, the model is fitted anew."""


class LiveRouter:
    """Fits a pack and decides queries; `n_embedded` and `seconds` say what that took.

    Only the first model is read from the cache folder or written to it: a model for each save of
    an editor would fill it.
    """

    def __init__(self, encoder: EncoderLike | None = None) -> None:
        self._given = encoder
        self._fit: Callable[[Pack, Encoder], Model] = cached_model
        self._last: tuple[Pack, Model, LiveHead | None] | None = None
        self.n_embedded = 0
        self.seconds = 0.0

    @property
    def model(self) -> Model | None:
        """The model of the last pack."""
        return None if self._last is None else self._last[1]

    def decide(self, pack: Pack, queries: Sequence[str]) -> list[str]:
        """Fit the pack, and give the outcome of each query in words."""
        start = time.perf_counter()
        by_rate = pack.ask_rate is not None
        if self._last is None or (self._last[0].ask_rate is not None) != by_rate:
            self._counting = _CountingEncoder(encoder_for(pack, self._given))
            self._encoder, self._last = with_exemplar_cache(self._counting), None
        self._counting.embedded.clear()
        model = self._updated(pack) or self._fitted(pack)
        batch = Router(pack, self._encoder, model).outcomes(queries)
        words = [outcome_in_words(outcome) for outcome in batch.outcomes]
        self.n_embedded = len(self._counting.embedded)
        self.seconds = time.perf_counter() - start
        return [words[index] for index in batch.indices]

    def _fitted(self, pack: Pack) -> Model:
        from router.fitting.fit import fit_model  # imports scikit-learn

        model, self._fit = self._fit(pack, self._encoder), fit_model
        self._last = pack, model, _live_head(model)
        return model

    def _updated(self, pack: Pack) -> Model | None:
        """Update the last model; None if that is impossible, or if too much was edited."""
        if self._last is None:
            return None
        before, model, live = self._last
        if live is None or not _same_but_exemplars(before, pack):
            return None
        exemplars = list(dict.fromkeys(pack.fitted_exemplars()))
        n_changed = len(set(exemplars) ^ set(live.exemplars))
        same_targets = {label for label, _ in exemplars} == set(live.head.names)
        if not same_targets or n_changed > _MOST_CHANGED * len(live.exemplars):
            return None
        live = live.with_exemplars(exemplars, self._encoder) if n_changed else live
        self._last = pack, live.in_model(model, pack), live
        return self._last[1]


def _live_head(model: Model) -> LiveHead | None:
    """Take the head if it votes by exemplars; other heads are quick to fit anew."""
    if not isinstance(model.head, KernelHead):
        return None
    exemplars = zip(model.exemplar_labels, model.exemplar_texts, strict=True)
    return LiveHead.of(model.head, tuple(exemplars))


def _same_but_exemplars(before: Pack, after: Pack) -> bool:
    """Whether two packs differ at most in the exemplars of targets and in the policy."""
    files = [structs.replace(pack.file, policy=Policy()) for pack in (before, after)]
    shared = [
        (pack.exemplars.options, pack.exemplars.several, pack.exemplars.twins)
        for pack in (before, after)
    ]
    return files[0] == files[1] and shared[0] == shared[1]


class _CountingEncoder:
    """An encoder that collects the texts it embeds."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder, self.key, self.width = encoder, encoder.key, encoder.width
        self.embedded: set[str] = set()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch."""
        self.embedded.update(texts)
        return self.encoder.encode(texts)

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[TokenVectors] | None]:
        """Encode a batch with the vectors of its tokens."""
        self.embedded.update(texts)
        return encode_with_tokens(self.encoder, texts)
