"""Run the command: `python -m router` is `router`."""

import sys


def run_router() -> None:
    """Run the command; the hook of an agent host goes without what the other commands import."""
    if sys.argv[1:2] == ["shortlist"] and "--hook" in sys.argv:
        from router.shortlist.hook import run_hook

        run_hook(sys.argv[2:])
    from router.cli import main

    main()


if __name__ == "__main__":
    run_router()
