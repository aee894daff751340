"""The old place of `router.explain`."""

from router._deprecated import renamed

__getattr__ = renamed(__name__, {"explanation_of": "router.explain.explain"})
