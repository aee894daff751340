"""What each figure of `metrics.json` counts: hand-worked cases of a label and a decision."""

import json
from pathlib import Path

import numpy as np
import pytest

from router.decisions.outcome import Outcome, OutcomeBatch
from router.evaluation import evaluate
from router.packs.pack_file import load_pack

PACK = load_pack(Path(__file__).parents[1] / "golden" / "packs" / "parcel-help")
SHARES = (
    *(
        "accepted",
        "silently_wrong",
        "right_in_the_end",
        "asked",
        "ask_precision",
        "ask_recall",
        "needless",
        "missed",
    ),
    *("right_question", "skill_when_routed", "category_when_routed", "multi_exact_in_order"),
    *("packs_named_too", "redirect_right", "none_recall", "none_precision"),
)
LISTED = 100


class _Unnamed:
    """Stands for what a run only names: encoder and model."""

    def __getattr__(self, name):
        return "stub"


class ScriptedRouter:
    """Decides what the text says: "0.9 route refund +bank", or "0.9 clarify abroad ?refund"."""

    pack, encoder, model, calibration = PACK, _Unnamed(), _Unnamed(), None

    def outcomes(self, texts):
        decisions = [self._decision(*text.split()) for text in texts]
        different = list(dict.fromkeys(decision for decision, _ in decisions))
        return OutcomeBatch(
            outcomes=tuple(different),
            indices=np.array([different.index(decision) for decision, _ in decisions]),
            confidence=np.array([confidence for _, confidence in decisions], dtype=np.float32),
            margin=np.zeros(len(texts), dtype=np.float32),
        )

    def route_arrow(self, texts):
        return self.outcomes(texts).to_arrow()

    @staticmethod
    def _decision(confidence, action, *names):
        packs = [name[1:] for name in names if name.startswith("+")]
        plain = [name for name in names if not name.startswith(("+", "#", "?"))]
        outcome = Outcome(
            action=action,
            skills=tuple(plain if action == "route" else ()),
            packs=tuple(plain if action == "redirect" else packs),
            question=plain[0] if action == "clarify" else None,
            offered=tuple(name[1:] for name in names if name.startswith("?")),
        )
        return outcome, float(confidence)


def metrics_of(folder, rows):
    """Evaluate (text, label) rows; a label of None is left out."""
    log = folder / "log.jsonl"
    records = [{"text": text} | ({"label": label} if label else {}) for text, label in rows]
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    evaluate(ScriptedRouter(), log, folder / "run", cache=False)
    return json.loads((folder / "run" / "metrics.json").read_text())


def route(*skills, **more):
    return {"action": "route", "skills": skills} | more


def redirect(*packs, **more):
    return {"action": "redirect", "packs": packs} | more


def ask(question=None, **more):
    return {"action": "clarify", "question": question} | more


def none(**more):
    return {"action": "none"} | more


MAY_ASK = {"ok_actions": ["clarify"]}
ANY_OF_MONEY = {"action": "route", "ok_skills": ["refund", "invoice"]}
TRACK_THEN_REFUND = route("track-parcel", "refund")  # the pack's order
FREE_ORDER = route("invoice", "send-parcel")  # the pack orders neither before the other

# Each: a decision, a label, the figures that count it as a hit, and those that count it as none.
# Every other figure leaves the line out.
CASES = [
    # One skill is right
    ("route refund", route("refund"), "accepted skill category", "silent asked needless"),
    ("route invoice", route("refund"), "silent category", "accepted skill asked needless"),
    ("route customs", route("refund"), "silent", "accepted skill category asked needless"),
    (
        "route invoice",
        route("refund", ok_skills=["invoice"]),  # alone enough, where one is required
        "accepted skill category",
        "silent asked needless",
    ),
    (
        "route customs",
        route("refund", ok_skills=["customs"]),
        "accepted skill category",
        "silent asked needless",
    ),
    (  # one more than is acceptable; the first counts for `skill_when_routed`
        "route refund customs",
        route("refund"),
        "silent skill category",
        "accepted asked needless",
    ),
    (
        "route customs refund",
        route("refund"),
        "silent category",
        "accepted skill asked needless",
    ),
    (
        "route refund customs",
        route("refund", ok_skills=["customs"]),
        "accepted skill category",
        "silent asked needless",
    ),
    (
        "clarify what-is-wrong",
        route("refund"),
        "asked needless",
        "accepted silent ask_precision",
    ),
    ("clarify what-is-wrong", route("refund", **MAY_ASK), "accepted asked ask_precision", "silent"),
    ("route refund", route("refund", **MAY_ASK), "accepted skill category", "silent asked"),
    ("route customs", route("refund", **MAY_ASK), "silent", "accepted skill category asked"),
    ("redirect bank", route("refund"), "silent", "accepted asked needless"),
    (
        "redirect bank",
        route("refund", ok_actions=["redirect"], ok_packs=["bank"]),
        "accepted",
        "silent asked needless",
    ),
    ("none", route("refund"), "silent", "accepted asked needless none_precision"),
    (
        "none",
        route("refund", ok_actions=["none"]),
        "accepted none_precision",
        "silent asked needless",
    ),
    # Any skill of some is right
    ("route refund", ANY_OF_MONEY, "accepted category", "silent asked needless"),
    ("route refund invoice", ANY_OF_MONEY, "accepted category", "silent asked needless"),
    ("route refund customs", ANY_OF_MONEY, "silent category", "accepted asked needless"),
    ("route customs", ANY_OF_MONEY, "silent", "accepted category asked needless"),
    ("route refund", "money", "accepted category", "silent asked needless"),
    # Several skills are right
    (
        "route track-parcel refund",
        TRACK_THEN_REFUND,
        "accepted multi category",
        "silent asked needless",
    ),
    (
        "route refund track-parcel",
        TRACK_THEN_REFUND,
        "silent category",
        "accepted multi asked needless",
    ),
    (
        "route track-parcel",
        TRACK_THEN_REFUND,
        "silent category",
        "accepted multi asked needless",
    ),
    (
        "route track-parcel refund invoice",
        TRACK_THEN_REFUND,
        "silent category",
        "accepted multi asked needless",
    ),
    (
        "route track-parcel refund invoice",
        TRACK_THEN_REFUND | {"ok_skills": ["invoice"]},
        "accepted multi category",
        "silent asked needless",
    ),
    ("route customs", TRACK_THEN_REFUND, "silent", "accepted multi category asked needless"),
    (
        "route send-parcel invoice",
        FREE_ORDER,
        "accepted multi category",
        "silent asked needless",
    ),
    (
        "clarify what-is-wrong",
        TRACK_THEN_REFUND,
        "asked needless",
        "accepted silent multi ask_precision",
    ),
    (
        "clarify what-is-wrong",
        TRACK_THEN_REFUND | MAY_ASK,
        "accepted asked ask_precision multi",
        "silent",
    ),
    # Neighbours are named beside a route
    (
        "route refund +bank",
        route("refund", packs=["bank"]),
        "accepted skill category packs",
        "silent asked needless",
    ),
    (
        "route refund +letters",
        route("refund", packs=["bank"]),
        "accepted skill category",
        "packs silent asked needless",
    ),
    (
        "route refund",
        route("refund", packs=["bank"]),
        "accepted skill category",
        "packs silent asked needless",
    ),
    (
        "route refund +letters",
        route("refund", packs=["bank", "letters"]),
        "accepted skill category packs",
        "silent asked needless",
    ),
    (
        "route refund +bank",
        route("refund", ok_packs=["bank"]),
        "accepted skill category",
        "silent asked needless",
    ),
    ("redirect bank", route("refund", packs=["bank"]), "silent", "accepted asked needless"),
    # A redirect is right
    ("redirect bank", redirect("bank"), "accepted redirect", "silent asked needless"),
    ("redirect letters", redirect("bank"), "silent", "accepted redirect asked needless"),
    ("redirect letters bank", redirect("bank"), "accepted redirect", "silent asked needless"),
    (
        "redirect letters",
        redirect("bank", ok_packs=["letters"]),
        "accepted redirect",
        "silent asked needless",
    ),
    ("route refund +bank", redirect("bank"), "silent", "accepted redirect asked needless"),
    (
        "route refund",
        redirect("bank", ok_actions=["route"], ok_skills=["refund"]),
        "accepted redirect",
        "silent asked needless",
    ),
    (
        "clarify what-is-wrong",
        redirect("bank"),
        "asked needless",
        "accepted silent redirect ask_precision",
    ),
    ("none", redirect("bank"), "silent", "accepted redirect asked needless none_precision"),
    # A question is right
    (
        "clarify abroad",
        ask("abroad"),
        "accepted asked ask_precision ask_recall right_question",
        "silent missed",
    ),
    (
        "clarify what-is-wrong",
        ask("abroad"),
        "accepted asked ask_precision ask_recall",
        "silent missed right_question",
    ),
    ("clarify abroad", ask(), "accepted asked ask_precision ask_recall", "silent missed"),
    ("clarify abroad", ask("other"), "accepted asked ask_precision ask_recall", "silent missed"),
    (
        "clarify abroad",
        "abroad",
        "accepted asked ask_precision ask_recall right_question",
        "silent missed",
    ),
    ("route send-parcel", ask("abroad"), "silent missed", "accepted asked ask_recall"),
    ("none", ask("abroad"), "silent missed", "accepted asked ask_recall none_precision"),
    (  # a question is best, and a route is fair: nothing is missed
        "route send-parcel",
        ask("abroad", ok_actions=["route"], ok_skills=["send-parcel"]),
        "accepted",
        "silent asked",
    ),
    (
        "route customs",
        ask("abroad", ok_actions=["route"], ok_skills=["send-parcel"]),
        "silent",
        "accepted asked",
    ),
    (
        "clarify abroad",
        ask("abroad", ok_actions=["route"], ok_skills=["send-parcel"]),
        "accepted asked ask_precision right_question",
        "silent",
    ),
    # Nothing is right
    ("none", none(), "accepted none_recall none_precision", "silent asked needless"),
    ("route refund", none(), "silent", "accepted none_recall asked needless"),
    ("redirect bank", none(), "silent", "accepted none_recall asked needless"),
    (
        "clarify what-is-wrong",
        none(),
        "asked needless",
        "accepted silent none_recall ask_precision",
    ),
    (
        "redirect bank",
        none(ok_actions=["redirect"], ok_packs=["bank"]),
        "accepted none_recall",
        "silent asked needless",
    ),
    # A question offers the right answer
    (
        "clarify abroad ?refund ?customs",
        route("refund"),
        "asked needless end",
        "accepted silent ask_precision",
    ),
    (
        "clarify abroad ?customs ?bank",
        route("refund"),
        "asked needless",
        "accepted silent ask_precision",
    ),
    (
        "clarify abroad ?refund ?invoice",
        TRACK_THEN_REFUND,
        "asked needless",
        "accepted silent multi ask_precision",
    ),
    (
        "clarify abroad ?refund ?track-parcel",
        TRACK_THEN_REFUND,
        "asked needless end",
        "accepted silent multi ask_precision",
    ),
    (
        "clarify abroad ?refund ?bank",
        redirect("bank"),
        "asked needless end",
        "accepted silent redirect ask_precision",
    ),
    (
        "clarify which-of-these ?refund",
        none(),
        "asked needless end",
        "accepted silent none_recall ask_precision",
    ),
    # Without a label only the share of questions is known
    ("clarify abroad", None, "asked", ""),
    ("route refund", None, "", "asked"),
]
SHORT = {
    "silent": "silently_wrong",
    "skill": "skill_when_routed",
    "category": "category_when_routed",
    "multi": "multi_exact_in_order",
    "packs": "packs_named_too",
    "redirect": "redirect_right",
}


def counted(hits, misses):
    """The share of each figure on the one line: 1, 0, or None where it leaves the line out."""
    named = {SHORT.get(name, name): share for name in hits.split() for share in [1.0]}
    named |= {SHORT.get(name, name): 0.0 for name in misses.split()}
    if "accepted" in named:  # a question that offers the right answer ends right, too
        named["right_in_the_end"] = named.pop("end", named["accepted"])
    return {name: named.pop(name, None) for name in SHARES} | named


@pytest.mark.parametrize(("decision", "label", "hits", "misses"), CASES)
def test_what_a_figure_counts(tmp_path, decision, label, hits, misses):
    metrics = metrics_of(tmp_path, [(f"0.9 {decision}", label)])
    figures = metrics["figures"]
    assert {name: figures[name] for name in SHARES} == counted(hits, misses)
    for name in SHARES:
        assert metrics["intervals"][name]["n"] == (figures[name] is not None)


def test_every_share_has_a_hit_and_a_miss_and_a_line_left_out_among_the_cases():
    for name in SHARES:
        seen = {counted(hits, misses)[name] for _, _, hits, misses in CASES}
        assert seen >= {1.0, 0.0}, name
        assert (None in seen) == (name != "asked"), name


def test_a_share_is_of_the_lines_that_the_figure_speaks_of(tmp_path):
    rows = [(f"0.9 {decision} #{i}", label) for i, (decision, label, _, _) in enumerate(CASES)]
    metrics = metrics_of(tmp_path, rows)
    for name in SHARES:
        told = [counted(hits, misses)[name] for _, _, hits, misses in CASES]
        trials = [share for share in told if share is not None]
        assert metrics["intervals"][name]["n"] == len(trials)
        assert metrics["figures"][name] == pytest.approx(sum(trials) / len(trials), abs=6e-5)
    assert metrics["figures"]["queries"] == len(CASES) - 2  # those with a label


def test_equal_questions_with_other_options_are_counted_by_their_own_options(tmp_path):
    offers = ("?refund ?invoice", "?customs ?invoice", "?customs ?bank")
    rows = [(f"0.9 clarify which-of-these {offered}", "refund") for offered in offers]
    assert metrics_of(tmp_path, rows)["figures"]["right_in_the_end"] == 0.3333


def test_the_calibration_error_by_hand(tmp_path):
    rows = [
        ("0.95 route refund", "refund"),  # right: 0.05 too low
        ("0.92 route invoice", "refund"),  # wrong: 0.92 too high
        ("1.0 none", "none"),  # right: 1 belongs to the last bin
        ("0.25 route customs", "customs"),  # right: 0.75 too low
        ("0.2 redirect bank", "letters"),  # wrong: 0.2 too high
        ("0.5 clarify abroad", "refund"),  # a question is no decision
        ("0.6 route refund", None),  # nobody knows
    ]
    # 0.9 to 1: |-0.05 + 0.92 + 0| = 0.87; 0.2 to 0.3: |-0.75 + 0.2| = 0.55; of 5 decisions
    figures = metrics_of(tmp_path, rows)["figures"]
    assert figures["calibration_error"] == pytest.approx(1.42 / 5, abs=6e-5)


def test_a_log_of_questions_has_no_calibration_error(tmp_path):
    figures = metrics_of(tmp_path, [("0.5 clarify abroad", "abroad")])["figures"]
    assert figures["calibration_error"] is None


def test_mistakes_are_the_wrong_decisions_that_are_sure_first(tmp_path):
    mistakes = [(f"0.{400 + i} route refund #{i}", "customs") for i in range(LISTED + 20)]
    others = [
        ("0.99 route refund #right", "refund"),
        ("0.98 clarify abroad #question", "refund"),
        ("0.97 route refund #unlabelled", None),
    ]
    listed = metrics_of(tmp_path, [*mistakes, *others])["mistakes"]
    assert [query["text"] for query in listed] == [text for text, _ in mistakes[:-101:-1]]
    assert [query["confidence"] for query in listed[:2]] == [0.519, 0.518]


def test_the_least_certain_are_the_decisions_that_are_unsure_first(tmp_path):
    decisions = [(f"0.{400 + i} route refund #{i}", "refund") for i in range(LISTED + 20)]
    question = ("0.1 clarify abroad #question", "abroad")
    listed = metrics_of(tmp_path, [question, *decisions[::-1]])["least_certain"]
    assert [query["text"] for query in listed] == [text for text, _ in decisions[:LISTED]]
