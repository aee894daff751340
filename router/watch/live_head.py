"""A fitted head whose exemplars may change: an edit takes n² steps, where a fit takes n³.

The inverse of the kernel matrix is kept, and updated by blocks (the matrix inversion lemma). What
a few exemplars hardly change stays as the last full fit left it: the weights of words, the
calibration of probabilities, and the judgements whether to ask and whether a clause adds a skill.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from msgspec import structs

from router.arrays import Floats, Vectors
from router.encoders.encoder import Encoder
from router.fitting.fit import category_centroids
from router.heads.kernel_head import KernelHead, KernelSettings
from router.heads.similarity import Centroids
from router.model.model import Model
from router.packs.pack import Pack

LabelledExemplar: TypeAlias = tuple[str, str]
"""The name of a target, and the text of one of its exemplars."""


@dataclass(frozen=True)
class LiveHead:
    """A head, its exemplars in the same order, and the inverse of their kernel matrix."""

    head: KernelHead
    exemplars: tuple[LabelledExemplar, ...]  # (n,)
    features: Any  # sparse, (n, n_terms)
    inverse: Floats  # (n, n)

    @classmethod
    def of(cls, head: KernelHead, exemplars: Sequence[LabelledExemplar]) -> "LiveHead":
        """Take a head that votes by exemplars, and the exemplars that it was fitted on."""
        head = structs.replace(head, graph=None)  # the graph has the old exemplars built in
        features = head.lexicon.features([text for _, text in exemplars])
        kernel = _kernel(head.settings, head.exemplars, features, head.exemplars, features)
        kernel[np.diag_indices_from(kernel)] += head.settings.ridge
        return cls(head, tuple(exemplars), features, np.asarray(np.linalg.inv(kernel)))

    def with_exemplars(self, exemplars: Sequence[LabelledExemplar], encoder: Encoder) -> "LiveHead":
        """Fit on other exemplars of the same targets; only the new ones are embedded."""
        wanted = set(exemplars)
        live = self._without([row for row, old in enumerate(self.exemplars) if old not in wanted])
        added = sorted(wanted - set(self.exemplars))
        return (live._with(added, encoder) if added else live)._refitted()

    def _without(self, removed: list[int]) -> "LiveHead":
        if not removed:
            return self
        kept = np.setdiff1d(np.arange(len(self.exemplars)), removed).tolist()
        inverse, across = self.inverse[np.ix_(kept, kept)], self.inverse[np.ix_(kept, removed)]
        inverse -= across @ np.linalg.solve(self.inverse[np.ix_(removed, removed)], across.T)
        return LiveHead(
            structs.replace(self.head, exemplars=self.head.exemplars[kept]),
            tuple(self.exemplars[row] for row in kept),
            self.features[kept],
            inverse,
        )

    def _with(self, added: list[LabelledExemplar], encoder: Encoder) -> "LiveHead":
        from scipy.sparse import vstack

        head, texts = self.head, [text for _, text in added]
        vectors, features = encoder.encode(texts), head.lexicon.features(texts)
        across = _kernel(head.settings, vectors, features, head.exemplars, self.features)
        own = _kernel(head.settings, vectors, features, vectors, features)
        own[np.diag_indices_from(own)] += head.settings.ridge
        solved = self.inverse @ across.T  # (n, n_added)
        corner = np.linalg.inv(own - across @ solved)  # the inverse of the Schur complement
        side = -solved @ corner
        return LiveHead(
            structs.replace(head, exemplars=np.concatenate([head.exemplars, vectors])),
            (*self.exemplars, *added),
            vstack([self.features, features], format="csr"),
            np.block([[self.inverse - side @ solved.T, side], [side.T, corner]]),
        )

    def _refitted(self) -> "LiveHead":
        """Solve for the votes of the exemplars."""
        column = {name: index for index, name in enumerate(self.head.names)}
        shares = np.eye(len(column))[[column[label] for label, _ in self.exemplars]]
        prior = shares.mean(axis=0)
        votes = self.inverse @ (shares - prior)
        labels = [label for label, _ in self.exemplars]
        head = structs.replace(
            self.head,
            counts=np.array([labels.count(name) for name in self.head.names]),
            votes=votes.astype(np.float32),
            term_votes=np.asarray(self.features.T @ votes, dtype=np.float32),
            prior=prior,
        )
        return replace(self, head=head)

    def in_model(self, model: Model, pack: Pack) -> Model:
        """Put the head into a model, and renew everything that follows from its exemplars."""
        order = sorted(range(len(self.exemplars)), key=self.exemplars.__getitem__)
        labels, texts = zip(*(self.exemplars[row] for row in order), strict=True)
        vectors = self.head.exemplars[order]
        centroids = Centroids.of(vectors, labels)
        return replace(
            model,
            pack_hash="",  # it must not be taken for a model that was fitted in full
            head=structs.replace(self.head, exemplars=vectors, votes=self.head.votes[order]),
            centroids=centroids,
            categories=category_centroids(pack, vectors, labels),
            exemplar_labels=labels,
            exemplar_texts=texts,
            questions=replace(model.questions, centroids=centroids.vectors[model.layout.questions]),
        )


def _kernel(
    settings: KernelSettings,
    vectors: Vectors,
    features: Any,  # noqa: ANN401 - scipy has no types
    other_vectors: Vectors,
    other_features: Any,  # noqa: ANN401
) -> Floats:
    """Compare exemplars with others, by vector and by words. Shape: (n, n_others)."""
    cosines = vectors.astype(np.float64) @ other_vectors.astype(np.float64).T
    words = (features @ other_features.T).toarray()
    return np.asarray(np.exp(settings.sharpness * (cosines - 1.0)) + settings.lexical * words)
