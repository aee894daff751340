"""What is timed: each subject in a process of its own, told line by line what to do.

python benchmarks/speed_subjects.py SUBJECT [--ask TEXT]

SUBJECT is ours, sentence-transformers, semantic-router (its HuggingFaceEncoder) or
semantic-router-local (its LocalEncoder). Orders come by standard input as JSON
lines [name, argument ...], what they took goes back by standard output.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from speed_made import made_log, made_router, made_vectors, named_exemplars

from router import Router
from router.arrays import Vectors
from router.encoders.encoder import Encoder
from router.encoders.model_files import default_folder

UTTERANCES = 10
"""Exemplars of each target that semantic-router is given; ours reads all of them."""


class Subject(Protocol):
    """What answers queries."""

    def answer(self, text: str) -> object:
        """Answer one query."""
        ...

    def batch(self, texts: Sequence[str]) -> object:
        """Answer many at once."""
        ...


class TimedEncoder:
    """An encoder that notes how long it is busy."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.seconds = 0.0

    @property
    def key(self) -> str:
        """Name model and precision."""
        return self.encoder.key

    @property
    def width(self) -> int:
        """Length of a vector."""
        return self.encoder.width

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch. Shape: (n_texts, width)."""
        start = time.perf_counter()
        vectors = self.encoder.encode(texts)
        self.seconds += time.perf_counter() - start
        return vectors


class Ours:
    """The router: the shipped pack, or one made of so many routes and exemplars."""

    def __init__(self) -> None:
        self.router = self.timed = Router.load()
        self.encoder = TimedEncoder(self.router.encoder)

    def answer(self, text: str) -> object:
        """Answer one query."""
        return self.router.route(text)

    def turn(self, text: str, history: Sequence[str]) -> object:
        """Answer a turn of a conversation."""
        return self.router.route(text, history=history)

    def batch(self, texts: Sequence[str]) -> object:
        """Answer many at once."""
        return self.router.route_arrow(texts)

    def encode(self, texts: Sequence[str]) -> object:
        """Encode alone, without deciding."""
        return self.router.encoder.encode(texts)

    def make(self, routes: int, exemplars: int) -> dict[str, float]:
        """Go on with a made pack; give what fitting it took."""
        start = time.perf_counter()
        self.router = made_router(routes, exemplars, self.router)
        return {"fit_seconds": time.perf_counter() - start}

    def share(self, text: str) -> dict[str, float]:
        """Answer one query; give the seconds it took and those of the encoder."""
        if self.timed.encoder is not self.encoder or self.timed.pack is not self.router.pack:
            self.timed = _with(self.router, self.encoder)
            self.timed.route(text)  # what is worked out once is no part of a query
        self.encoder.seconds, start = 0.0, time.perf_counter()
        self.timed.route(text)
        return {"seconds": time.perf_counter() - start, "encoder": self.encoder.seconds}

    def evaluate(self, texts: Sequence[str], lines: int) -> dict[str, float]:
        """Evaluate a log of so many lines, each text once, then again in turn."""
        from router.evaluation import evaluate

        with tempfile.TemporaryDirectory() as folder:
            log = made_log(Path(folder), texts, lines)
            start = time.perf_counter()
            evaluate(self.router, log, Path(folder) / "out", cache=False)
            return {"seconds": time.perf_counter() - start}

    def again(self, texts: Sequence[str]) -> dict[str, float]:
        """Evaluate a log twice, its vectors kept, and the pack's settings edited in between."""
        from router.encoders.cached import CachedEncoder
        from router.encoders.vector_store import VectorStore
        from router.evaluation import evaluate

        with tempfile.TemporaryDirectory() as folder:
            log = made_log(Path(folder), texts, len(texts))
            cache = VectorStore(Path(folder) / "cache")
            router = _with(self.router, CachedEncoder(self.router.encoder, cache))
            seconds = []
            for round_, one in enumerate((router, _edited(router))):
                start = time.perf_counter()
                evaluate(one, log, Path(folder) / f"out{round_}")
                seconds.append(time.perf_counter() - start)
            cache.close()
        return {"first": seconds[0], "again": seconds[1]}


def _with(router: Router, encoder: Encoder) -> Router:
    return Router(router.pack, encoder, router.model)


def _edited(router: Router) -> Router:
    """A pack that asks less often: every text is decided anew, none is embedded."""
    file = router.pack.file
    policy = msgspec.structs.replace(
        file.policy, ask_threshold=min(file.policy.question_threshold + 0.1, 1.0)
    )
    edited = msgspec.structs.replace(file, policy=policy)
    pack = msgspec.structs.replace(router.pack, file=edited)
    return Router(pack, router.encoder, router.model)


class SentenceTransformers:
    """The same model, embedding alone: the limit for its runtime."""

    def __init__(self) -> None:
        from sentence_transformers import SentenceTransformer

        self.model = SentenceTransformer(str(default_folder()), device="cpu")

    def answer(self, text: str) -> object:
        """Embed one query."""
        return self.model.encode(text, show_progress_bar=False)

    def batch(self, texts: Sequence[str]) -> object:
        """Embed many at once."""
        return self.model.encode(list(texts), show_progress_bar=False)


class SemanticRouter:
    """semantic-router with its encoder for any model of the Hugging Face hub, on the same model."""

    def __init__(self) -> None:
        from semantic_router.route import Route
        from semantic_router.routers import IndexedRouter

        self.encoder = self.new_encoder(str(default_folder()))
        routes = [
            Route(name=name, utterances=lines[:UTTERANCES])
            for name, lines in named_exemplars().items()
        ]
        self.router = IndexedRouter(encoder=self.encoder, routes=routes)

    def new_encoder(self, folder: str) -> Any:  # noqa: ANN401
        """Load the model that is in a folder."""
        from semantic_router.encoders.huggingface import HuggingFaceEncoder

        return HuggingFaceEncoder(name=folder)

    def answer(self, text: str) -> object:
        """Answer one query."""
        return self.router(text)

    def batch(self, texts: Sequence[str]) -> object:
        """Answer many with one call of the encoder; the labels don't matter here."""
        return self.router.evaluate(list(texts), [None] * len(texts))

    def make(self, routes: int, exemplars: int) -> dict[str, float]:
        """Go on with a made set of routes, their vectors known."""
        from semantic_router.index import LocalIndex
        from semantic_router.routers import IndexedRouter

        start = time.perf_counter()
        labels, texts, vectors = made_vectors(routes, exemplars)
        index = LocalIndex()
        index.add(embeddings=vectors.tolist(), routes=labels, utterances=texts)
        self.router = IndexedRouter(encoder=self.encoder, index=index)
        return {"fit_seconds": time.perf_counter() - start}


class SemanticRouterLocal(SemanticRouter):
    """semantic-router with its encoder that runs sentence-transformers: faster in batches."""

    def new_encoder(self, folder: str) -> Any:  # noqa: ANN401
        """Load the model that is in a folder."""
        from semantic_router.encoders.local import LocalEncoder

        return LocalEncoder(name=folder)


SUBJECTS: dict[str, Callable[[], Subject]] = {
    "ours": Ours,
    "sentence-transformers": SentenceTransformers,
    "semantic-router": SemanticRouter,
    "semantic-router-local": SemanticRouterLocal,
}


def main() -> None:
    """Answer one query and end, or follow orders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("--ask", help="answer this from a cold start, then end")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    told = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    subject = SUBJECTS[args.subject]()
    if args.ask is not None:
        subject.answer(args.ask)
        told.write("{}\n")
        return
    told.write(json.dumps({"ready": args.subject}) + "\n")
    for line in sys.stdin:
        told.write(json.dumps(_follow(subject, *json.loads(line))) + "\n")


def _follow(subject: Subject, order: str, *arguments: Any) -> dict[str, float]:  # noqa: ANN401
    """Carry out an order; give seconds, unless it has figures of its own."""
    if order == "memory":
        return {"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT}
    start = time.perf_counter()
    found = getattr(subject, order)(*arguments)
    seconds = time.perf_counter() - start
    return found if isinstance(found, dict) else {"seconds": float(np.float64(seconds))}


_UNIT = 1 if sys.platform == "darwin" else 1_024

if __name__ == "__main__":
    main()
