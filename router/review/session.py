"""A review as a value on disk: which queries are shown in which order, and the answers so far."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from router.decisions.outcome import Outcome
from router.errors import LogError, RouterError
from router.evaluation.decisions_file import RunFolder
from router.files import DamagedError, read_json, write_whole
from router.logs.labels import accepts
from router.packs.pack import Pack
from router.review.answers import Answer, AnswerFile
from router.review.drafts import (
    DRAFTS_FILE,
    Draft,
    draft_for_swaps,
    read_drafts,
    with_questions,
)
from router.review.estimate import Estimate, estimate
from router.review.labels import read_labelled
from router.review.log_texts import Choice
from router.review.selection import Selection, choose
from router.review.words import N_RECENT, why_chosen, worth_of_more
from router.router import Router

QUEUE_FILE, ANSWERS_FILE = "queue.json", "answers.jsonl"
DEFAULT_QUERIES = 200
_RANKED = 3


class Queue(Struct, frozen=True):
    """What is reviewed, written once.

    :param pack: The id of the pack.
    :param log: The hash of the log; empty for the log of a service, which grows.
    :param selection: The queries.
    :param ranked: For each query the ids of the likeliest targets.
    """

    pack: str
    log: str
    selection: Selection
    ranked: tuple[tuple[str, ...], ...]


class Target(Struct, frozen=True):
    """Something that can be answered: its id, its title for people, and what it is."""

    id: str
    title: str
    kind: str


class Card(Struct, frozen=True):
    """One query as it is shown.

    :param position: Its place in the queue, from 0.
    :param text: The query.
    :param why: Why it is shown, in one sentence.
    :param given: What the router decides, in words.
    :param likeliest: The likeliest targets, the likeliest first.
    """

    position: int
    text: str
    why: str
    given: str
    likeliest: tuple[Target, ...]


@dataclass
class Review:
    """A review that goes on. All that is needed for the next query is in memory.

    :param pack: The pack, with the drafted questions that were kept.
    :param queue: What is reviewed.
    :param answers: The answers so far.
    :param folder: Where the files are.
    :param drafts: The drafted questions that were decided, by pair; None for those dropped.
    """

    pack: Pack
    queue: Queue
    answers: AnswerFile
    folder: Path
    drafts: dict[str, Draft | None] = field(default_factory=dict)

    @classmethod
    def open(cls, run: str | Path, router: Router, n: int = DEFAULT_QUERIES) -> "Review":
        """Go on with the review of a run, or begin one.

        :param run: The folder of a run, or the file of a `DecisionLog`.
        :param router: The router whose pack is to be improved.
        :param n: How many queries a new review has.
        :raises LogError: The run or the review is of another pack.
        """
        folder = review_folder(Path(run))
        path = folder / QUEUE_FILE
        opened = RunFolder.open(run)
        if path.exists():
            queue = _read_queue(path, router)
            if queue.log != str(opened.settings.get("log_sha256", "")):
                raise LogError(
                    f"{folder}: the review of another log, whose run stood here before; move it"
                    " away, or evaluate into another folder with --out"
                )
        else:
            opened.check_pack(router)
            selection = choose(opened, n, router)
            ranked = router.rank_many([choice.text for choice in selection.choices], _RANKED)
            queue = Queue(
                router.pack.file.id,
                str(opened.settings.get("log_sha256", "")),
                selection,
                tuple(tuple(target.id for target in of_text) for of_text in ranked),
            )
            write_whole(path, msgspec.json.encode(queue))
        drafts = read_drafts(folder)
        pack = with_questions(router.pack, filter(None, drafts.values()))
        return cls(pack, queue, AnswerFile(folder / ANSWERS_FILE), folder, drafts)

    @property
    def choices(self) -> Sequence[Choice]:
        """The queries, in order."""
        return self.queue.selection.choices

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """All that can be answered, by kind."""
        file = self.pack.file
        return (
            *(Target(skill.id, skill.title, "route") for skill in file.skills),
            *(Target(pack.id, pack.title, "neighbour") for pack in file.neighbours),
            *(Target(question.id, question.text, "question") for question in file.questions),
        )

    @cached_property
    def _by_id(self) -> dict[str, Target]:
        return {target.id: target for target in reversed(self.targets)}

    @property
    def new_routes(self) -> tuple[str, ...]:
        """The labels of routes that were named during the review."""
        given = self.answers.by_text.values()
        return tuple(dict.fromkeys(str(answer.label) for answer in given if answer.new_route))

    def next_card(self) -> Card | None:
        """Give the first query without an answer; None if there is none."""
        for position, choice in enumerate(self.choices):
            if choice.text not in self.answers.by_text:
                return self.card(position)
        return None

    def card(self, position: int) -> Card:
        """Show one query."""
        choice = self.choices[position]
        likeliest = (self._by_id.get(target) for target in self.queue.ranked[position])
        return Card(
            position,
            choice.text,
            why_chosen(choice),
            self._given(choice),
            tuple(target for target in likeliest if target is not None),
        )

    def _given(self, choice: Choice) -> str:
        outcome = choice.outcome
        names = [
            self._by_id[target].title
            for target in (*outcome.skills, *outcome.packs)
            if target in self._by_id
        ]
        if outcome.action == "clarify":
            return "asks a question"
        return ", then ".join(names) if names else "none of ours"

    def answer(self, position: int, label: object, new_route: bool = False) -> None:
        """Label a query; the answer is on the disk when this returns.

        :raises RouterError: There is no such query, or the pack does not know the label.
        """
        text = self._text(position)
        read, unread = read_labelled(self.pack, [(text, label)])
        if not read and not unread:
            raise RouterError("an answer has a label, this one has none")
        if unread:
            raise RouterError(unread[0].reason)
        if read[0].new_route and not new_route:
            raise RouterError(f"the pack has no route {label!r}; answer with a new route instead")
        answer = Answer(text, "label", label, bool(read[0].new_route))
        if self.answers.by_text.get(text) != answer:  # an answer that is sent twice counts once
            self.answers.append(answer)

    def skip(self, position: int) -> None:
        """Leave a query out."""
        self.answers.append(Answer(self._text(position), "skip"))

    def undo(self) -> int | None:
        """Take the last answer back; give the position of its query, None if there is none."""
        of_queue = {choice.text: position for position, choice in enumerate(self.choices)}
        for text in reversed(self.answers.by_text):
            if text in of_queue:
                self.answers.append(Answer(text, "undo"))
                return of_queue[text]
        return None

    def add(self, pairs: Iterable[tuple[str, object]]) -> int:
        """Take labels that were given elsewhere; give how many there are."""
        given = [(text, label) for text, label in pairs]
        read, unread = read_labelled(self.pack, given)
        if unread:
            raise LogError(f"{unread[0].text!r}: {unread[0].reason}; nothing was taken")
        new = {line.text: line.new_route for line in read}
        answers = [
            Answer(text, "label", label, bool(new[" ".join(text.split())]))
            for text, label in given
            if " ".join(text.split()) in new
        ]
        known = self.answers.by_text
        fresh = [answer for answer in answers if known.get(answer.text) != answer]
        self.answers.extend(fresh)
        return len(fresh)

    def pairs(self) -> list[tuple[str, object]]:
        """Give each query of the queue with its label, None for one without."""
        by_text = self.answers.by_text
        return [
            (choice.text, by_text[choice.text].label if choice.text in by_text else None)
            for choice in self.choices
        ]

    def _text(self, position: int) -> str:
        if not 0 <= position < len(self.choices):
            raise RouterError(
                f"there is no query {position}, they count from 0 to {len(self.choices) - 1}"
            )
        return self.choices[position].text

    @property
    def right(self) -> dict[str, bool]:
        """For each labelled query, in the order of the answers, whether the decision was right."""
        given = {
            " ".join(text.split()): text for text in self.answers.by_text if text in self._outcomes
        }
        pairs = [(text, self.answers.by_text[text].label) for text in given.values()]
        lines, _ = read_labelled(self.pack, pairs)
        return {
            given[line.text]: accepts(
                line.gold, self._outcomes[given[line.text]], self.pack.precedence
            )
            for line in lines
        }

    @cached_property
    def _outcomes(self) -> dict[str, Outcome]:
        """What was decided for each query."""
        return {choice.text: choice.outcome for choice in self.choices}

    def progress(self) -> dict[str, Any]:
        """Tell how far the review is, and what it tells of the log so far."""
        right = self.right
        done = sum(choice.text in self.answers.by_text for choice in self.choices)
        left = len(self.choices) - done
        figures: Estimate = estimate(self.queue.selection, right)
        recent = deque(right.values(), N_RECENT)
        wrong = recent.count(False)
        return {
            "done": done,
            "total": len(self.choices),
            "lines": self.queue.selection.n_lines,
            "estimate": msgspec.to_builtins(figures),
            "worth": worth_of_more(left, wrong, len(recent)),
        }

    def draft(self) -> Draft | None:
        """Draft a question for two routes that the answers swap, unless it was decided before."""
        swaps: Counter[tuple[str, str]] = Counter()
        for answer in self.answers.by_text.values():
            outcome = self._outcomes.get(answer.text)
            if outcome is None or not isinstance(answer.label, str) or not outcome.skills:
                continue
            pair = tuple(sorted((answer.label, outcome.skills[0])))
            if pair[0] != pair[1] and all(skill in self.pack.skills for skill in pair):
                swaps[pair[0], pair[1]] += 1
        return draft_for_swaps(self.pack, swaps, self.drafts)

    def decide_draft(self, pair: str, draft: Draft | None) -> None:
        """Keep a drafted question as the person left it, or drop it (None).

        What is kept can be answered from now on, and `router learn` writes it into the pack.

        :raises RouterError: The question can't be asked as it is.
        """
        if draft is not None:
            self.pack = with_questions(self.pack, [draft])
            for name in ("targets", "_by_id"):
                self.__dict__.pop(name, None)
        self.drafts[pair] = draft
        content = msgspec.json.encode(self.drafts)
        write_whole(self.folder / DRAFTS_FILE, msgspec.json.format(content))


def review_folder(run: Path) -> Path:
    """Name the folder of the review of a run, or of a decision log."""
    return run.with_name(f"{run.stem}-review") if run.is_file() else run / "review"


def _read_queue(path: Path, router: Router) -> Queue:
    try:
        queue = read_json(path, Queue)
    except DamagedError as error:
        raise LogError(f"{error}; remove it to choose anew, the answers stay") from error
    if queue.pack != router.pack.file.id:
        raise LogError(
            f"{path}: a review of the pack {queue.pack}, this is {router.pack.file.id}; give that"
            " pack with --pack"
        )
    return queue
