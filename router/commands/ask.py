"""Route one query, and ask back at a terminal."""

import sys
from typing import TYPE_CHECKING, Annotated, assert_never

import msgspec
import typer

from router.commands.common import CalibrationOption, EncoderOption, PackOption, load_router
from router.decisions.decision import Clarify, Decision, NoRoute, Redirect, Route

if TYPE_CHECKING:
    from router.explain import Explanation
    from router.packs.pack import Pack


def ask_command(
    text: Annotated[str, typer.Argument(help="The query; '-' reads it from standard input.")],
    pack: PackOption = None,
    encoder: EncoderOption = None,
    calibration: CalibrationOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Route one query; at a terminal, ask back when a detail is missing.

    Examples:
        router ask "quantize our BERT and serve it behind gRPC"

        router ask "my model is slow" --json
    """
    router = load_router(pack, encoder, calibration)
    decision = router.route(sys.stdin.read() if text == "-" else text)
    if json:
        typer.echo(msgspec.json.encode(decision.to_dict()).decode())
        return
    while isinstance(decision, Clarify):
        show(decision, router.pack)
        if not sys.stdin.isatty():
            return
        decision = router.answer(decision, typer.prompt("\nYour answer"))
    show(decision, router.pack)


def chat_command(pack: PackOption = None, encoder: EncoderOption = None) -> None:
    """Talk to the router: one query after the other, with its questions in between.

    An empty line or Ctrl-D ends it.
    """
    router = load_router(pack, encoder)
    typer.echo(
        f"{router.pack.file.title}: {router.pack.file.summary}\nAn empty line ends the chat."
    )
    asked: Clarify | None = None
    while line := _line("\nYour answer: " if asked else "\n> "):
        decision = router.answer(asked, line) if asked else router.route(line)
        show(decision, router.pack)
        asked = decision if isinstance(decision, Clarify) else None


def _line(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError:
        return ""


def show(decision: Decision, pack: "Pack") -> None:
    """Print a decision for a person."""
    match decision:
        case Clarify(question=question):
            typer.secho(question.text, bold=True)
            for place, choice in enumerate(question.options, start=1):
                typer.echo(f"  {place}. {choice.label}")
            return
        case Route(skills=skills):
            _show_route(decision, [(skill, pack.skills[skill].summary) for skill in skills])
        case Redirect(packs=packs):
            for one in packs:
                typer.secho(one, bold=True, nl=False)
                typer.echo(f"  (another pack) {pack.neighbours[one].summary}")
        case NoRoute(nearest=nearest):
            typer.secho(f"Nothing here serves that.{f' The nearest is {nearest}.' * bool(nearest)}")
        case _ as never:
            assert_never(never)
    typer.secho(f"{decision.confidence:.0%} sure. {decision.reason}", dim=True)


def _show_route(decision: Route, skills: list[tuple[str, str]]) -> None:
    for place, (skill, summary) in enumerate(skills, start=1):
        number = f"{place}. " if len(skills) > 1 else ""
        typer.secho(f"{number}{skill}", bold=True, nl=False)
        typer.echo(f"  {summary}")
    _show_beside(decision)


def _show_beside(decision: Route) -> None:
    if decision.packs:
        typer.echo(f"See also the pack {', '.join(decision.packs)}.")
    if decision.also_consider:
        typer.echo(f"Also consider {', '.join(decision.also_consider)}.")


def explain_command(
    text: Annotated[str, typer.Argument(help="The query.")],
    pack: PackOption = None,
    encoder: EncoderOption = None,
) -> None:
    """Show why a query goes where it goes: similarities, exemplars, questions and the rule.

    Example:
        router explain "it takes four seconds to answer"
    """
    from rich.markup import escape
    from rich.table import Table

    from router.commands.common import stdout
    from router.explain import explain

    router, console = load_router(pack, encoder), stdout()
    told = explain(router, text)
    targets = Table("target", "similarity", "probability", title="What it could be")
    for target in told.targets:
        targets.add_row(target.name, f"{target.similarity:.3f}", f"{target.probability:.3f}")
    console.print(targets)
    near = Table("exemplar", "of", "similarity", title="Closest exemplars")
    for one in told.nearest:
        near.add_row(escape(one.text), one.target, f"{one.similarity:.3f}")
    console.print(near)
    if told.questions:
        asks = Table("question", "probability", "trigger said", "answered", title="Questions")
        for row in told.questions:
            said = ", ".join(row.triggers) or "-"
            asks.add_row(row.id, f"{row.probability:.3f}", said, f"{row.answered:+.3f}")
        console.print(asks)
    _print_concerns(told)
    console.print(f"[bold]Rule:[/bold] {told.rule}")
    show(told.decision, router.pack)


def _print_concerns(explanation: "Explanation") -> None:
    """Print the skills that may be further concerns, and the clauses of the query."""
    from rich.markup import escape
    from rich.table import Table

    from router.commands.common import stdout

    if explanation.further_skills:
        table = Table("skill", "probability", title="Further concerns")
        for skill, probability in explanation.further_skills:
            table.add_row(skill, f"{probability:.3f}")
        stdout().print(table)
    if explanation.clauses:
        table = Table("clause", "likeliest skill", "probability", title="Clauses on their own")
        for clause in explanation.clauses:
            table.add_row(escape(clause.text), clause.skill, f"{clause.probability:.3f}")
        stdout().print(table)
