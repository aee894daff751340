"""What the MCP server gives and takes, as its schema tells it to the agent."""

from typing import Literal

from pydantic import BaseModel, Field


class OptionRecord(BaseModel):
    """One answer to a question, and the skills and packs that it leads to, as far as decided."""

    id: str
    label: str
    skills: list[str] = []
    packs: list[str] = []


class RankedRecord(BaseModel):
    """A skill or neighbour, and its probability among all of them."""

    id: str
    probability: float


class DecisionRecord(BaseModel):
    """Where a query goes, or what to ask first."""

    action: Literal["route", "clarify", "redirect", "none"]
    skills: list[str] = Field(description="Skills to read, in execution order.")
    section: str = Field("", description="The section to read first in the first skill's document.")
    packs: list[str] = Field(description="Neighbour packs: besides the skills, or instead of them.")
    question: str | None = Field(description="Id of the open question.")
    asks: str | None = Field(None, description="The question in words, for the user.")
    options: list[OptionRecord] = Field([], description="The answers to offer.")
    confidence: float = Field(description="Probability in [0, 1] that an expert would agree.")
    margin: float = Field(description="Probability of the best target minus that of the next one.")
    reason: str
    also_consider: list[str] = Field([], description="Worth a look afterwards, never required.")
    nearest: str = Field("", description="The closest skill, if the action is none.")
    categories: dict[str, float] = Field({}, description="Cosine with each category.")
    evidence: list[dict[str, str | float]] = Field(
        [], description="The closest exemplars: target, text and similarity (a cosine)."
    )
    ranking: list[RankedRecord] = Field([], description="The three likeliest, whatever is decided.")
    said: list[str] = Field([], description="What the user said so far, for answer_question.")
    asked: list[str] = Field([], description="Questions so far, for answer_question.")


class TurnRecord(BaseModel):
    """An earlier request of the user, and where it went, as far as that is known."""

    text: str
    skills: list[str] = []
    packs: list[str] = []


class SkillRecord(BaseModel):
    """One skill of the pack."""

    id: str
    category: str
    title: str
    summary: str
    readable: bool = Field(description="Whether read_skill has a document for it.")


class ShortlistRecord(BaseModel):
    """The skills that may serve a request, the likeliest first."""

    skills: list[dict[str, str | float]] = Field(
        description="For each `id`, `name`, `line` (what it does), `path` and `probability`."
    )


class SkillList(BaseModel):
    """All skills and neighbours of a pack."""

    pack: str
    summary: str
    skills: list[SkillRecord]
    neighbours: dict[str, str] = Field(description="Neighbour packs, and what each is about.")
