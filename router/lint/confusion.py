"""Warnings about skills, options and words that are easily confused, from their vectors."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import TypeAlias

from router.encoders.encoder import Encoder
from router.evaluation.pack_health import PackHealth, separating_question
from router.heads.similarity import Centroids
from router.lint.finding import Finding
from router.packs.pack import Pack
from router.skill_folders.phrases import COMMON_WORDS
from router.text import Phrases, words_of

Locate: TypeAlias = Callable[[str, str], tuple[str, int]]
"""Gives the file and line of a target's exemplar, or where the target is defined if it is ""."""

_CONFUSABLE_SHARE = 0.08
"""Two skills without a question between them are reported from this share of stray lines."""

_FAR_ASTRAY = 0.32
"""A line is reported if its cosine with another target exceeds that with its own by this much."""

_LOST_SHARE = 0.5
"""A skill is reported if it loses this share of its lines to others."""

_ALIKE = 0.85
"""Options are reported if the cosine of the centroids of their replies is at least this."""

_OFTEN = 0.1
"""A word belongs to a skill if this share of its lines contains it."""

_MIN_LINES_OF_WORD = 8

_SAME = 0.03
"""A word is ambiguous if its cosines with its two closest skills differ by less than this."""

_SHOWN = 3


def confusable_pairs(health: PackHealth, locate: Locate) -> Iterator[Finding]:
    """Report pairs of skills that take each other's lines and have no question between them."""
    for pair in health.pairs:
        if pair.question is None and pair.share >= _CONFUSABLE_SHARE and len(pair.strays) >= 2:
            shown = []
            for stray in pair.strays[:_SHOWN]:
                path, line = locate(stray.target, stray.text)
                shown.append(f"{path.rsplit('/', 1)[-1]}:{line} {stray.text!r}")
            yield _warning(
                "confusable-pair",
                locate(pair.strays[0].target, pair.strays[0].text),
                f"{pair.first} and {pair.second} will be confused: {pair.share:.0%} of their lines"
                f" lie closer to the other: {'; '.join(shown)}",
                "reword these lines, or write a question that leads to one or the other",
            )


def stray_lines(health: PackHealth, locate: Locate) -> Iterator[Finding]:
    """Report lines that lie far closer to another target than to their own."""
    for stray in health.strays:
        if stray.closer_similarity - stray.own_similarity >= _FAR_ASTRAY:
            yield _warning(
                "stray-exemplar",
                locate(stray.target, stray.text),
                f"{stray.text!r} is closer to {stray.closer_to} ({stray.closer_similarity:.2f})"
                f" than to its own {stray.target} ({stray.own_similarity:.2f})",
                f"move it there, or say what sets it apart from {stray.nearest!r}",
            )


def lost_skills(health: PackHealth, locate: Locate) -> Iterator[Finding]:
    """Report skills most of whose lines lead elsewhere: queries can hardly reach them."""
    takers: dict[str, Counter[str]] = defaultdict(Counter)
    first: dict[str, str] = {}
    for stray in health.strays:
        takers[stray.target][stray.closer_to] += 1
        first.setdefault(stray.target, stray.text)
    for target in health.targets:
        if target.n_strays >= _LOST_SHARE * target.n_exemplars:
            [(taker, _)] = takers[target.target].most_common(1)
            yield _warning(
                "unreachable-skill",
                locate(target.target, first[target.target]),
                f"{target.n_strays} of {target.n_exemplars} lines of {target.target} lead"
                f" elsewhere, most of them to {taker}",
                "give it lines in users' words that only it can serve, or merge the two",
            )


def alike_options(pack: Pack, encoder: Encoder, locate: Locate) -> Iterator[Finding]:
    """Report questions whose options can't be told apart by what users reply."""
    for question, replies in pack.exemplars.options.items():
        groups = {option: lines for option, lines in replies.items() if lines}
        if len(groups) < 2:
            continue
        centroids = _centroids(groups, encoder)
        cosines = centroids.similarities(centroids.vectors)
        for (i, first), (j, second) in combinations(enumerate(centroids.names), 2):
            if cosines[i, j] >= _ALIKE:
                yield _warning(
                    "options-alike",
                    locate(f"question:{question}", ""),
                    f"question {question}: replies for {first!r} and {second!r} are alike (cosine"
                    f" {cosines[i, j]:.2f})",
                    "give replies that only one of them can mean, or merge the options",
                )


def ambiguous_words(pack: Pack, encoder: Encoder, locate: Locate) -> Iterator[Finding]:
    """Report words that two or three skills use often and that no question asks about.

    Not reported are words that most skills use, since they name the subject of the pack, and words
    that by themselves lie clearly closer to one of their skills.
    """
    lines = pack.exemplars.skills
    shares = {skill: _word_shares(own) for skill, own in lines.items()}
    triggers = [Phrases.of(question.triggers) for question in pack.questions.values()]
    for word in sorted(set().union(*shares.values())):
        users = [skill for skill in lines if shares[skill].get(word, 0.0) >= _OFTEN]
        n_skills = sum(word in words for words in shares.values())
        is_ambiguous = (
            2 <= len(users) <= 3
            and 2 * n_skills <= len(lines)
            and any(separating_question(pack, *pair) is None for pair in combinations(users, 2))
            and not any(phrases.match([word]) for phrases in triggers)
        )
        if is_ambiguous and _lead(word, {user: lines[user] for user in users}, encoder) < _SAME:
            yield _warning(
                "ambiguous-word",
                locate(f"skill:{users[0]}", ""),
                f"{word!r} speaks for {' and '.join(users)} alike, and no question asks which",
                f"write a question for them, with {word!r} among its triggers",
            )


def _lead(word: str, groups: Mapping[str, Sequence[str]], encoder: Encoder) -> float:
    """How much higher the cosine of a word with its closest group is than with the next."""
    cosines = _centroids(groups, encoder).similarities(encoder.encode([word]))[0]
    *_, second, first = sorted(cosines.tolist())
    return float(first - second)


def _centroids(groups: Mapping[str, Sequence[str]], encoder: Encoder) -> Centroids:
    labels, texts = zip(*((n, line) for n, lines in groups.items() for line in lines), strict=True)
    return Centroids.of(encoder.encode(texts), labels)


def _word_shares(lines: Sequence[str]) -> dict[str, float]:
    """Give the share of the lines that contain a word, for words that are not too rare."""
    counts = Counter(
        word for line in lines for word in set(words_of(line)) - COMMON_WORDS if len(word) > 3
    )
    return {word: n / len(lines) for word, n in counts.items() if n >= _MIN_LINES_OF_WORD}


def _warning(rule: str, location: tuple[str, int], message: str, cure: str) -> Finding:
    return Finding("warning", rule, *location, message, cure)
