"""Texts, logs and packs of any size, made of the shipped ones; the same on every machine."""

import json
import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from router import Router
from router.arrays import Vectors
from router.encoders.cached import with_exemplar_cache
from router.encoders.default import default_encoder
from router.fitting.discriminant_fitter import DiscriminantFitter
from router.heads.similarity import Centroids
from router.model.missing_detail import MissingDetail, QuestionIndex
from router.model.model import Layout, Model
from router.packs.pack import Exemplars, Pack
from router.packs.pack_file import load_pack
from router.packs.parts import Category, PackFile, Skill
from router.packs.policy import Policy
from router.paths import DEFAULT_PACK, SAMPLE_LOG
from router.text import words_of

SEED = 11
FRAMES = (
    "{verb} the {noun}",
    "how do I {verb} our {noun} for {other}",
    "the {noun} does not {verb} any more",
    "please {verb} {noun} and {other}",
    "what is the best way to {verb} a {noun} before {other}",
)


@cache
def sample() -> tuple[str, ...]:
    """The texts of the shipped log."""
    rows = [json.loads(line) for line in SAMPLE_LOG.read_text().splitlines()]
    return tuple(dict.fromkeys(row["text"] for row in rows))


def made_texts(count: int, first: int = 0) -> list[str]:
    """Give different texts as long as those of the log: its own, then each with another number."""
    places = range(first, first + count)
    whole = len(sample())
    return [f"{sample()[i % whole]} ({i // whole})" if i >= whole else sample()[i] for i in places]


def long_texts(count: int, words: int) -> list[str]:
    """Give different texts of so many words, without any sign that would cut them in clauses."""
    dice = random.Random(SEED)
    known = [word for word in vocabulary() if word not in ("and", "then", "but", "plus", "once")]
    return [" ".join(dice.choices(known, k=words)) for _ in range(count)]


@cache
def vocabulary() -> tuple[str, ...]:
    """Words of the log, the longest first."""
    words = {word for text in sample() for word in words_of(text) if word.isalpha()}
    return tuple(sorted(words, key=lambda word: (-len(word), word)))


def made_log(folder: Path, texts: Sequence[str], lines: int) -> Path:
    """Write a log: each text once, then again in turn."""
    path = folder / "log.jsonl"
    with path.open("w") as file:
        for number in range(lines):
            file.write(json.dumps({"text": texts[number % len(texts)]}) + "\n")
    return path


def named_exemplars() -> dict[str, list[str]]:
    """Give the shipped pack's exemplars by target."""
    found: dict[str, list[str]] = {}
    for label, text in load_pack(DEFAULT_PACK).target_exemplars():
        found.setdefault(label, []).append(text)
    return found


def made_exemplars(routes: int, exemplars: int) -> tuple[list[str], list[str]]:
    """Give labels and texts: each route a pair of words, said in different sentences."""
    dice = random.Random(SEED)
    known = vocabulary()[:400]
    labels, texts = [], []
    pairs = dice.sample([(one, other) for one in known for other in known if one != other], routes)
    for number, (verb, noun) in enumerate(pairs):
        for i in range(exemplars):
            frame = FRAMES[i % len(FRAMES)]
            labels.append(f"route-{number:05}")
            texts.append(frame.format(verb=verb, noun=noun, other=dice.choice(known)))
    return labels, texts


def made_vectors(routes: int, exemplars: int) -> tuple[list[str], list[str], Vectors]:
    """Give labels, texts and vectors, embedded once on this machine."""
    labels, texts = made_exemplars(routes, exemplars)
    return labels, texts, with_exemplar_cache(default_encoder()).encode(texts)


def made_router(routes: int, exemplars: int, shipped: Router) -> Router:
    """Fit a router on a made pack; the judgement of concerns stays that of the shipped pack."""
    labels, texts, vectors = made_vectors(routes, exemplars)
    names = list(dict.fromkeys(labels))
    by_skill = {name: tuple(t for _, t in group) for name, group in _grouped(labels, texts)}
    skills = tuple(Skill(name, "made", name, f"Made route {name}.") for name in names)
    file = PackFile(
        format=1,
        id="made",
        title="Made",
        summary="Routes made to measure speed.",
        categories=(Category("made", "Made", "A made route."),),
        skills=skills,
        policy=Policy(ask_threshold=0.5),
    )
    pack = Pack(file, Exemplars(by_skill, {}, {}, {}, ()))
    targets = [f"skill:{label}" for label in labels]
    width = vectors.shape[1]
    head = DiscriminantFitter({}).fit(texts, vectors, targets)
    model = Model(
        encoder_key=shipped.encoder.key,
        pack_hash="made",
        head=head.with_int8_index(),
        centroids=Centroids.of(vectors, targets),
        categories=Centroids.of(vectors, ["made"] * len(labels)),
        exemplar_labels=tuple(targets),
        exemplar_texts=tuple(texts),
        layout=Layout.of(pack, head.names),
        questions=QuestionIndex.of([], np.zeros((0, width), dtype=np.float32), {}),
        missing_detail=MissingDetail(None),
        concerns=shipped.model.concerns,
        gate=shipped.model.gate,
        replies={},
    )
    return Router(pack, shipped.encoder, model)


def _grouped(
    labels: Sequence[str], texts: Sequence[str]
) -> list[tuple[str, list[tuple[str, str]]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for label, text in zip(labels, texts, strict=True):
        found.setdefault(label, []).append((label, text))
    return list(found.items())
