"""A Model Context Protocol server over stdio: routing and skills for agents. Needs the extra mcp.

The SDK keeps stdout for the protocol: whatever else is written there while it serves goes to
stderr. The router is loaded beside the handshake, so that a first fit makes no client give up.
"""

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import (
    AcceptedElicitation,
    Context,
    Elicit,
    ElicitationResult,
    MCPServer,
    Resolve,
)
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field, create_model

from router.decisions.decision import AskedQuestion, Clarify, Decision
from router.errors import RouterError
from router.packs.document import document_path
from router.packs.faults import did_you_mean
from router.packs.pack import Pack
from router.router import Router

INSTRUCTIONS = """\
Finds the skill documents that serve a request, and tells when one detail must be asked first.
Call route_query with the user's own words. "route": read the skills with read_skill, in the order
given; name the neighbour packs. "clarify": put `asks` and its `options` to the user, then call
answer_question with the reply in the user's own words, and `question`, `said`, `asked` and
`options` as they came. "redirect" and "none": say so plainly; do not force a skill onto it."""

READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)


class OfferedOption(BaseModel):
    """One answer to a question."""

    id: str
    label: str
    skills: list[str] = []
    packs: list[str] = []


class Exemplar(BaseModel):
    """An exemplar that spoke for the decision; `similarity` is a cosine in [-1, 1]."""

    target: str
    text: str
    similarity: float


class Decided(BaseModel):
    """Where a query goes, or what to ask first."""

    action: Literal["route", "clarify", "redirect", "none"]
    skills: list[str] = Field(description="Skills to read, in execution order.")
    packs: list[str] = Field(description="Neighbour packs: besides the skills, or instead of them.")
    question: str | None = Field(description="Id of the question that is open.")
    asks: str | None = Field(None, description="The question in words, for the user.")
    options: list[OfferedOption] = Field([], description="The answers to offer.")
    confidence: float = Field(description="Probability in [0, 1] that an expert would agree.")
    margin: float = Field(description="Probability of the best target less that of the next.")
    reason: str
    also_consider: list[str] = Field([], description="Worth a look afterwards, never required.")
    nearest: str = Field("", description="With none: the nearest skill there is.")
    categories: dict[str, float] = Field({}, description="Cosine with each category.")
    evidence: list[Exemplar] = Field([], description="The closest exemplars.")
    said: list[str] = Field([], description="The dialogue so far; hand it to answer_question.")
    asked: list[str] = Field([], description="Questions so far; hand it to answer_question.")


class SkillCard(BaseModel):
    """One skill of the pack."""

    id: str
    category: str
    title: str
    summary: str
    readable: bool = Field(description="Whether read_skill can give a document.")


class SkillList(BaseModel):
    """All skills and neighbours of a pack."""

    pack: str
    summary: str
    skills: list[SkillCard]
    neighbours: dict[str, str] = Field(description="Neighbour packs and what they are about.")


class Document(BaseModel):
    """A file of a skill's folder."""

    skill: str
    file: str
    text: str
    files: list[str] = Field(description="Further files that read_skill can give.")


class Desk:
    """A router that is still being loaded, perhaps; whoever needs it waits for it."""

    def __init__(self, load: Callable[[], Router]) -> None:
        self._load = load
        self._loaded: Future[Router] = Future()

    @asynccontextmanager
    async def opened(self, _: object) -> AsyncIterator["Desk"]:
        """Load in a thread, once stdout is the protocol's alone; an exit does not wait for it."""
        threading.Thread(target=self._fill, daemon=True).start()
        yield self

    def _fill(self) -> None:
        try:
            self._loaded.set_result(self._load())
        except BaseException as error:
            self._loaded.set_exception(error)

    @property
    def router(self) -> Router:
        """The router, once it is loaded."""
        return self._loaded.result()


@contextmanager
def faults_told() -> Iterator[None]:
    """Turn what the caller can put right into an error that the model reads."""
    try:
        yield
    except RouterError as error:
        raise ToolError(str(error)) from error


@dataclass(frozen=True)
class Interview:
    """One question as a step: whether to ask it through the client, and what the reply changes."""

    desk: Desk

    def decide(self, query: str) -> Decision:
        """Decide where a query goes."""
        with faults_told():
            return self.desk.router.route(query)

    def ask(self, decision: Decision, ctx: Context[Any, Any]) -> Elicit[BaseModel] | None:
        """Ask the user through the client, if something is open and the client can ask."""
        if not isinstance(decision, Clarify) or not can_elicit(ctx):
            return None
        return Elicit(decision.question.text, reply_form(decision.question))

    def hear(self, decision: Decision, reply: ElicitationResult[Any]) -> Decision:
        """Decide again with the reply; a declined question stays open, as data."""
        heard = reply.data if isinstance(reply, AcceptedElicitation) else None
        said = heard and (heard.words or heard.option)
        if not isinstance(decision, Clarify) or not said:
            return decision
        with faults_told():
            return self.desk.router.answer(decision, said)


def can_elicit(ctx: Context[Any, Any]) -> bool:
    """Tell whether the client can put a form to its user; a bare `elicitation` means it can."""
    capabilities = ctx.client_capabilities
    elicitation = None if capabilities is None else capabilities.elicitation
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def reply_form(question: AskedQuestion) -> type[BaseModel]:
    """Make the form for a question: one option, or the user's own words, which win."""
    labels: dict[str, Any] = {"enum": [choice.label for choice in question.options]}
    option = Field(None, title="Answer", json_schema_extra=labels)
    words = Field(None, title="In your own words", description="Also: both, neither, don't know.")
    return create_model("Reply", option=(str | None, option), words=(str | None, words))


def decided(decision: Decision) -> Decided:
    """Give a decision as the flat record, with the dialogue that a reply needs."""
    record = decision.to_dict()
    record["said"] = record.pop("history", [])
    return Decided.model_validate({**record, "nearest": getattr(decision, "nearest", "")})


def reopen(
    pack: Pack,
    question: str,
    said: list[str],
    asked: list[str],
    options: list[OfferedOption] | None = None,
) -> Clarify:
    """Rebuild the open question from what the client handed back.

    :param options: As route_query gave them; a question of the pack needs none.
    :raises RouterError: No such question, or nothing was said before it.
    """
    if question not in pack.questions and not options:
        known = did_you_mean(question, pack.questions)
        raise RouterError(
            f"question must be an id that route_query gave, was {question!r}; {known}; a question"
            " that is composed needs its options too, as route_query gave them"
        )
    if not said:
        raise RouterError("said must hold the user's query, as route_query gave it; it was empty")
    earlier = [name for name in asked if name != question]
    record = {
        "question": question,
        "asks": pack.questions[question].text if question in pack.questions else "",
        "options": [option.model_dump() for option in options or []],
        "history": said,
        "asked": [*earlier, question],
    }
    return Clarify.from_dict(record)


def document(pack: Pack, folder: Path, skill: str, file: str) -> Document:
    """Read a file of a skill's folder; without a name, its document.

    :raises RouterError: No such skill or file, or the skill has no document.
    """
    if skill not in pack.skills:
        near = did_you_mean(skill, pack.skills)
        raise RouterError(f"skill must be an id that list_skills gives, was {skill!r}; {near}")
    main = document_path(folder, pack.skills[skill].document)
    if main is None:
        raise RouterError(f"{skill} has no document; its summary: {pack.skills[skill].summary}")
    home = main.parent
    inside = (path for path in home.rglob("*.md") if path.resolve().is_relative_to(home))
    files = sorted(str(path.relative_to(home).as_posix()) for path in inside)
    file = file or main.name
    if file not in files:
        raise RouterError(f"{skill} has no file {file!r}; {did_you_mean(file, files)}")
    others = [one for one in files if one != file]
    text = (home / file).read_text(encoding="utf-8", errors="replace")
    return Document(skill=skill, file=file, text=text, files=others)


def skill_list(pack: Pack, folder: Path) -> SkillList:
    """List a pack's skills in the order of its file."""
    cards = [
        SkillCard(
            id=skill.id,
            category=skill.category,
            title=skill.title,
            summary=skill.summary,
            readable=document_path(folder, skill.document) is not None,
        )
        for skill in pack.skills.values()
    ]
    neighbours = {one.id: one.summary for one in pack.neighbours.values()}
    file = pack.file
    return SkillList(pack=file.id, summary=file.summary, skills=cards, neighbours=neighbours)


def build_server(load: Callable[[], Router], folder: Path) -> MCPServer[Desk]:
    """Build the server; `load` is called once, when it starts to serve, in a thread of its own.

    :param folder: The pack's folder; its skills' documents lie below it or are the shipped ones.
    """
    desk = Desk(load)
    server = MCPServer(
        "router",
        instructions=INSTRUCTIONS,
        version=version("router"),
        log_level="WARNING",
        lifespan=desk.opened,
    )
    _add_routing(server, desk)
    _add_reading(server, desk, folder)
    return server


def _add_routing(server: MCPServer[Desk], desk: Desk) -> None:
    talk = Interview(desk)

    def first(query: str) -> Decision:
        return talk.decide(query)

    Opening = Annotated[Decision, Resolve(first)]

    def question(decision: Opening, ctx: Context[Any, Any]) -> Elicit[BaseModel] | None:
        return talk.ask(decision, ctx)

    Reply = Annotated[ElicitationResult[Any], Resolve(question)]

    def second(decision: Opening, reply: Reply) -> Decision:
        return talk.hear(decision, reply)

    Following = Annotated[Decision, Resolve(second)]

    def follow_up(
        before: Opening, decision: Following, ctx: Context[Any, Any]
    ) -> Elicit[BaseModel] | None:
        return talk.ask(decision, ctx) if decision is not before else None

    FurtherReply = Annotated[ElicitationResult[Any], Resolve(follow_up)]

    @server.tool(title="Route a query", annotations=READS)
    def route_query(
        query: Annotated[str, Field(min_length=1, description="The request, in the user's words.")],
        decision: Following,
        reply: FurtherReply,
    ) -> Decided:
        """Find the skills that serve a request, or the one question to ask first.

        A client that supports elicitation puts the question to its user at once; else, or if the
        user declines, the question comes back as data: action "clarify".
        """
        return decided(talk.hear(decision, reply))

    @server.tool(title="Answer a question", annotations=READS)
    def answer_question(
        question: Annotated[str, Field(description="The question's id.")],
        reply: Annotated[str, Field(min_length=1, description="The reply, in the user's words.")],
        said: Annotated[list[str], Field(description="`said`, as the last call gave it.")],
        asked: Annotated[list[str] | None, Field(description="`asked`, likewise.")] = None,
        options: Annotated[
            list[OfferedOption] | None, Field(description="`options`, likewise.")
        ] = None,
    ) -> Decided:
        """Take the user's reply to a question, and decide again; at most one more question.

        A reply is an option's number or label, a paraphrase, "both", "neither", "don't know", or
        anything else the user said.
        """
        with faults_told():
            clarify = reopen(desk.router.pack, question, said, asked or [], options)
            return decided(desk.router.answer(clarify, reply))


def _add_reading(server: MCPServer[Desk], desk: Desk, folder: Path) -> None:
    @server.tool(title="List the skills", annotations=READS)
    def list_skills() -> SkillList:
        """List all skills with their categories and summaries, and the neighbour packs."""
        with faults_told():
            return skill_list(desk.router.pack, folder)

    @server.tool(title="Read a skill", annotations=READS)
    def read_skill(
        skill: Annotated[str, Field(description="The skill's id.")],
        file: Annotated[str, Field(description="A further file of `files`; else SKILL.md.")] = "",
    ) -> Document:
        """Read a skill's document, or a further file of its folder."""
        with faults_told():
            return document(desk.router.pack, folder, skill, file)
