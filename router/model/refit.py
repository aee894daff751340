"""Refit a model for a few changed exemplars in n² steps, where a fit takes n³.

The inverse of the kernel is kept, and mended by blocks (the matrix inversion lemma); a head that
weighs documents takes n steps and is fitted anew. What one line hardly moves stays as it was last
fitted in full: the weight of words, the tokens of documents (a new line's are added), the
calibration, and the judgements whether to ask and whether a clause is a concern of its own.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from msgspec import structs

from router.arrays import Floats, TokenVectors, Vectors
from router.decisions.decision import Decision
from router.encoders.cache import remembering_exemplars
from router.encoders.encoder import Encoder, encode_with_tokens
from router.heads.centroids import Centroids
from router.heads.described import DescribedHead
from router.heads.head import Head, HeadSettings
from router.heads.late import LateInteraction
from router.model.artefact import fitted_model
from router.model.fitting import FromDescriptions, described_again
from router.model.model import Model
from router.packs.pack import Pack, Policy
from router.router import Router

Row: TypeAlias = tuple[str, str]
"""A target's name and an exemplar of it."""

MOST_CHANGED = 0.2
"""Share of the exemplars up to which mending is worth it; above, everything is fitted anew."""


@dataclass(frozen=True)
class LiveHead:
    """A head whose exemplars may come and go."""

    head: Head
    rows: tuple[Row, ...]  # (n,): in the order of the head's exemplars
    features: Any  # sparse, (n, n_terms)
    inverse: Floats  # (n, n)

    @classmethod
    def of(cls, head: Head, rows: Sequence[Row]) -> "LiveHead":
        """Take a fitted head and what it was fitted on."""
        head = replace(head, graph=None)  # of the exemplars as they were
        features = head.lexicon.features([text for _, text in rows])
        kernel = likeness(head.settings, head.exemplars, features, head.exemplars, features)
        kernel[np.diag_indices_from(kernel)] += head.settings.ridge
        inverse = np.asarray(np.linalg.inv(kernel), dtype=np.float64)
        return cls(head, tuple(rows), features, inverse)

    def with_rows(self, rows: Sequence[Row], encoder: Encoder) -> "LiveHead":
        """Fit on other rows: those that are gone leave, those that are new are embedded."""
        wanted = set(rows)
        kept = [place for place, row in enumerate(self.rows) if row in wanted]
        gone = [place for place, row in enumerate(self.rows) if row not in wanted]
        new = sorted(wanted - set(self.rows))
        less = self._without(kept, gone)
        return less._and(new, encoder) if new else less._refitted()

    def _without(self, kept: list[int], gone: list[int]) -> "LiveHead":
        if not gone:
            return self
        inverse, across = self.inverse[np.ix_(kept, kept)], self.inverse[np.ix_(kept, gone)]
        inverse -= across @ np.linalg.solve(self.inverse[np.ix_(gone, gone)], across.T)
        return LiveHead(
            replace(self.head, exemplars=self.head.exemplars[kept]),
            tuple(self.rows[place] for place in kept),
            self.features[kept],
            inverse,
        )

    def _and(self, new: list[Row], encoder: Encoder) -> "LiveHead":
        from scipy.sparse import vstack

        head, texts = self.head, [text for _, text in new]
        vectors, features = encoder.encode(texts), head.lexicon.features(texts)
        across = likeness(head.settings, vectors, features, head.exemplars, self.features)
        own = likeness(head.settings, vectors, features, vectors, features)
        own[np.diag_indices_from(own)] += head.settings.ridge
        pull = self.inverse @ across.T  # (n, n_new)
        corner = np.linalg.inv(own - across @ pull)
        side = -pull @ corner
        inverse = np.block([[self.inverse - side @ pull.T, side], [side.T, corner]])
        grown = LiveHead(
            replace(head, exemplars=np.concatenate([head.exemplars, vectors])),
            (*self.rows, *new),
            vstack([self.features, features], format="csr"),
            inverse,
        )
        return grown._refitted()

    def _refitted(self) -> "LiveHead":
        """Let the exemplars vote anew."""
        place = {name: column for column, name in enumerate(self.head.names)}
        shares = np.eye(len(place))[[place[label] for label, _ in self.rows]]
        prior = shares.mean(axis=0)
        votes = self.inverse @ (shares - prior)
        head = replace(
            self.head,
            votes=votes.astype(np.float32),
            term_votes=np.asarray(self.features.T @ votes, dtype=np.float32),
            prior=prior,
        )
        return replace(self, head=head)

    def in_order(self) -> tuple[Head, Sequence[Row]]:
        """Give the head and its rows as a model has them: the exemplars of a target together."""
        order = sorted(range(len(self.rows)), key=self.rows.__getitem__)
        exemplars, votes = self.head.exemplars[order], self.head.votes[order]
        head = replace(self.head, exemplars=exemplars, votes=votes)
        return head, [self.rows[place] for place in order]


@dataclass(frozen=True)
class LiveDescribed:
    """A head that weighs documents, whose exemplars may come and go."""

    head: DescribedHead
    rows: tuple[Row, ...]
    fitting: FromDescriptions

    def with_rows(self, rows: Sequence[Row], encoder: Encoder) -> "LiveDescribed":
        """Fit on other rows; an encoder that remembers embeds those that are new.

        The tokens of those that are gone stay until the next fit in full.
        """
        fitting = replace(self.fitting, late=self._late_with(set(rows) - set(self.rows), encoder))
        labels, texts = zip(*sorted(rows), strict=True)
        head = fitting.with_words(fitting.fit(texts, encoder.encode(texts), labels), texts)
        return LiveDescribed(head, tuple(sorted(rows)), fitting)

    def _late_with(self, new: Collection[Row], encoder: Encoder) -> LateInteraction | None:
        late = self.fitting.late
        if late is None or not new:
            return late
        _, tokens = encode_with_tokens(encoder, [text for _, text in new])
        if tokens is None:
            return late
        lines: dict[int, list[TokenVectors]] = {}
        for (label, _), some in zip(new, tokens, strict=True):
            lines.setdefault(self.head.names.index(label), []).append(some)
        return late.with_lines(lines)

    def in_order(self) -> tuple[DescribedHead, Sequence[Row]]:
        """Give the head and its rows as a model has them: the exemplars of a target together."""
        return self.head, self.rows


Live: TypeAlias = LiveHead | LiveDescribed


def live_of(pack: Pack, model: Model) -> Live:
    """Take the head of a model of this pack, and what it was fitted on."""
    rows = tuple(zip(model.exemplar_labels, model.exemplar_texts, strict=True))
    if isinstance(model.head, DescribedHead):
        return LiveDescribed(model.head, rows, described_again(pack, model.head))
    return LiveHead.of(model.head, rows)


def likeness(
    settings: HeadSettings,
    vectors: Vectors,
    features: Any,  # noqa: ANN401 - scipy has no types
    others: Vectors,
    other_features: Any,  # noqa: ANN401
) -> Floats:
    """Likeness of exemplars with others, by vector and by words. Shape: (n, n_others)."""
    cosines = vectors.astype(np.float64) @ others.astype(np.float64).T
    words = (features @ other_features.T).toarray()
    return np.asarray(np.exp(settings.sharpness * (cosines - 1.0)) + settings.lexical * words)


class Refit:
    """Fits a pack and decides queries, and the next time only mends what has changed.

    Only the first model comes from the artefacts on disk, or goes there: one for each save of an
    editor would fill it.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._counted = Counted(encoder)
        self._cached = remembering_exemplars(self._counted)
        self._fit: Callable[[Pack, Encoder], Model] = fitted_model
        self._last: tuple[Pack, Model, Live] | None = None
        self.embedded = 0
        self.seconds = 0.0

    def __call__(self, pack: Pack, queries: Sequence[str]) -> Sequence[Decision]:
        """Fit the pack and decide the queries; `embedded` and `seconds` tell what it took."""
        start = time.perf_counter()
        self._counted.texts = 0
        model = self._mended(pack) or self._fitted(pack)
        decisions = Router(pack, self._cached, model).route_many(queries) if queries else []
        self.embedded = self._counted.texts
        self.seconds = time.perf_counter() - start
        return decisions

    @property
    def model(self) -> Model | None:
        """The model of the last pack."""
        return None if self._last is None else self._last[1]

    def _fitted(self, pack: Pack) -> Model:
        from router.model.fit import fit_model  # brings in scikit-learn

        model, self._fit = self._fit(pack, self._cached), fit_model
        self._last = pack, model, live_of(pack, model)
        return model

    def _mended(self, pack: Pack) -> Model | None:
        """Mend the last model; None if there is none, or if more than exemplars changed."""
        if self._last is None:
            return None
        before, model, live = self._last
        rows = list(dict.fromkeys(pack.target_exemplars()))
        changed = len(set(rows) ^ set(live.rows))
        same_targets = {label for label, _ in rows} == set(live.head.names)
        few = changed <= MOST_CHANGED * len(live.rows)
        if not (few and same_targets and _same_but_exemplars(before, pack)):
            return None
        if before.documents != pack.documents and isinstance(live, LiveDescribed):
            fitting = described_again(pack, live.head)
            live = replace(live, fitting=fitting).with_rows(rows, self._cached)
        elif changed:
            live = live.with_rows(rows, self._cached)
        model = with_head(model, pack, live)
        self._last = pack, model, live
        return model


def _same_but_exemplars(before: Pack, after: Pack) -> bool:
    """Whether two packs differ in exemplars of targets, and in settings, at most."""
    files = [structs.replace(pack.file, policy=Policy()) for pack in (before, after)]
    return files[0] == files[1] and before.exemplars.options == after.exemplars.options


def with_head(model: Model, pack: Pack, live: Live) -> Model:
    """Put another head into a model, and everything that follows from its exemplars."""
    head, rows = live.in_order()
    labels, vectors = [label for label, _ in rows], head.exemplars
    category = {f"skill:{skill.id}": skill.category for skill in pack.skills.values()}
    ours = [place for place, label in enumerate(labels) if label in category]
    centroids = Centroids.of(vectors, labels)
    return replace(
        model,
        pack_hash="",  # of no pack: it must not be taken for a model fitted in full
        head=head,
        centroids=centroids,
        categories=Centroids.of(vectors[ours], [category[labels[place]] for place in ours]),
        exemplar_labels=tuple(labels),
        exemplar_texts=tuple(text for _, text in rows),
        questions=replace(model.questions, needy=centroids.vectors[model.layout.questions]),
    )


class Counted:
    """An encoder that counts the texts it was given, and remembers those with their tokens."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.texts = 0
        self._known: dict[str, tuple[Vectors, TokenVectors]] = {}

    @property
    def key(self) -> str:
        """The key of the encoder behind it."""
        return self.encoder.key

    @property
    def width(self) -> int:
        """The width of the encoder behind it."""
        return self.encoder.width

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch, and count what is new."""
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        self.texts += len(new)
        known = dict(zip(new, self.encoder.encode(new), strict=True)) if new else {}
        known |= {text: self._known[text][0] for text in texts if text in self._known}
        return np.array([known[text] for text in texts]).reshape(len(texts), self.width)

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[TokenVectors] | None]:
        """Encode a batch with its tokens' vectors: what is new, which is counted."""
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        self.texts += len(new)
        vectors, tokens = encode_with_tokens(self.encoder, new)
        if tokens is None:
            return self.encoder.encode(texts), None
        self._known |= dict(zip(new, zip(vectors, tokens, strict=True), strict=True))
        known = [self._known[text] for text in texts]
        return np.array([vector for vector, _ in known]), [part for _, part in known]
