"""Route queries to skills by meaning, and ask when one detail is missing."""

from router.decisions.decision import Clarify, Decision, NoRoute, Redirect, Route
from router.errors import EncoderError, LogError, PackError, RouterError
from router.router import Router

__all__ = [
    "Clarify",
    "Decision",
    "EncoderError",
    "LogError",
    "NoRoute",
    "PackError",
    "Redirect",
    "Route",
    "Router",
    "RouterError",
]
