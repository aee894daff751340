"""The old name of `router.paths`."""

from router._deprecated import renamed

__getattr__ = renamed(
    __name__,
    {name: f"router.paths.{name}" for name in ("DATA", "DEFAULT_PACK", "SAMPLE_LOG", "SKILLS")},
)
