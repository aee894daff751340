"""What no validator sees: what a pack's exemplars say about each other."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from router.encoders.encoder import Encoder
from router.evaluation.health import PackHealth, Stray, separating_question
from router.heads.similarity import Centroids
from router.lint.finding import Finding
from router.packs.pack import Pack, Question
from router.skill_folders.phrases import COMMON_WORDS
from router.text import Phrases, words_of

Place = Callable[[str, str], tuple[str, int]]
"""Where a target's exemplar stands: file and line."""

SHARE = 0.08
"""From this share of strays on, two skills without a question between them are reported."""

FAR_ASTRAY = 0.32
"""A line whose cosine with another target is this much greater than with its own is reported."""

LOST = 0.5
"""A skill that loses this share of its lines to others can hardly be reached."""

ALIKE = 0.85
"""Options whose replies have centroids this close (a cosine) don't separate."""

OFTEN = 0.1
"""A word in this share of the lines of two skills or more, and of few others, is theirs."""

SAME = 0.03
"""A word whose cosines with two skills differ by less speaks for both."""

FEWEST_LINES = 8

SHOWN = 3


def confusable_pairs(health: PackHealth, place: Place) -> Iterator[Finding]:
    """Report pairs of skills that take each other's lines and have no question between them."""
    for pair in health.pairs:
        if pair.question is None and pair.share >= SHARE and len(pair.strays) >= 2:
            shown = "; ".join(f"{_where(one, place)} {one.text!r}" for one in pair.strays[:SHOWN])
            path, line = place(pair.strays[0].target, pair.strays[0].text)
            yield _warn(
                "confusable-pair",
                path,
                line,
                f"{pair.first} and {pair.second} will be confused: {pair.share:.0%} of their lines"
                f" lie closer to the other: {shown}",
                "reword these lines, or write a question that leads to one or the other",
            )


def stray_lines(health: PackHealth, place: Place) -> Iterator[Finding]:
    """Report lines that lie far closer to another target than to their own."""
    for stray in health.strays:
        if stray.other - stray.own >= FAR_ASTRAY:
            path, line = place(stray.target, stray.text)
            yield _warn(
                "stray-exemplar",
                path,
                line,
                f"{stray.text!r} is closer to {stray.closer_to} ({stray.other:.2f}) than to its own"
                f" {stray.target} ({stray.own:.2f})",
                f"move it there, or say what sets it apart from {stray.beside!r}",
            )


def lost_skills(health: PackHealth, place: Place) -> Iterator[Finding]:
    """Report skills most of whose lines lead elsewhere: queries can hardly reach them."""
    takers: dict[str, Counter[str]] = defaultdict(Counter)
    first: dict[str, str] = {}
    for stray in health.strays:
        takers[stray.target][stray.closer_to] += 1
        first.setdefault(stray.target, stray.text)
    for target in health.targets:
        if target.n_astray >= LOST * target.n_lines:
            path, line = place(target.target, first[target.target])
            taker, _ = takers[target.target].most_common(1)[0]
            yield _warn(
                "unreachable-skill",
                path,
                line,
                f"{target.n_astray} of {target.n_lines} lines of {target.target} lead elsewhere,"
                f" most of them to {taker}",
                "give it lines in users' words that only it can serve, or merge the two",
            )


def alike_options(pack: Pack, encoder: Encoder, place: Place) -> Iterator[Finding]:
    """Report questions whose options can't be told apart by what users reply."""
    for question in pack.questions.values():
        replies = pack.exemplars.options[question.id]
        rows = [(one, line) for one, lines in replies.items() for line in lines]
        if len({one for one, _ in rows}) >= 2:
            yield from _alike(question, rows, encoder, place)


def _alike(
    question: Question, rows: Sequence[tuple[str, str]], encoder: Encoder, place: Place
) -> Iterator[Finding]:
    vectors = encoder.encode([line for _, line in rows])
    centroids = Centroids.of(vectors, [one for one, _ in rows])
    cosines = centroids.similarities(centroids.vectors)
    path, line = place(f"question:{question.id}", "")
    for a, b in combinations(range(len(centroids.names)), 2):
        if cosines[a, b] >= ALIKE:
            yield _warn(
                "options-alike",
                path,
                line,
                f"question {question.id}: replies for {centroids.names[a]!r} and"
                f" {centroids.names[b]!r} are alike (cosine {cosines[a, b]:.2f})",
                "give replies that only one of them can mean, or merge the options",
            )


def ambiguous_words(pack: Pack, encoder: Encoder, place: Place) -> Iterator[Finding]:
    """Report words that two or three skills share, each often, that no question asks about.

    Words that most skills say are the pack's subject; and a word that by itself lies clearly closer
    to one of its skills is no ambiguity either.
    """
    lines = pack.exemplars.skills
    shares = {skill: _shares(group) for skill, group in lines.items()}
    known = [Phrases.of(question.triggers) for question in pack.questions.values()]
    candidates = {}
    for word in sorted(set().union(*shares.values())):
        users = [skill for skill in lines if shares[skill].get(word, 0.0) >= OFTEN]
        few = 2 <= len(users) <= 3 and 2 * sum(word in one for one in shares.values()) <= len(lines)
        pairs = combinations(users, 2)
        is_open = any(separating_question(pack, *pair) is None for pair in pairs)
        if few and is_open and not any(phrases.match([word]) for phrases in known):
            candidates[word] = users
    for word, users in candidates.items():
        if _lead(word, [lines[skill] for skill in users], encoder) < SAME:
            path, line = place(f"skill:{users[0]}", "")
            yield _warn(
                "ambiguous-word",
                path,
                line,
                f"{word!r} speaks for {' and '.join(users)} alike, and no question asks which",
                f"write a question for them, with {word!r} among its triggers",
            )


def _lead(word: str, groups: Sequence[Sequence[str]], encoder: Encoder) -> float:
    """How much closer (cosine) a word by itself lies to one group's centroid than to the next."""
    rows = [(str(place), line) for place, group in enumerate(groups) for line in group]
    vectors = encoder.encode([line for _, line in rows])
    centroids = Centroids.of(vectors, [label for label, _ in rows])
    cosines = sorted(centroids.similarities(encoder.encode([word]))[0].tolist())
    return float(cosines[-1] - cosines[-2])


def _shares(lines: Sequence[str]) -> dict[str, float]:
    """Share of the lines that say each word of four letters or more that is said often enough."""
    counts = Counter(
        word for line in lines for word in set(words_of(line)) - COMMON_WORDS if len(word) > 3
    )
    return {word: count / len(lines) for word, count in counts.items() if count >= FEWEST_LINES}


def _where(stray: Stray, place: Place) -> str:
    path, line = place(stray.target, stray.text)
    return f"{path.rsplit('/', 1)[-1]}:{line}"


def _warn(rule: str, path: str, line: int, message: str, cure: str) -> Finding:
    return Finding("warning", rule, path, line, message, cure)
