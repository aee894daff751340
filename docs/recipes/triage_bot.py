"""A triage bot for a chat such as Slack: it asks in the thread, then names the right channel.

For Slack, `post` calls `client.chat_postMessage(channel=..., thread_ts=thread, text=text)`, and
`receive` is called from a `message` event with the timestamp of the thread.
"""

from dataclasses import dataclass, field
from typing import Protocol, assert_never

from router import Clarify, Decision, NoRoute, Redirect, Route, Router


class Transport(Protocol):
    """The chat that the bot posts to."""

    def post(self, thread: str, text: str) -> None:
        """Post a message to a thread."""
        ...


@dataclass
class TriageBot:
    """One bot for all threads; `open` holds the question that a thread has not answered yet."""

    router: Router
    transport: Transport
    open: dict[str, Clarify] = field(default_factory=dict)

    def receive(self, thread: str, text: str) -> None:
        """Take one message of a thread, and post what follows from it."""
        question = self.open.pop(thread, None)
        if question is None:
            decision = self.router.route(text)
        else:
            decision = self.router.answer(question, text)
        if isinstance(decision, Clarify):
            self.open[thread] = decision
        self.transport.post(thread, in_words(decision))


def in_words(decision: Decision) -> str:
    """Tell a person what was decided."""
    match decision:
        case Clarify(question=question):
            options = [f"{i}) {option.label}" for i, option in enumerate(question.options, start=1)]
            return "\n".join([question.text, *options])
        case Route(skills=skills, confidence=confidence):
            channels = ", then ".join(f"#{skill}" for skill in skills)
            return f"Please ask in {channels} ({confidence:.0%} sure)."
        case Redirect(packs=packs):
            return f"{' and '.join(f'#{pack}' for pack in packs)} can help you."
        case NoRoute(nearest=nearest):
            return f"Nobody here does that. The closest channel is #{nearest}."
        case _:
            assert_never(decision)
