"""The whole flow on one screen: a pack and an encoder in, decisions out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from router.artefact import fitted_model
from router.cache import CachedEncoder, VectorCache, cache_folder
from router.decision import Clarify, Decision
from router.dialogue import Listener
from router.encoder import Encoder, default_encoder
from router.errors import RouterError
from router.model import Model, Reading
from router.narrate import Narrator
from router.pack import Pack
from router.pack_file import load_pack
from router.policy import Rules, Verdicts
from router.shipped import DEFAULT_PACK
from router.table import verdict_table

if TYPE_CHECKING:
    import pyarrow

LONGEST = 4_000
"""Characters of a text that are read; the encoder sees no more of it than 256 word pieces."""


@dataclass(frozen=True)
class Router:
    """Decides where queries go. Build one with `Router.load`; share it between threads."""

    pack: Pack
    encoder: Encoder
    model: Model

    @classmethod
    def load(
        cls,
        pack: str | Path | Pack | None = None,
        *,
        encoder: Encoder | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> "Router":
        """Load a pack, fitting it once for this encoder.

        :param pack: A pack's folder, or a pack; the shipped one if None.
        :param encoder: The fast default if None.
        :param notify: Told in a sentence what takes long, once.
        :raises PackError: The pack does not hold; the message names every fault.
        :raises EncoderError: The model is missing or damaged.
        """
        read = pack if isinstance(pack, Pack) else load_pack(pack or DEFAULT_PACK)
        if encoder is None:
            encoder = default_encoder(notify)
        remembering = CachedEncoder(encoder, VectorCache(cache_folder() / "exemplars"))
        return cls(read, encoder, fitted_model(read, remembering, notify))

    def route(self, text: str) -> Decision:
        """Decide where a text goes."""
        return self.route_many([text])[0]

    def route_many(self, texts: Sequence[str]) -> list[Decision]:
        """Decide where each text goes, in order."""
        reading, verdicts = self.decide(texts)
        return [self._narrator.decision(reading, verdicts, row) for row in range(len(texts))]

    def answer(self, clarify: Clarify, reply: str) -> Decision:
        """Take the reply to a question and decide again: one follow-up question at most.

        :param reply: An option's number, label or paraphrase, "both", "neither", "don't know", an
            indirect statement, or something new.
        :raises RouterError: The question is not one of this router's pack.
        """
        if clarify.question.id not in self.pack.questions:
            known = ", ".join(self.pack.questions)
            raise RouterError(f"no question {clarify.question.id!r} in this pack; known: {known}")
        return self._listener.answer(clarify, reply[:LONGEST])

    def route_table(self, texts: Sequence[str]) -> "pyarrow.Table":
        """Decide each text, in order, as an arrow table; no object is built for a row.

        :return: Columns action, skills, packs, question, confidence, margin.
        """
        reading, verdicts = self.decide(texts)
        return verdict_table(self.pack, reading, verdicts, self.model.layout.neighbours)

    def decide(self, texts: Sequence[str]) -> tuple[Reading, Verdicts]:
        """Decide a batch as arrays: what was read, and what follows from it."""
        reading = self.model.read([text[:LONGEST] for text in texts], self.encoder)
        return reading, self._rules.decide(reading)

    @cached_property
    def _rules(self) -> Rules:
        return Rules.of(self.pack, self.model.layout)

    @cached_property
    def _narrator(self) -> Narrator:
        return Narrator(self.pack, self.model)

    @cached_property
    def _listener(self) -> Listener:
        return Listener(self._narrator, self.encoder, self._rules.decide)
