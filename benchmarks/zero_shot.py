"""How well a folder of SKILL.md files routes queries that nobody wrote it for.

    python benchmarks/zero_shot.py FOLDER QUERIES.csv
    python benchmarks/zero_shot.py FOLDER --held-out

QUERIES is semantic-router's CSV: `utterance,expected_route`, the route being a skill's id. A user
who is asked picks the right option if it is there, and else says that none is. With `--held-out`
the queries are lines of the documents themselves: every third of those under "When to use" and the
like, taken out of them first. At the end, queries of up to 26 words are joined in pairs.
"""

import argparse
import csv
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from router import Clarify, Decision, Route, Router
from router.fitting.joined_queries import join_exemplars
from router.skill_folders.document_lines import body_lines, clean
from router.skill_folders.folder import read_folder

PAIRS, LONGEST = 200, 26
"""Joined queries, and the words of what is joined, at most."""


def option_of(asked: Clarify, wanted: str) -> str | None:
    """Find the option of a question that leads to a skill."""
    ids = (wanted, f"skill:{wanted}")
    return next((one.id for one in asked.question.options if one.id in ids), None)


def told(router: Router, decision: Decision, wanted: str, most: int = 2) -> Decision:
    """Answer what is asked, at most so often, as a user who knows the skill."""
    for _ in range(most):
        if isinstance(decision, Clarify):
            reply = option_of(decision, wanted) or "none of these"
            decision = router.answer(decision, reply)
    return decision


def skills_of(decision: Decision) -> tuple[str, ...]:
    """Name the skills that a decision leads to, in order."""
    return decision.skills if isinstance(decision, Route) else ()


def leads(decision: Decision) -> str | None:
    """Name the skill that a decision leads to first."""
    return next(iter(skills_of(decision)), None)


def joined(router: Router, rows: list[tuple[str, str]]) -> None:
    """Print how often both concerns of two joined queries are found, and a second one of one."""
    by_skill: dict[str, list[str]] = {}
    for text, wanted in rows:
        by_skill.setdefault(wanted, []).append(text)
    pairs = join_exemplars(by_skill, PAIRS, max_words=LONGEST)
    if not pairs:
        return
    found = [set(skills_of(one)) for one in router.route_many([text for text, _ in pairs])]
    both = np.mean([one == wanted for one, (_, wanted) in zip(found, pairs, strict=True)])
    some = np.mean([bool(one & wanted) for one, (_, wanted) in zip(found, pairs, strict=True)])
    single = router.route_many([text for text, _ in rows])
    needless = np.mean([len(skills_of(one)) > 1 for one in single])
    print(f"{len(pairs)} joined pairs: exactly both {both:.3f}, one at least {some:.3f}")
    print(f"a second skill where there is one concern {needless:.3f}")


def main() -> int:
    """Print the share right first and within three, what is decided, and each miss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("queries", type=Path, nargs="?")
    parser.add_argument("--held-out", action="store_true", help="ask with lines of the documents")
    parser.add_argument("--misses", action="store_true", help="print each query not right first")
    args = parser.parse_args()
    if args.held_out == bool(args.queries):
        parser.error("give QUERIES.csv or --held-out")
    if args.held_out:
        with tempfile.TemporaryDirectory() as made:
            rows = hold_out(args.folder, Path(made))
            router = Router.load(made)
    else:
        rows, router = read_queries(args.queries), Router.load(args.folder)
    return report(router, rows, args)


def read_queries(path: Path) -> list[tuple[str, str]]:
    """Read queries and the skills that serve them."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["utterance"], row["expected_route"]) for row in csv.DictReader(file)]


def hold_out(folder: Path, made: Path) -> list[tuple[str, str]]:
    """Copy documents without every third line that says when to use them; give these lines."""
    held = []
    for skill in read_folder(folder).skills:
        lines = skill.document.text.split("\n")
        texts = [clean(line.text for line in body_lines(raw)) for raw in lines]
        uses = [i for i, text in enumerate(texts) if set(text) & set(skill.lines.listed_uses)]
        gone = set(uses[1::3])
        path = made / skill.path
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [line for i, line in enumerate(lines) if i not in gone]
        path.write_text("\n".join(kept), encoding="utf-8")
        held += [(texts[i][0], skill.id) for i in sorted(gone)]
    if not held:
        raise SystemExit(f"{folder}: no document lists when to use it")
    return held


def report(router: Router, rows: list[tuple[str, str]], args: argparse.Namespace) -> int:
    """Print how often the right skill is found."""
    if unknown := {wanted for _, wanted in rows} - set(router.pack.skills):
        raise SystemExit(f"{args.queries}: no such skill in {args.folder}: {sorted(unknown)}")
    texts, skills = [text for text, _ in rows], list(router.pack.skills)
    evidence, _ = router.evidence_and_result(texts)
    shares = evidence.probabilities[:, router.model.layout.skills]  # (n_texts, n_skills)
    places = np.array([skills.index(wanted) for _, wanted in rows])
    ranked = np.argsort(-shares, axis=1, kind="stable")
    ranks = (ranked == places[:, None]).argmax(axis=1)  # 0: the right skill is the likeliest
    decisions = router.route_many(texts)
    pairs = list(zip(decisions, (wanted for _, wanted in rows), strict=True))
    actions = Counter(str(one.to_dict()["action"]) for one in decisions)
    asked = [(one, wanted) for one, wanted in pairs if isinstance(one, Clarify)]
    offered = [option_of(one, wanted) is not None for one, wanted in asked]
    options = [len(one.question.options) for one, _ in asked]
    ended = [leads(told(router, one, wanted)) == wanted for one, wanted in pairs]
    print(f"{len(skills)} skills, {len(rows)} queries")
    print(f"first {np.mean(ranks == 0):.3f}, within three {np.mean(ranks < 3):.3f}")
    unasked = np.mean([leads(one) == wanted for one, wanted in pairs])
    print(f"decided: {dict(actions)}; routed there first without a question {unasked:.3f}")
    if asked:
        print(f"asked {len(asked) / len(rows):.3f}, the right one offered {np.mean(offered):.3f}")
        print(f'options {np.mean(options):.1f}, with "none of these"')
    print(f"routed there first in the end {np.mean(ended):.3f}")
    joined(router, rows)
    if args.misses:
        for (text, wanted), rank, best in zip(rows, ranks, ranked[:, :3], strict=True):
            if rank:
                print(f"{wanted} at {rank + 1}, first {[skills[i] for i in best]}: {text}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
