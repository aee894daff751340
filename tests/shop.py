"""A shop of three routes, and an encoder of words alone, for tests that need no model."""

import hashlib

import numpy as np

from router import Router
from router.encoders.callable import CallableEncoder
from router.text import words_of

ROUTES = {
    "Order status": [
        "where is my parcel",
        "has my order been sent",
        "when will the parcel arrive",
        "track my order please",
    ],
    "Returns": [
        "send the shoes back",
        "return a jacket for a refund",
        "how do I return shoes",
        "get my money back for a jacket",
    ],
    "Opening hours": [
        "when do you open on sunday",
        "opening hours of the store",
        "is the store open today",
        "what time do you close",
    ],
}
WIDTH = 96


def words_as_vectors(texts):
    vectors = np.zeros((len(texts), WIDTH), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in words_of(text):
            digest = hashlib.sha256(word.encode()).digest()
            vectors[row, digest[0] % WIDTH] += 1.0
            vectors[row, digest[1] % WIDTH] += 0.5
    return vectors


ENCODER = CallableEncoder(words_as_vectors, key="words-of-a-shop")


def shop_router(ask_rate=0.0, **options):
    return Router.from_exemplars(ROUTES, encoder=ENCODER, ask_rate=ask_rate, **options)
