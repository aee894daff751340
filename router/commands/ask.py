"""Decide single queries, and put questions to the user in a terminal."""

import sys
from typing import TYPE_CHECKING, Annotated, assert_never

import msgspec
import typer

from router.commands.options import (
    CalibrationOption,
    EncoderOption,
    PackOption,
    SecondLookOption,
    load_router,
)
from router.commands.output import print_text
from router.conversations.reader import ACKNOWLEDGED
from router.decisions.decision import Clarify, Decision, NoRoute, Redirect, Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from router.packs.pack import Pack


def ask_command(
    text: Annotated[str, typer.Argument(help="The query; '-' reads it from standard input.")],
    pack: PackOption = None,
    encoder: EncoderOption = None,
    second_look: SecondLookOption = None,
    calibration: CalibrationOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the decision as JSON.")] = False,
) -> None:
    """Decide where a query goes.

    If a detail is missing, the question is printed, and in a terminal you can answer it.

    Examples:

        router ask "quantize our BERT and serve it behind gRPC"

        router ask "my model is slow" --json
    """
    router = load_router(pack, encoder, calibration, second_look)
    decision = router.route(sys.stdin.read() if text == "-" else text)
    if json:
        print_text(msgspec.json.encode(decision.to_dict()).decode())
        return
    print_decision(decision, router.pack)
    while isinstance(decision, Clarify) and sys.stdin.isatty():
        decision = router.answer(decision, typer.prompt("\nYour answer"))
        print_decision(decision, router.pack)


def chat_command(
    pack: PackOption = None,
    encoder: EncoderOption = None,
    second_look: SecondLookOption = None,
    calibration: CalibrationOption = None,
) -> None:
    """Decide queries that you type, one after another.

    Each is read with those before it, as far as it needs them. An empty line or Ctrl-D ends the
    chat.

    Examples:

        router chat

        router chat --pack my-pack
    """
    router = load_router(pack, encoder, calibration, second_look)
    print_text(
        f"{router.pack.file.title}: {router.pack.file.summary}\nAn empty line ends the chat."
    )
    said: list[tuple[str, Decision]] = []
    while line := _read_line("\nYour answer: " if _is_asked(said) else "\n> "):
        decision = router.route(line, history=said)
        print_decision(decision, router.pack)
        said.append((line, decision))


def _is_asked(said: "Sequence[tuple[str, Decision]]") -> bool:
    return bool(said) and isinstance(said[-1][1], Clarify)


def _read_line(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError:
        return ""


def print_decision(decision: Decision, pack: "Pack") -> None:
    """Print a decision for a person."""
    match decision:
        case Clarify(question=question):
            print_text(question.text, bold=True)
            for number, option in enumerate(question.options, start=1):
                print_text(f"  {number}. {option.label}")
            return
        case Route():
            _print_route(decision, pack)
        case Redirect(packs=packs):
            for name in packs:
                _print_item(name, f"(another pack) {pack.neighbours[name].summary}")
        case NoRoute(reason=reason) if reason == ACKNOWLEDGED:
            print_text("You're welcome.")
            return
        case NoRoute(nearest=nearest):
            closest = f" The closest skill is {nearest}." if nearest else ""
            print_text(f"No skill fits this query.{closest}")
        case _ as never:
            assert_never(never)
    print_text(f"{decision.confidence:.0%} sure. {decision.reason}", dim=True)


def _print_route(route: Route, pack: "Pack") -> None:
    for number, skill in enumerate(route.skills, start=1):
        _print_item(f"{number}. " * (len(route.skills) > 1) + skill, pack.skills[skill].summary)
    if route.section:
        print_text(f'See section "{route.section}" of {route.skills[0]} first.')
    if route.packs:
        print_text(f"See also the pack {' and the pack '.join(route.packs)}.")
    if route.also_consider:
        print_text(f"Also consider {', '.join(route.also_consider)}.")


def _print_item(name: str, summary: str) -> None:
    print_text(name, bold=True, nl=False)
    print_text(f"  {summary}")


def explain_command(
    text: Annotated[str, typer.Argument(help="The query.")],
    history: Annotated[
        list[str] | None,
        typer.Option("--after", help="A turn that came before, the oldest first; repeatable."),
    ] = None,
    pack: PackOption = None,
    encoder: EncoderOption = None,
    second_look: SecondLookOption = None,
    calibration: CalibrationOption = None,
) -> None:
    """Show why a query goes where it goes.

    Similarities are cosines. "answered" tells how much the query says already of what a reply
    would say. The last lines name the rule that decided, and the decision. With --after, both
    readings are shown: of the query alone, and in context, and how much the second counts.

    Examples:

        router explain "it takes four seconds to answer"

        router explain "and to int4?" --after "how do I quantize BERT to int8"
    """
    from rich.markup import escape

    from router.commands.output import print_line, print_table
    from router.explain import explain

    router = load_router(pack, encoder, calibration, second_look)
    explanation = explain(router, text, history=history)
    if (context := explanation.context) is not None:
        readings = [(row.name, row.alone, row.in_context) for row in context.targets]
        print_table("Readings", ("target", "alone", "in context"), readings)
        print_line(f"The query needs what came before with a weight of {context.weight:.2f}.")
    if explanation.looks:
        looks = [(row.name, row.first, row.second) for row in explanation.looks]
        print_table("Second look", ("target", "first encoder", "second encoder"), looks)
    targets = [(row.name, row.similarity, row.probability) for row in explanation.targets]
    print_table("Likeliest targets", ("target", "similarity", "probability"), targets)
    exemplars = [
        (f"{escape(row.text)}\n[dim]{row.target}[/dim]", row.similarity)
        for row in explanation.nearest
    ]
    print_table("Closest exemplars", ("exemplar, and its target", "similarity"), exemplars)
    questions = [
        (row.id, ", ".join(row.triggers) or "-", row.probability, f"{row.answered:+.3f}")
        for row in explanation.questions
    ]
    clauses = [
        (f"{escape(row.text)}\n[dim]{row.skill}[/dim]", row.probability)
        for row in explanation.clauses
    ]
    for title, columns, rows in (
        ("Questions", ("question", "triggers found", "probability", "answered"), questions),
        ("Further skills", ("skill", "probability"), explanation.further_skills),
        ("Clauses", ("clause, and its likeliest skill", "probability"), clauses),
    ):
        if rows:
            print_table(title, columns, rows)
    print_line(f"[bold]Rule:[/bold] {escape(explanation.rule)}")
    print_decision(explanation.decision, router.pack)
