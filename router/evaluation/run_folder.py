"""The former place of `RunFolder`, which is in `router.evaluation` now."""

from router._deprecated import renamed

__getattr__ = renamed(__name__, {"RunFolder": "router.evaluation.RunFolder"})
