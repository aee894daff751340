"""Parts of a router that is fitted on a tiny pack with the default encoder."""

from dataclasses import replace

import numpy as np
import pytest
import speed_made
from evidence import RecordingEncoder

from router import Router
from router.errors import PackError
from router.model.concerns import ClauseGate
from router.statistics.probability import Logistic

N_FEATURES = 8


def test_a_router_of_many_routes_finds_their_exemplars(tiny_router, monkeypatch):
    monkeypatch.setattr("router.heads.discriminant_head._MAX_LANDMARKS", 100)
    router = speed_made.made_router(30, 5, tiny_router)
    assert len(router.model.head.landmarks) == 100
    wanted = [label.removeprefix("skill:") for label in router.model.exemplar_labels]
    skills = router.route_arrow(list(router.model.exemplar_texts)).column("skills").to_pylist()
    right = [own in routed for own, routed in zip(wanted, skills, strict=True)]
    assert np.mean(right) >= 0.9


def test_each_exemplar_is_closest_to_its_own_of_well_parted_centroids(tiny_router):
    """The real model on a real, tiny pack: every skill's own sentences lie nearest to it."""
    model, exemplars = tiny_router.model, tiny_router.pack.exemplars.skills
    for skill, lines in exemplars.items():
        similarities = model.centroids.similarities(tiny_router.encoder.encode(lines))
        names = [model.centroids.names[i] for i in similarities.argmax(axis=1)]
        assert names == [f"skill:{skill}"] * len(lines)


def test_vague_texts_of_a_tiny_pack_are_likelier_asked_about_than_clear_ones(tiny_router):
    vague = ["I have trouble with my bike", "it broke, please mend it", "bike is broken again"]
    clear = ["new brake pads for the front wheel", "I got a puncture, the tube lost its air"]
    ask = tiny_router.evidence_and_result([*vague, *clear])[1].ask_probability
    assert ask[:3].min() > ask[3:].max()


@pytest.mark.parametrize(("odds", "passes"), [(9.0, 2), (-9.0, 1)])
def test_only_clauses_behind_an_open_gate_are_encoded(tiny_router, odds, passes):
    encoder = RecordingEncoder(tiny_router.encoder)
    model = replace(
        tiny_router.model,
        concerns=replace(tiny_router.model.concerns, min_probability=0.0),
        gate=ClauseGate(Logistic(np.zeros(N_FEATURES), odds), 0.5),
    )
    model.evidence(
        ["the front brakes squeal, and I want a new saddle", "my brakes squeal"], encoder
    )
    assert len(encoder.batches) == passes
    assert encoder.batches[1:] == [["the front brakes squeal", "I want a new saddle"]][: passes - 1]


def test_a_broken_pack_is_not_routed_with(tiny):
    path = tiny / "pack.yaml"
    path.write_text(path.read_text().replace("category: counter", "category: countr"))
    with pytest.raises(PackError, match=r"skills\[2\].category"):
        Router.load(tiny)


def test_a_router_says_what_it_is_in_one_line(tiny_router):
    counts = "3 skills, 1 neighbour, 2 questions"
    assert repr(tiny_router) == f"<Router bike-shop: {counts}, uncalibrated>"
