"""A Model Context Protocol server over stdio: routing and skills for agents. Needs the extra mcp.

Standard output carries the protocol only: the SDK sends whatever else is written there to standard
error. The router loads while the server starts, so that a client does not give up during a first
fit.
"""

import os
import re
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec
from mcp.server.mcpserver import (
    AcceptedElicitation,
    Context,
    Elicit,
    ElicitationResult,
    MCPServer,
    Resolve,
)
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, Field, create_model

from router._version import installed_version
from router.decisions.decision import AskedQuestion, Clarify, Decision
from router.errors import RouterError
from router.mcp_records import (
    DecisionRecord,
    OptionRecord,
    ShortlistRecord,
    SkillList,
    SkillRecord,
    TurnRecord,
)
from router.packs.document import document_path, sections_of
from router.packs.faults import did_you_mean
from router.packs.pack import Pack
from router.router import Router
from router.shortlist.entries import shortlist_of

_INSTRUCTIONS = """\
Finds the skill documents that serve a request, and says when one detail must be asked first.
Call route_query with the user's own words, and with what the user said before as `history`, and act
on `action`. "route": read the skills with
read_skill, in the order given, and mention the neighbour packs; if `section` is not empty, that
section of the first skill's document holds the answer. "clarify": put `asks` and its
`options` to the user, then call answer_question with the reply in the user's own words, and with
`question`, `said`, `asked` and `options` exactly as you got them. "redirect" and "none": tell the
user so, and do not force a skill onto the request; if the reason is "acknowledged", the user only
thanks or says goodbye."""

_ELICITS_IN_RESULTS = "2026-07-28"
"""From this version of the protocol on, a question is part of the result of a call."""

_READ_ONLY = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)


class BackgroundRouter:
    """A router that loads in a background thread."""

    def __init__(self, load: Callable[[], Router]) -> None:
        self._load = load
        self._loaded: Future[Router] = Future()

    @asynccontextmanager
    async def lifespan(self, _: object) -> AsyncIterator["BackgroundRouter"]:
        """Start to load once the SDK keeps standard output for the protocol.

        When the server ends, it does not wait for the thread.
        """
        threading.Thread(target=self._run, daemon=True).start()
        yield self

    def _run(self) -> None:
        try:
            self._loaded.set_result(self._load())
        except BaseException as error:
            self._loaded.set_exception(error)

    def get(self) -> Router:
        """Wait until the router is loaded."""
        return self._loaded.result()

    @property
    def is_loading(self) -> bool:
        """Whether the thread still runs."""
        return not self._loaded.done()


@contextmanager
def _tool_errors() -> Iterator[None]:
    """Turn an error that the caller can correct into one that the model reads."""
    try:
        yield
    except RouterError as error:
        raise ToolError(str(error)) from error


def _elicitation(decision: Decision, ctx: Context[Any, Any]) -> Elicit[BaseModel] | None:
    """Make the form that asks the user, if a question is open and the client can show forms."""
    if not isinstance(decision, Clarify) or not _can_elicit(ctx):
        return None
    return Elicit(decision.question.text, _reply_form(decision.question))


_Asked: TypeAlias = Elicit[BaseModel] | BaseModel | None
"""A form that the SDK puts to the user, the filled form, or None if nobody is or can be asked."""


async def _ask(decision: Decision, ctx: Context[Any, Any]) -> _Asked:
    """Ask the user, if a question is open; where the client fails to, the question stays open."""
    form = _elicitation(decision, ctx)
    if form is None or (ctx.protocol_version or "") >= _ELICITS_IN_RESULTS:
        return form
    try:
        reply = await ctx.elicit(form.message, form.schema)
    except (MCPError, ValueError):
        return None
    return reply.data if isinstance(reply, AcceptedElicitation) else None


def _can_elicit(ctx: Context[Any, Any]) -> bool:
    """Tell whether the client can show a form; a bare `elicitation` means that it can."""
    capabilities = ctx.client_capabilities
    elicitation = None if capabilities is None else capabilities.elicitation
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def _reply_form(question: AskedQuestion) -> type[BaseModel]:
    """Make the form of a question: one option, or the user's own words, which have priority."""
    labels: dict[str, Any] = {"enum": [option.label for option in question.options]}
    option = Field(None, title="Answer", json_schema_extra=labels)
    words = Field(
        None, title="In your own words", description="Also: both, neither, or don't know."
    )
    return create_model("Reply", option=(str | None, option), words=(str | None, words))


def _after_elicitation(
    router: Router, decision: Decision, reply: ElicitationResult[Any]
) -> Decision:
    """Decide again with the user's reply; without one, the question stays open."""
    form = reply.data if isinstance(reply, AcceptedElicitation) else None
    words = form and ((form.words or "").strip() or form.option)
    return router.answer(decision, words) if isinstance(decision, Clarify) and words else decision


def _record_of(decision: Decision) -> DecisionRecord:
    record = decision.to_dict()
    record["said"] = record.pop("history", [])
    return DecisionRecord.model_validate({**record, "nearest": getattr(decision, "nearest", "")})


def _open_question(
    pack: Pack, question: str, said: list[str], asked: list[str], options: list[OptionRecord]
) -> Clarify:
    """Rebuild the open question from what the client gave back.

    :raises RouterError: The question is unknown, or there is no query before it.
    """
    if question not in pack.questions and not options:
        known = did_you_mean(question, pack.questions)
        raise RouterError(
            f"question must be an id that route_query gave, was {question!r}; {known}; if"
            " route_query made up the question, give back its options, too"
        )
    if not said:
        raise RouterError("said must hold the user's query, as route_query gave it; it was empty")
    return Clarify.from_dict(
        {
            "question": question,
            "asks": pack.questions[question].text if question in pack.questions else "",
            "options": [option.model_dump() for option in options],
            "history": said,
            "asked": [*(name for name in asked if name != question), question],
        }
    )


def _skill_file(
    pack: Pack, folder: Path, skill: str, file: str, section: str = ""
) -> CallToolResult:
    """Give a file of a skill's folder, or its document if no file is named, and name the others.

    If a section is named, that one alone is given.

    It is plain text, because a client shows structured content to its model a second time.

    :raises RouterError: There is no such skill, file or section, or the skill has no document.
    """
    if skill not in pack.skills:
        hint = did_you_mean(skill, pack.skills)
        raise RouterError(f"skill must be an id that list_skills gives, was {skill!r}; {hint}")
    document = document_path(folder, pack.skills[skill].document)
    if document is None:
        raise RouterError(f"{skill} has no document; its summary: {pack.skills[skill].summary}")
    home = document.parent
    inside = (path for path in home.rglob("*.md") if path.resolve().is_relative_to(home))
    files = sorted(path.relative_to(home).as_posix() for path in inside)
    file = file or document.name
    if file not in files:
        raise RouterError(f"{skill} has no file {file!r}; {did_you_mean(file, files)}")
    text = (home / file).read_text(encoding="utf-8", errors="replace")
    parts = [text]
    if section:
        sections = sections_of(text)
        if section not in sections:
            hint = did_you_mean(section, sections)
            raise RouterError(f"{file} of {skill} has no section {section!r}; {hint}")
        whole = f"This is one section; without `section` all of {file} is given."
        parts = [sections[section], whole]
    if others := [name for name in files if name != file]:
        parts.append(f"Other files that read_skill can give: {', '.join(others)}")
    return CallToolResult(content=[TextContent(type="text", text=part) for part in parts])


def _skill_list(pack: Pack, folder: Path) -> SkillList:
    """List a pack's skills in the order of its file."""
    skills = [
        SkillRecord(
            id=skill.id,
            category=skill.category,
            title=skill.title,
            summary=skill.summary,
            readable=document_path(folder, skill.document) is not None,
        )
        for skill in pack.skills.values()
    ]
    neighbours = {neighbour.id: neighbour.summary for neighbour in pack.neighbours.values()}
    return SkillList(
        pack=pack.file.id, summary=pack.file.summary, skills=skills, neighbours=neighbours
    )


def serve(load: Callable[[], Router], folder: Path) -> None:
    """Serve over standard input and output until the client closes its side.

    :param load: It is called once, in a thread of its own, when the server starts.
    :param folder: The pack's folder. The documents of skills are below it, or are the shipped ones.
    """
    background = BackgroundRouter(load)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends the process at once, also during a load
    _replace_lone_surrogates()
    _server(background, folder).run("stdio")
    if background.is_loading:
        os._exit(0)  # a usual end would abort the thread inside torch or onnxruntime


_ESCAPE = re.compile(rb"(\\u[dD][89abAB]..\\u[dD][c-fC-F]..)|(\\u[dD][89a-fA-F]..)|\\.", re.DOTALL)


def _replace_lone_surrogates() -> None:
    """Put a thread before standard input that replaces half characters.

    The SDK can't read a message that holds one, and then never answers it.
    """
    source = os.fdopen(os.dup(0), "rb")
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)

    def copy() -> None:
        with os.fdopen(writing, "wb", buffering=0) as target:
            for line in source:
                target.write(_ESCAPE.sub(lambda m: rb"\ufffd" if m[2] else m[0], line))

    threading.Thread(target=copy, daemon=True).start()


def _server(background: BackgroundRouter, folder: Path) -> MCPServer[BackgroundRouter]:
    server = MCPServer(
        "router",
        instructions=_INSTRUCTIONS,
        version=installed_version(),
        log_level="WARNING",
        lifespan=background.lifespan,
    )
    _add_routing(server, background)
    _add_reading(server, background, folder)
    return server


def _add_routing(server: MCPServer[BackgroundRouter], background: BackgroundRouter) -> None:
    """Add the tools that decide; the SDK runs the steps that `Resolve` names before the tool."""

    def first(query: str, history: list[str | TurnRecord] | None = None) -> Decision:
        said = [turn if isinstance(turn, str) else turn.model_dump() for turn in history or ()]
        with _tool_errors():
            return background.get().route(query, history=said or None)

    First = Annotated[Decision, Resolve(first)]

    async def ask(decision: First, ctx: Context[Any, Any]) -> _Asked:
        return await _ask(decision, ctx)

    Reply = Annotated[ElicitationResult[Any], Resolve(ask)]

    def second(decision: First, reply: Reply) -> Decision:
        with _tool_errors():
            return _after_elicitation(background.get(), decision, reply)

    Second = Annotated[Decision, Resolve(second)]

    async def ask_again(before: First, decision: Second, ctx: Context[Any, Any]) -> _Asked:
        return await _ask(decision, ctx) if decision is not before else None

    SecondReply = Annotated[ElicitationResult[Any], Resolve(ask_again)]

    @server.tool(title="Route a query", annotations=_READ_ONLY)
    def route_query(
        query: Annotated[str, Field(min_length=1, description="The request, in the user's words.")],
        decision: Second,
        reply: SecondReply,
        history: Annotated[
            list[str | TurnRecord] | None,
            Field(
                description="What the user said before in this conversation, the oldest first:"
                " texts, or texts with the skills and packs that they went to."
            ),
        ] = None,
    ) -> DecisionRecord:
        """Find the skills that serve a request, or the one question to ask first.

        With `history` a request such as "and for int4?" is read with what it leans on. A request
        that only thanks or says goodbye gives the action "none" with the reason "acknowledged".

        A client that supports elicitation puts the question to its user at once. Otherwise, or if
        the user declines, the question comes back as data, with the action "clarify".
        """
        with _tool_errors():
            return _record_of(_after_elicitation(background.get(), decision, reply))

    @server.tool(title="Answer a question", annotations=_READ_ONLY)
    def answer_question(
        question: Annotated[str, Field(description="The question's id.")],
        reply: Annotated[str, Field(min_length=1, description="The reply, in the user's words.")],
        said: Annotated[list[str], Field(description="`said`, as the last call gave it.")],
        asked: Annotated[
            list[str] | None, Field(description="`asked`, as the last call gave it.")
        ] = None,
        options: Annotated[
            list[OptionRecord] | None, Field(description="`options`, as the last call gave them.")
        ] = None,
    ) -> DecisionRecord:
        """Take the user's reply to a question, and decide again; at most one more question follows.

        A reply is the number or the label of an option, a paraphrase of one, "both", "neither",
        "don't know", or anything else that the user says.
        """
        with _tool_errors():
            router = background.get()
            clarify = _open_question(router.pack, question, said, asked or [], options or [])
            return _record_of(router.answer(clarify, reply) if reply.strip() else clarify)


def _add_reading(
    server: MCPServer[BackgroundRouter], background: BackgroundRouter, folder: Path
) -> None:
    @server.tool(title="List the skills for a request", annotations=_READ_ONLY)
    def shortlist_skills(
        query: Annotated[str, Field(min_length=1, description="The request, in the user's words.")],
        k: Annotated[int, Field(ge=1, description="How many at most.")] = 5,
    ) -> ShortlistRecord:
        """List the few skills that may serve a request, the likeliest first; none if none fits.

        Use it to choose yourself, and `route_query` to have it decided.
        """
        with _tool_errors():
            entries = shortlist_of(background.get(), query, k, folder.resolve())
            return ShortlistRecord(skills=msgspec.to_builtins(entries))

    @server.tool(title="List the skills", annotations=_READ_ONLY)
    def list_skills() -> SkillList:
        """List all skills with their categories and summaries, and the neighbour packs."""
        with _tool_errors():
            return _skill_list(background.get().pack, folder)

    @server.tool(title="Read a skill", annotations=_READ_ONLY)
    def read_skill(
        skill: Annotated[str, Field(description="The skill's id.")],
        file: Annotated[
            str, Field(description="A file of the skill's folder; SKILL.md if it is left out.")
        ] = "",
        section: Annotated[
            str, Field(description="A heading of that file, to get its section alone.")
        ] = "",
    ) -> CallToolResult:
        """Read a skill's document, or another file of its folder; the other files are named."""
        with _tool_errors():
            return _skill_file(background.get().pack, folder, skill, file, section)
