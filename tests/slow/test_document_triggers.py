"""The ten documents alone, as a folder of skills without exemplars, against our own log."""

import json
import shutil
from collections import Counter

import pytest
from conftest import shared_encoder

from router import Clarify, Route, Router
from router.fitting.fit import fit_model
from router.paths import SAMPLE_LOG, SKILLS
from router.skill_folders.pack_of_skills import init_pack

LEAST_RIGHT = 0.90
MOST_SILENTLY_WRONG = 0.08
LEAST_RECALL = 0.70
HARD_TO_FIND = (
    "model-serving-patterns",
    "production-debugging-techniques",
    "deployment-strategies",
)


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """Each line of the log that one skill serves: that skill, and the decision."""
    folder = tmp_path_factory.mktemp("documents") / "skills"
    shutil.copytree(SKILLS, folder, ignore=shutil.ignore_patterns("using-ml-production"))
    pack, _ = init_pack(folder, None, shared_encoder(), False, lambda _: None)
    router = Router(pack, shared_encoder(), fit_model(pack, shared_encoder()))
    rows = [json.loads(line) for line in SAMPLE_LOG.read_text("utf-8").splitlines()]
    rows = [row for row in rows if row["action"] == "route" and len(row["skills"]) == 1]
    decisions = router.route_many([row["text"] for row in rows])
    return [(row["skills"][0], decision) for row, decision in zip(rows, decisions, strict=True)]


def test_what_is_routed_is_routed_right(decided):
    routed = [(skill, d) for skill, d in decided if isinstance(d, Route)]
    right = sum(d.skills[0] == skill for skill, d in routed) / len(routed)
    assert right >= LEAST_RIGHT
    wrong = sum(not isinstance(d, Route | Clarify) for _, d in decided)
    wrong += sum(d.skills != (skill,) for skill, d in routed)
    assert wrong / len(decided) <= MOST_SILENTLY_WRONG


def test_skills_that_were_hard_to_find_are_found(decided):
    total = Counter(skill for skill, _ in decided)
    found = Counter(s for s, d in decided if isinstance(d, Route) and d.skills[0] == s)
    recall = {skill: found[skill] / total[skill] for skill in HARD_TO_FIND}
    assert min(recall.values()) >= LEAST_RECALL, recall
