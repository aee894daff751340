import numpy as np
import pytest
from golden_encoder import GoldenEncoder

from router.evaluation.pack_health import (
    held_out_cosines,
    pack_health,
    separating_question,
)
from router.packs.pack_file import load_pack
from router.paths import DEFAULT_PACK


def test_held_out_cosines_by_hand():
    vectors = np.array([[1, 0], [0, 1], [0, 1], [0.6, 0.8]], dtype=np.float32)
    cosines = held_out_cosines(vectors, np.array([0, 0, 1, 1]), 2)
    # The first line's target, without it, is the second line: a right angle.
    assert cosines[0, 0] == pytest.approx(0.0)
    # The other target is (0.6, 1.8) / 1.897: 0.6 / 1.897.
    assert cosines[0, 1] == pytest.approx(0.6 / np.hypot(0.6, 1.8), abs=1e-6)
    assert cosines[2, 1] == pytest.approx(0.8)


def test_a_line_alone_in_its_target_has_no_one_to_vouch_for_it():
    vectors = np.array([[1, 0], [0, 1], [0, 1]], dtype=np.float32)
    assert held_out_cosines(vectors, np.array([0, 1, 1]), 2)[0, 0] == 0.0


def test_a_misplaced_line_strays_to_where_it_belongs(tiny):
    tyres = tiny / "exemplars" / "skills" / "fix-tyres.txt"
    tyres.write_text(tyres.read_text() + "the brake pads squeal when I pull the lever\n")
    health = pack_health(load_pack(tiny), GoldenEncoder())
    stray = next(line for line in health.strays if "squeal when" in line.text)
    assert (stray.target, stray.closer_to) == ("skill:fix-tyres", "skill:fix-brakes")
    assert stray.own_similarity < stray.closer_similarity
    assert stray.nearest in load_pack(tiny).exemplars.skills["fix-brakes"]
    pair = next(pair for pair in health.pairs if stray in pair.strays)
    assert {pair.first, pair.second} == {"fix-brakes", "fix-tyres"}
    assert pair.question == "which-part"
    shared = load_pack(tiny).exemplars.skills
    n_lines = len(shared["fix-brakes"]) + len(shared["fix-tyres"])
    assert pair.share == round(len(pair.strays) / n_lines, 4)


def test_the_question_that_separates_two_skills(bike_shop):
    pack = bike_shop
    assert separating_question(pack, "fix-brakes", "fix-tyres").id == "which-part"
    # Through the follow-up question: mending leads to brakes, buying to bikes.
    assert separating_question(pack, "fix-brakes", "sell-bikes").id == "repair-or-buy"


def test_skills_that_no_question_separates():
    pack = load_pack(DEFAULT_PACK)
    pair = "quantization-for-inference", "experiment-tracking-and-versioning"
    assert separating_question(pack, *pair) is None
    asked = "experiment-tracking-and-versioning", "mlops-pipeline-automation"
    assert separating_question(pack, *asked).id == "tracking-or-automation"
