"""The whole flow on one screen: a pack and an encoder in, decisions out."""

import html
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import structs

from router._deprecated import renamed_method
from router.calibration.calibration import Calibration
from router.conversations.history import History, Turn, read_histories, read_history
from router.conversations.reader import DecidedTurns, TurnReader
from router.decisions.builder import DecisionBuilder
from router.decisions.decision import Clarify, Decision, Ranked
from router.decisions.dialogue import ReplyHandler
from router.decisions.outcome import OutcomeBatch
from router.decisions.policy import CompiledPolicy, PolicyResult
from router.decisions.words import count_of
from router.encoders.cached import with_exemplar_cache, with_log_cache
from router.encoders.default import EncoderLike, as_encoder, default_encoder, loading
from router.encoders.encoder import Encoder
from router.encoders.model_files import is_default_model
from router.encoders.paired import PairedEncoder
from router.errors import PackError, RouterError
from router.fitting.model_cache import cached_model
from router.model.model import Evidence, Model
from router.packs.labelled_lines import lines_of, routes_of, several_of
from router.packs.pack import Pack
from router.packs.pack_file import PACK_FILE, load_pack
from router.packs.parts import Question, Wording
from router.packs.policy import DEFAULT_ASK_RATE
from router.packs.route_file import is_route_file, read_routes
from router.paths import DEFAULT_PACK
from router.saved import (
    is_saved_router,
    read_saved_router,
    save_router,
    saved_encoder_key,
)
from router.text import clip_queries, clip_query, is_clipped, listed

if TYPE_CHECKING:
    import pyarrow

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, repr=False)
class Router:
    """Decides where queries go. Build one with `Router.load`, and share it between threads.

    :param pack: What can be routed to, asked and said.
    :param encoder: Turns texts into unit vectors.
    :param model: What was fitted on the pack's exemplars with this encoder.
    :param calibration: Thresholds and rescaled confidences that were fitted to labelled texts; the
        pack's own policy is used if None.
    """

    pack: Pack
    encoder: Encoder
    model: Model
    calibration: Calibration | None = None

    def __repr__(self) -> str:
        file = self.pack.file
        counts = ", ".join(
            count_of(len(values), noun)
            for values, noun in (
                (file.skills, "skill"),
                (file.neighbours, "neighbour"),
                (file.questions, "question"),
            )
        )
        calibrated = "uncalibrated" if self.calibration is None else "calibrated"
        return f"<Router {file.id}: {counts}, {calibrated}>"

    def _repr_html_(self) -> str:
        return f"<code>{html.escape(repr(self))}</code>"

    @classmethod
    def from_exemplars(
        cls,
        routes: object,
        *,
        none: Sequence[str] = (),
        several: Sequence[tuple[str, Sequence[str]]] = (),
        questions: Sequence[Question] = (),
        wording: Wording | None = None,
        data: Mapping[str, Mapping[str, Any]] | None = None,
        ask_rate: float = DEFAULT_ASK_RATE,
        encoder: EncoderLike | None = None,
        second_look: EncoderLike | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> "Router":
        """Make a router of routes of your own: for each a few queries as users ask them.

        :param routes: A mapping from the label of each route to its exemplars, some ten each and at
            least three; or a list of (text, label) pairs; or a pair of lists, texts and labels; or
            a table of pandas or arrow with a column for each. Any label will do: the id of the
            skill is made from it. A list of labels marks a query that asks for several routes.
        :param none: Queries that belong to no route; some twenty help.
        :param several: Queries that ask for several routes, each with the labels of these in
            execution order.
        :param questions: Questions for missing details, see `Question.of`. Where none of them fits,
            the router asks which of the likeliest routes it is.
        :param wording: How such a question is worded; English if None.
        :param data: By route, what its decisions shall give back: plain data, as in JSON.
        :param ask_rate: The share of queries to ask about, in [0, 1); 0 never asks.
        :param encoder: The name or folder of a sentence-transformers model, a function from texts
            to vectors, or an `Encoder`; the fast default encoder if None.
        :param second_look: A stronger encoder, given likewise. Where the first one isn't sure, both
            decide together before anything is asked.
        :param notify: It is called with a sentence before something takes long.
        :raises PackError: The routes have faults; the message names every one.
        """
        found = routes_of(routes)
        pack = Pack.of(
            found.routes,
            none=[*lines_of(none, "none"), *found.none],
            several=[*found.several, *several_of(several)],
            questions=questions,
            wording=wording,
            data=data,
        )
        return cls.load(
            pack, encoder=encoder, second_look=second_look, ask_rate=ask_rate, notify=notify
        )

    @classmethod
    def load(
        cls,
        pack: str | Path | Pack | None = None,
        *,
        encoder: EncoderLike | None = None,
        second_look: EncoderLike | None = None,
        ask_rate: float | None = None,
        calibration: str | Path | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> "Router":
        """Load a pack, or a router that was saved. A pack is fitted once for each encoder.

        :param pack: A pack's folder, a file of routes as `read_routes` takes it, a folder of
            SKILL.md files, a list of tools (OpenAI, Anthropic, MCP, OpenAPI), a pack, or the folder
            of a saved router; the shipped pack if None.
        :param encoder: The name or folder of a sentence-transformers model, a function from texts
            to vectors, or an `Encoder`; the fast default encoder if None.
        :param second_look: A stronger encoder, given likewise. Where the first one isn't sure, both
            decide together before anything is asked; see docs/pages/how-to/encoders.md.
        :param ask_rate: The share of queries to ask about, in [0, 1). If it is None, the pack's own
            thresholds hold, or 0.1 where it has none; 0 never asks.
        :param calibration: A file that `router calibrate` wrote for this pack and encoder.
        :param notify: It is called with a sentence before something takes long.
        :raises PackError: The pack has faults; the message names every one.
        :raises EncoderError: The encoder's model is missing or damaged.
        :raises RouterError: The calibration or the saved router is not for this pack and encoder.
        """
        if isinstance(pack, str) and not pack.strip():
            raise RouterError("a pack is a folder or a file, was a blank text; name one")
        if isinstance(pack, str | Path) and is_saved_router(Path(pack)):
            saved = Path(pack)
            made = _encoder_of_saved(saved, encoder, notify)
            router = cls(*read_saved_router(saved, _paired(made, second_look, notify)))
            if ask_rate is not None:
                router = replace(router, pack=_with_rate(router.pack, ask_rate))
        else:
            if isinstance(pack, Pack):
                read = pack
            else:
                read, encoder = _read(DEFAULT_PACK if pack is None else pack, encoder, notify)
            if ask_rate is not None:
                read = _with_rate(read, ask_rate)
            if isinstance(pack, Pack) and (faults := read.faults()):
                raise PackError("\n".join(map(str, faults)))
            made = encoder_for(read, encoder, notify, second_look)
            with loading(made):
                router = cls(read, made, cached_model(read, with_exemplar_cache(made), notify))
        if calibration is not None:
            router = router.with_calibration(Calibration.read(calibration))
        return router

    def save(self, folder: str | Path) -> None:
        """Write pack, fitted model and calibration into one folder, which `Router.load` takes.

        Loading it embeds nothing, and the loaded router decides the same to the last bit.

        :param folder: The folder; it is made if needed.
        """
        save_router(Path(folder), self.pack, self.encoder, self.model, self.calibration)

    def with_calibration(self, calibration: Calibration) -> "Router":
        """Give a router that decides with what was fitted to labelled texts.

        :param calibration: As `calibrate` or `Calibration.read` gives it.
        :raises RouterError: The calibration was fitted for another pack, encoder or policy.
        """
        calibration.check(self.pack, self.encoder)
        return replace(self, calibration=calibration)

    def with_vector_cache(self) -> "Router":
        """Give a router that keeps the vectors of texts in the cache folder, up to 2 GiB."""
        return replace(self, encoder=with_log_cache(self.encoder))

    def learn(
        self,
        texts: Sequence[str],
        labels: Sequence[object],
        *,
        ask_rate: float | None = None,
        max_error: float | None = None,
    ) -> "Router":
        """Learn from labelled texts, and give a new router; nothing is written.

        The texts with one target become exemplars. All texts calibrate the router, by what routers
        that have not learnt them say of them.

        :param texts: Labelled queries.
        :param labels: For each text the id of a skill, neighbour or question, "none", a list of
            skill ids, or a mapping as in a labelled log (`action`, `skills`, `packs`, `question`,
            `ok_...`).
        :param ask_rate: The share of texts to ask about, in (0, 1); see
            docs/pages/how-to/calibrate.md.
        :param max_error: The share of texts that may be decided unasked and wrong, in (0, 1).
        :raises RouterError: There are too few texts, or the pack does not know a label.
        """
        from router.calibration.from_labels import (  # brings in scikit-learn
            learn_and_calibrate,
        )

        pack, model, calibration = learn_and_calibrate(
            self, texts, labels, ask_rate=ask_rate, max_error=max_error
        )
        return Router(pack, self.encoder, model, calibration)

    def with_exemplars(self, target: str, lines: Sequence[str]) -> "Router":
        """Give a router that has these exemplars besides, uncalibrated; only they are embedded.

        :param target: Id or label of a skill or neighbour, or "none".
        :param lines: The exemplars to add.
        :raises PackError: The pack has no such target.
        """
        known = self.pack.lines_of(target)
        return self._with_pack(self.pack.with_lines(target, [*known, *lines_of(lines, target)]))

    def without_exemplars(self, target: str, lines: Sequence[str]) -> "Router":
        """Give a router that lacks these exemplars, uncalibrated; nothing is embedded.

        :param target: Id or label of a skill or neighbour, or "none".
        :param lines: The exemplars to leave out.
        :raises PackError: The pack has no such target, or too few exemplars are left.
        """
        left_out = set(lines_of(lines, target))
        kept = [line for line in self.pack.lines_of(target) if line not in left_out]
        return self._with_pack(self.pack.with_lines(target, kept))

    def _with_pack(self, pack: Pack) -> "Router":
        return Router.load(pack, encoder=self.encoder)

    def __call__(self, text: str) -> Decision:
        """Decide where a text goes, as `route` does."""
        return self.route(text)

    def route(
        self,
        text: str,
        *,
        history: History | None = None,
        only: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
    ) -> Decision:
        """Decide where a text goes.

        :param text: A query; 4,000 characters of it are read, the first half of them and the last.
        :param history: What was said before in this conversation, the oldest first: texts of the
            user, mappings with `text` and what was decided, pairs of text and decision, or chat
            messages with `role` and `content`. The text is read with it as far as it needs it. If
            the last turn left a question open, the text is taken as the reply, as `answer` does.
        :param only: Ids or labels of the skills and neighbours that can be decided now, for example
            what this user may do; all if None.
        :param exclude: Ids or labels of those that can't.
        """
        histories = None if history is None else [read_history(history)]
        clip_query(text)  # says what a text is, of one that is none
        return self.route_many([text], history=histories, only=only, exclude=exclude)[0]

    def route_many(
        self,
        texts: Sequence[str],
        *,
        history: Sequence[History] | None = None,
        only: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
    ) -> list[Decision]:
        """Decide where each text goes, in order.

        :param texts: The queries; 4,000 characters of each are read, as `route` does.
        :param history: For each text what was said before it, as of `route`; an empty list where
            nothing was.
        :param only: As of `route`.
        :param exclude: As of `route`.
        """
        if history is None:
            return self._builder.decisions(*self.evidence_and_result(texts, only, exclude))
        texts = listed(texts)
        histories = read_histories(history, len(texts))
        decisions = self._turns.decisions(self.decided_turns(texts, histories, only, exclude))
        for row, turns in enumerate(histories):
            question = turns[-1].open_question if turns else None
            if question is not None and (reply := clip_query(texts[row])):
                decisions[row] = self._replies.answer(question, reply)
        return decisions

    def rank(self, text: str, k: int | None = 3, *, history: History | None = None) -> list[Ranked]:
        """List the likeliest skills and neighbours of a text, the likeliest first.

        :param text: A query; 4,000 characters of it are read, the first half of them and the last.
        :param k: How many; all if None.
        :param history: As of `route`.
        """
        histories = None if history is None else [read_history(history)]
        return self.rank_many([text], k, history=histories)[0]

    def rank_many(
        self,
        texts: Sequence[str],
        k: int | None = 3,
        *,
        history: Sequence[History] | None = None,
    ) -> list[list[Ranked]]:
        """List the likeliest skills and neighbours of each text, in order.

        What speaks for "none", or for a question, stands in the decision and not in the ranking.

        :param texts: The queries; 4,000 characters of each are read, as `route` does.
        :param k: How many; all if None.
        :param history: As of `route_many`.
        :raises RouterError: `k` is no number of at least 1.
        """
        if k is not None and (not isinstance(k, Integral) or k < 1):
            raise RouterError(f"k is a whole number of at least 1, or None for all, was: {k!r}")
        texts, model = clip_queries(texts), self.model
        if history is None and model.is_made_of_tools:
            evidence = model.evidence(texts, self.encoder)
        elif history is None:  # further concerns don't change a ranking
            evidence = model.plain_evidence(texts, self.encoder)
        else:
            evidence = self.decided_turns(texts, read_histories(history, len(texts))).evidence
        return [list(self._builder.ranking(evidence, row, k)) for row in range(len(texts))]

    def outcomes(self, texts: Sequence[str]) -> OutcomeBatch:
        """Decide each text, in order, without evidence: each different outcome is built once.

        :param texts: The queries; 4,000 characters of each are read, as `route` does.
        """
        return self._builder.outcomes(*self.evidence_and_result(texts))

    def route_arrow(self, texts: Sequence[str]) -> "pyarrow.Table":
        """Decide each text, in order, as an arrow table, see `OutcomeBatch.to_arrow`.

        :param texts: The queries; 4,000 characters of each are read, as `route` does.
        """
        return self.outcomes(texts).to_arrow()

    def evidence_and_result(
        self,
        texts: Sequence[str],
        only: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
    ) -> tuple[Evidence, PolicyResult]:
        """Gather the evidence on a batch of texts, and decide each by the policy, as arrays."""
        texts = listed(texts)
        evidence = self.model.evidence(clip_queries(texts), self.encoder)
        evidence = self._restricted(_marked(evidence, texts), only, exclude)
        return evidence, self.policy.decide(evidence)

    def decided_turns(
        self,
        texts: Sequence[str],
        histories: Sequence[Sequence[Turn]],
        only: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
    ) -> DecidedTurns:
        """Read and decide a batch of turns with what came before each, as arrays.

        :param texts: The turns; 4,000 characters of each are read, as `route` does.
        :param histories: As `read_histories` gives them.
        :param only: As of `route`.
        :param exclude: As of `route`.
        """
        texts = listed(texts)
        return self._turns.decide(
            clip_queries(texts),
            histories,
            lambda evidence: self._restricted(_marked(evidence, texts), only, exclude),
        )

    def outcomes_of_turns(self, decided: DecidedTurns) -> OutcomeBatch:
        """Build each different outcome of decided turns once, as `outcomes` does.

        :param decided: What `decided_turns` gave.
        """
        return self._turns.outcomes(decided)

    def _restricted(
        self, evidence: Evidence, only: Iterable[str] | None, exclude: Iterable[str] | None
    ) -> Evidence:
        if only is None and exclude is None:
            return evidence
        allowed = set(self.pack.target_ids if only is None else self.pack.ids_of(only))
        allowed -= set(self.pack.ids_of(exclude or ()))
        if not allowed:
            raise RouterError("nothing is left to decide: `only` and `exclude` leave no target")
        return self.model.restricted(evidence, allowed)

    def answer(self, clarify: Clarify | Mapping[str, Any], reply: str) -> Decision:
        """Take the reply to a question and decide again; at most one follow-up question is asked.

        :param clarify: The open question, or the record that its `to_dict()` gave.
        :param reply: An option's number, label or paraphrase, "both", "neither", "don't know", an
            indirect statement, or a new query; after a blank reply the question stays open.
        :raises RouterError: The question is neither one of this router's pack nor composed by it.
        """
        question = clarify if isinstance(clarify, Clarify) else Clarify.from_dict(clarify)
        reply = clip_query(reply, "a reply")
        return self._replies.answer(question, reply) if reply else question

    @cached_property
    def policy(self) -> CompiledPolicy:
        """The pack's policy, with what was calibrated, ready for arrays."""
        layout, statistics = self.model.layout, self.model.statistics
        if self.calibration is not None:
            return self.calibration.policy_for(self.pack, layout, statistics)
        return CompiledPolicy.of(self.pack, layout, statistics)

    @cached_property
    def _builder(self) -> DecisionBuilder:
        return DecisionBuilder(self.pack, self.model, self.calibration)

    @cached_property
    def _turns(self) -> TurnReader:
        return TurnReader(self._builder, self.encoder, self.policy)

    @cached_property
    def _replies(self) -> ReplyHandler:
        return ReplyHandler(self._builder, self.encoder, self.policy)

    fit = renamed_method("Router", "fit", "learn")
    calibrated = renamed_method("Router", "calibrated", "with_calibration")
    remembering = renamed_method("Router", "remembering", "with_vector_cache")
    route_table = renamed_method("Router", "route_table", "route_arrow")


def _marked(evidence: Evidence, texts: Sequence[str]) -> Evidence:
    """Mark the texts that were clipped before they were encoded."""
    clipped = np.array([is_clipped(text) for text in texts], dtype=np.bool_)
    return replace(evidence, truncated=evidence.truncated | clipped)


def _with_rate(pack: Pack, ask_rate: float) -> Pack:
    if not isinstance(ask_rate, Real) or not 0.0 <= ask_rate < 1.0:
        raise RouterError(f"ask_rate is a share in [0, 1), was: {ask_rate!r}")
    policy = structs.replace(pack.file.policy, ask_rate=ask_rate)
    return structs.replace(pack, file=structs.replace(pack.file, policy=policy))


def _paired(
    first: Encoder, second_look: EncoderLike | None, notify: Callable[[str], None] | None
) -> Encoder:
    if second_look is None:
        return first
    return PairedEncoder(
        first.first if isinstance(first, PairedEncoder) else first, as_encoder(second_look, notify)
    )


def encoder_for(
    pack: Pack,
    encoder: EncoderLike | None = None,
    notify: Callable[[str], None] | None = None,
    second_look: EncoderLike | None = None,
) -> Encoder:
    """Give the encoder that was named, or the default one: two layers for exemplars alone."""
    is_default = encoder is None or (isinstance(encoder, str) and is_default_model(encoder))
    if is_default and pack.has_typical_judgements:
        return _paired(default_encoder(notify, two_layers=True), second_look, notify)
    return _paired(as_encoder(encoder, notify), second_look, notify)


def _encoder_of_saved(
    folder: Path, encoder: EncoderLike | None, notify: Callable[[str], None] | None
) -> Encoder:
    """Give the encoder that was named, or that of the two default ones that a router has."""
    if encoder is not None:
        return as_encoder(encoder, notify)
    two_layers = default_encoder(notify, two_layers=True)
    if two_layers.key == saved_encoder_key(folder).partition("+")[0]:
        return two_layers
    return default_encoder(notify)


def _read(
    folder: str | Path, encoder: EncoderLike | None, notify: Callable[[str], None] | None
) -> tuple[Pack, EncoderLike | None]:
    """Read a pack's folder or a file of routes, or make a pack of skills or of a list of tools.

    :return: The pack, and the encoder; if documents were encoded, it is loaded already.
    """
    if (Path(folder) / PACK_FILE).is_file():
        return load_pack(folder), encoder
    from router.skill_folders.folder import is_skill_folder
    from router.skill_folders.pack_of_skills import cached_pack
    from router.skill_folders.tool_list import is_tool_list, pack_of_tools

    make = pack_of_tools if is_tool_list(folder) else cached_pack
    if make is cached_pack and is_route_file(folder):
        return read_routes(folder), encoder
    if make is cached_pack and not is_skill_folder(Path(folder)):
        return load_pack(folder), encoder  # which says what a pack is
    made = as_encoder(encoder, notify)
    pack, warnings = make(Path(folder), with_exemplar_cache(made), notify)
    for warning in warnings:
        if warning.startswith("left out"):
            (notify or log.warning)(warning)
    return pack, made if pack.is_made_of_documents else encoder
