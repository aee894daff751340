"""An agent that asks its user when one detail is missing, and then reads the right skills.

Run it: python docs/recipes/agent_loop.py "my model is slow"
"""

import sys
from collections.abc import Callable

from router import Clarify, Decision, Route, Router
from router.packs.pack_file import document_path
from router.paths import DEFAULT_PACK


def settle(router: Router, request: str, ask: Callable[[str], str]) -> Decision:
    """Route a request; put every open question to the user with `ask`."""
    decision = router.route(request)
    while isinstance(decision, Clarify):  # at most twice
        question = decision.question
        options = [f"{i}. {option.label}" for i, option in enumerate(question.options, start=1)]
        decision = router.answer(decision, ask("\n".join([question.text, *options])))
    return decision


def context_for(router: Router, decision: Decision) -> str:
    """Gather the documents of the skills, in execution order, for a language model to read."""
    if not isinstance(decision, Route):
        return decision.reason
    documents = [router.pack.skills[skill].document for skill in decision.skills]
    paths = [document_path(DEFAULT_PACK, document) for document in documents]
    return "\n\n".join(path.read_text(encoding="utf-8") for path in paths if path is not None)


def main() -> None:
    """Ask at the terminal."""
    router = Router.load()
    decision = settle(router, sys.argv[1], lambda question: input(f"{question}\n> "))
    print(decision.reason)  # noqa: T201
    print(f"{len(context_for(router, decision)):,} characters to read")  # noqa: T201


if __name__ == "__main__":
    main()
