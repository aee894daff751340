"""Turn labels into exemplars, keep a fifth of them out, and measure on those what it brings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import msgspec
import numpy as np

from router.calibration.from_labels import exemplar_target, with_exemplars
from router.decisions.outcome import Outcome
from router.encoders.default import EncoderLike
from router.errors import RouterError
from router.evaluation.share_change import gain_of, mcnemar
from router.logs.labels import Gold, accepts
from router.packs.faults import MIN_EXEMPLARS
from router.packs.labels import id_of_label
from router.packs.pack import Pack
from router.packs.parts import Skill
from router.review.drafts import Draft, with_questions
from router.review.labels import LabelledText, Refused, read_labelled
from router.review.vetting import vetted
from router.router import Router
from router.statistics.figure import NO_FIGURE, Figure

_CHECK_EVERY = 5
"""One labelled line in this many is kept out as a check."""

_CHANCE = 0.05
"""A change is more than chance if McNemar's test gives it a lower p-value."""


@dataclass(frozen=True)
class Learned:
    """A pack that has learnt labels, and what that brings.

    :param pack: The new pack. Nothing is written.
    :param before: The figures of the old pack on the checks: "accepted", "silently_wrong" and
        "asked", each with its interval.
    :param after: The figures of the new pack on the same checks.
    :param added: The lines that became exemplars.
    :param refused: The lines that were set aside, with reasons.
    :param masked: The lines in which personal data was masked, as they were before.
    :param checks: The lines that were kept out now and before. They are never learned from.
    :param new_checks: The checks that were kept out this time.
    :param new_routes: The titles of the routes that the old pack lacks, by id.
    :param new_questions: The texts of the questions that the old pack lacks, by id.
    :param right_before: For each check, whether the old pack decides it acceptably.
    :param right_after: For each check, whether the new pack does.
    """

    pack: Pack
    before: dict[str, Figure]
    after: dict[str, Figure]
    added: tuple[LabelledText, ...]
    refused: tuple[Refused, ...]
    masked: tuple[str, ...]
    checks: tuple[LabelledText, ...]
    new_checks: tuple[LabelledText, ...]
    new_routes: dict[str, str]
    new_questions: dict[str, str]
    right_before: tuple[bool, ...]
    right_after: tuple[bool, ...]

    @property
    def n_better(self) -> int:
        """How many checks are accepted after, and not before."""
        return sum(after and not before for before, after in self._pairs)

    @property
    def n_worse(self) -> int:
        """How many checks are accepted before, and not after."""
        return sum(before and not after for before, after in self._pairs)

    @property
    def _pairs(self) -> list[tuple[bool, bool]]:
        return list(zip(self.right_before, self.right_after, strict=True))

    @property
    def p_value(self) -> float:
        """The p-value of McNemar's exact test that better and worse are equally likely."""
        return mcnemar(self.n_better, self.n_worse)

    @cached_property
    def gain(self) -> Figure:
        """The share accepted after less that accepted before, with its interval."""
        n = len(self.checks)
        return gain_of(self.n_better, self.n_worse, n) if n else NO_FIGURE

    @property
    def got_worse(self) -> bool:
        """Whether fewer checks are accepted than before, beyond chance."""
        return self.n_worse > self.n_better and self.p_value < _CHANCE


def learn(
    pack: Pack | Router,
    labels: Iterable[tuple[str, object]],
    *,
    checks: Iterable[tuple[str, object]] = (),
    questions: Iterable[Draft] = (),
    encoder: EncoderLike | None = None,
) -> Learned:
    """Make exemplars of labelled lines, and measure the gain on a fifth of them that is kept out.

    Nothing is written. The same lines always give the same result. A line with several skills
    becomes an exemplar that they share.

    :param pack: The pack, or a router that has it.
    :param labels: (text, label) pairs. A label is the id or title of a skill or neighbour, the id
        of a question, "none", a list of skills, or a mapping as in a labelled log. Any other text
        is the label of a new route, which needs at least three lines.
    :param checks: Lines that were kept out before; they stay out, and are measured too.
    :param questions: Drafted questions that a person has kept. Their exemplars are the lines for
        which they are the label, and those for which any question is, if they part the two
        likeliest routes; the drafted ones where these are fewer than three.
    :param encoder: As of `Router.load`; that of the router is used if one is given.
    :raises RouterError: The labels are no pairs, or the new pack has faults.
    """
    router = pack if isinstance(pack, Router) else Router.load(pack, encoder=encoder)
    drafts = [draft for draft in questions if draft.id not in router.pack.questions]
    pack = with_questions(router.pack, drafts)
    result = vetted(pack, router.encoder, labels)
    refused, old_checks = result.refused, _old_checks(pack, checks)
    kept_out = {line.key for line in old_checks}
    candidates = [line for line in result.kept if line.key not in kept_out]
    candidates = _asked_by_drafts(router, pack, drafts, candidates)
    learnable = [line for line in candidates if _is_learnable(pack, line)]
    learned, new_checks = _enough(*_split(learnable), refused)
    new_checks += [line for line in candidates if not _is_learnable(pack, line)]
    learned += _filling(drafts, learned)
    new = _with_routes(router, pack, learned)
    new = with_exemplars(new, [line.text for line in learned], [line.gold for line in learned])
    if faults := new.faults():
        raise RouterError("the pack would have faults:\n" + "\n".join(map(str, faults)))
    all_checks = (*old_checks, *new_checks)
    old_ids = set(router.pack.skills)
    after_router = Router.load(new, encoder=router.encoder) if learned else router
    before, right_before = _measured(router, all_checks)
    after, right_after = _measured(after_router, all_checks)
    return Learned(
        pack=new,
        before=before,
        after=after,
        added=tuple(learned),
        refused=tuple(refused),
        masked=tuple(result.masked),
        checks=all_checks,
        new_checks=tuple(new_checks),
        new_routes={skill.id: skill.title for skill in new.file.skills if skill.id not in old_ids},
        new_questions={draft.id: draft.text for draft in drafts},
        right_before=tuple(right_before.tolist()),
        right_after=tuple(right_after.tolist()),
    )


def _old_checks(pack: Pack, checks: Iterable[tuple[str, object]]) -> list[LabelledText]:
    read, unread = read_labelled(pack, checks)
    if unread:
        first = unread[0]
        raise RouterError(
            f"{len(unread)} checks can't be read; the first, {first.text!r}: {first.reason}; mend"
            " or remove it"
        )
    return list({line.key: line for line in read}.values())


def _split(lines: Sequence[LabelledText]) -> tuple[list[LabelledText], list[LabelledText]]:
    """Keep a fifth out: always the same texts, whatever the order of the lines."""
    by_hash = sorted(lines, key=lambda line: blake2b(line.key.encode(), digest_size=8).digest())
    out = {line.key for line in by_hash[: round(len(lines) / _CHECK_EVERY)]}
    learned = [line for line in lines if line.key not in out]
    return learned, [line for line in lines if line.key in out]


def _enough(
    learned: Sequence[LabelledText], kept_out: Sequence[LabelledText], refused: list[Refused]
) -> tuple[list[LabelledText], list[LabelledText]]:
    """See that a new route has enough lines: those kept out of it too, if it lacks them."""
    routes = {line.new_route for line in (*learned, *kept_out) if line.new_route}
    learned, kept_out = list(learned), list(kept_out)
    for route in sorted(routes):
        ours = [line for line in learned if line.new_route == route]
        spare = [line for line in kept_out if line.new_route == route]
        n_all = len(ours) + len(spare)
        if n_all < MIN_EXEMPLARS:
            reason = f"a new route needs at least {MIN_EXEMPLARS} lines, {route!r} has {n_all}"
            refused += [Refused(line.text, line.label, reason) for line in (*ours, *spare)]
            learned = [line for line in learned if line.new_route != route]
            kept_out = [line for line in kept_out if line.new_route != route]
        elif len(ours) < MIN_EXEMPLARS:
            learned += spare[: MIN_EXEMPLARS - len(ours)]
            kept_out = [line for line in kept_out if line not in learned]
    return learned, kept_out


def _asked_by_drafts(
    router: Router, pack: Pack, drafts: Sequence[Draft], lines: Sequence[LabelledText]
) -> list[LabelledText]:
    """Where the label is any question, make it the drafted one that parts the likeliest routes."""
    of_pair = {frozenset(draft.options): draft.id for draft in drafts}

    def asked(line: LabelledText) -> LabelledText:
        if line.gold.action != "clarify" or line.gold.question in pack.questions:
            return line
        pair = frozenset(target.id for target in router.rank(line.text, 2))
        if pair not in of_pair:
            return line
        gold = msgspec.structs.replace(line.gold, question=of_pair[pair])
        return msgspec.structs.replace(line, gold=gold)

    return [asked(line) for line in lines] if drafts else list(lines)


def _filling(drafts: Sequence[Draft], learned: Sequence[LabelledText]) -> list[LabelledText]:
    """Give the drafted exemplars that a question needs beside those of the labels."""
    lines: list[LabelledText] = []
    for draft in drafts:
        n_missing = MIN_EXEMPLARS - sum(line.gold.question == draft.id for line in learned)
        gold = Gold("clarify", question=draft.id)
        lines += [
            LabelledText(text, gold, draft.id) for text in draft.exemplars[: max(n_missing, 0)]
        ]
    return lines


def _with_routes(router: Router, pack: Pack, lines: Sequence[LabelledText]) -> Pack:
    """Add the new routes, each in the category that its lines are closest to."""
    routes = dict.fromkeys(line.new_route for line in lines if line.new_route)
    if not routes:
        return pack
    categories = router.model.categories
    skills, exemplars = list(pack.file.skills), dict(pack.exemplars.skills)
    for route in routes:
        texts = [line.text for line in lines if line.new_route == route]
        similarities = categories.similarities(router.encoder.encode(texts)).mean(axis=0)
        category = categories.names[int(similarities.argmax())]
        skills.append(Skill(id_of_label(route), category, title=route, summary=route))
        exemplars[id_of_label(route)] = ()
    replace = msgspec.structs.replace
    return replace(
        pack,
        file=replace(pack.file, skills=tuple(skills)),
        exemplars=replace(pack.exemplars, skills=exemplars),
    )


def _is_learnable(pack: Pack, line: LabelledText) -> bool:
    """Tell whether a line has what an exemplar has; others serve as checks only."""
    return line.gold.asks_for_several or exemplar_target(pack, line.gold) is not None


def _measured(
    router: Router, checks: Sequence[LabelledText]
) -> tuple[dict[str, Figure], np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Decide the checks; give the figures, and which of them are accepted. Shape: (n_checks,)."""
    outcomes = outcomes_of(router, [line.text for line in checks])
    precedence = router.pack.precedence
    pairs = list(zip(checks, outcomes, strict=True))
    right = np.array([accepts(line.gold, given, precedence) for line, given in pairs], dtype=bool)
    asks = np.array([given.action == "clarify" for given in outcomes], dtype=bool)
    n = len(checks)
    figures = {
        "accepted": Figure.of_share(int(right.sum()), n),
        "silently_wrong": Figure.of_share(int((~right & ~asks).sum()), n),
        "asked": Figure.of_share(int(asks.sum()), n),
    }
    return figures, right


def outcomes_of(router: Router, texts: Sequence[str]) -> list[Outcome]:
    """Decide some texts; give the outcome of each."""
    if not texts:
        return []
    batch = router.outcomes(texts)
    return [batch.outcomes[index] for index in batch.indices.tolist()]
