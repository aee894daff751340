"""A triage bot for a chat such as Slack: it asks in the thread, then sends to the right channel.

The transport is three lines of protocol; for Slack, `post` is `client.chat_postMessage` and `hear`
is called from a `message` event with the thread's timestamp.
"""

from dataclasses import dataclass, field
from typing import Protocol

from router import Clarify, Decision, NoRoute, Redirect, Route, Router


class Transport(Protocol):
    """Where the bot speaks."""

    def post(self, thread: str, text: str) -> None:
        """Say something in a thread."""
        ...


@dataclass
class TriageBot:
    """One bot for all threads; `open` holds the question that a thread has yet to answer."""

    router: Router
    transport: Transport
    open: dict[str, Clarify] = field(default_factory=dict)

    def hear(self, thread: str, text: str) -> None:
        """Take one message of a thread, and say what follows."""
        asked = self.open.pop(thread, None)
        decision = self.router.answer(asked, text) if asked else self.router.route(text)
        if isinstance(decision, Clarify):
            self.open[thread] = decision
        self.transport.post(thread, in_words(decision))


def in_words(decision: Decision) -> str:
    """Say a decision to a person."""
    match decision:
        case Clarify(question=question):
            options = [f"{i}) {choice.label}" for i, choice in enumerate(question.options, start=1)]
            return "\n".join([question.text, *options])
        case Route(skills=skills, confidence=confidence):
            channels = ", then ".join(f"#{skill}" for skill in skills)
            return f"Over to {channels} ({confidence:.0%} sure)."
        case Redirect(packs=packs):
            return f"That is for {' and '.join(f'#{pack}' for pack in packs)}."
        case NoRoute(nearest=nearest):
            return f"Nobody here does that; the nearest is #{nearest}."
