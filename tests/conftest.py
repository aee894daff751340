import json
from functools import cache
from pathlib import Path

import pytest

from router import Router
from router.encoders.default import default_encoder
from router.encoders.encoder import Encoder
from router.fitting.fit import fit_model
from router.packs.pack_file import load_pack
from router.skill_folders.pack_of_skills import init_pack

TINY_YAML = """\
format: 1
id: bike-shop
title: Bike shop
summary: Mend a bike, or buy one.

categories:
  - id: workshop
    title: Workshop
    concern: Something on the bike is broken.
  - id: counter
    title: Counter
    concern: Somebody wants to buy.

skills:
  - id: fix-brakes
    category: workshop
    title: Brakes
    summary: Make a bike stop again.
    document: brakes.md
  - id: fix-tyres
    category: workshop
    title: Tyres
    summary: Mend what lost its air.
  - id: sell-bikes
    category: counter
    title: New bikes
    summary: Find the bike that fits.

neighbours:
  - id: bus-lines
    title: Bus lines
    summary: Get there without a bike.
    mention_beside: [fix-tyres]
    mention_when: [bus, night bus]

policy:
  ask_threshold: 0.5

questions:
  - id: repair-or-buy
    text: Shall we mend the bike that you have, or sell you another?
    triggers: [bike trouble, old bike]
    options:
      - id: repair
        label: Mend mine
        leads_to: {ask: which-part}
      - id: buy
        label: Sell me another
        leads_to: {skills: [sell-bikes]}
  - id: which-part
    text: What is broken, the brakes or a tyre?
    triggers: [broken]
    if_unsure: brakes
    options:
      - id: brakes
        label: The brakes
        leads_to: {skills: [fix-brakes]}
      - id: tyre
        label: A tyre
        leads_to: {skills: [fix-tyres], neighbours: [bus-lines]}

order:
  - - [fix-tyres]
    - [fix-brakes]
    - [sell-bikes]

also_consider:
  fix-brakes: [fix-tyres]
"""

TINY_EXEMPLARS = {
    "skills/fix-brakes": [
        "my brakes squeal in the rain",
        "the front brake does not grip any more",
        "replace worn brake pads",
        "brake cable snapped on the way down",
        "bleed the hydraulic disc brakes",
        "the lever goes down to the bar and nothing stops",
        "rear brake rubs on the rim",
        "brake shoes are worn out",
    ],
    "skills/fix-tyres": [
        "flat tyre again this morning",
        "patch a hole in the inner tube",
        "the rear wheel loses air over night",
        "glass in my tyre",
        "which pressure for the tyres",
        "the valve leaks air",
        "change a tube on the road",
        "a nail went through the tyre",
    ],
    "skills/sell-bikes": [
        "I want to buy a touring bike",
        "how much is a new city bike",
        "which frame size fits me, I am 1.80 m",
        "looking for an e-bike to commute with",
        "do you have a bike for a six year old",
        "a gravel bike for less than 1500",
        "compare two racing bikes before I buy one",
        "I'd like to order a cargo bike",
    ],
    "neighbours/bus-lines": [
        "when does the next bus leave",
        "which bus goes to the station",
        "night bus timetable",
        "a monthly ticket for the bus",
        "is the bus late today",
        "where is the bus stop",
    ],
    "questions/repair-or-buy": [
        "bike trouble",
        "what shall I do about my old bike",
        "my bike is not good",
        "help with my bike",
        "the bike makes me unhappy",
    ],
    "questions/which-part": [
        "it is broken",
        "something broke on my ride",
        "please repair it",
        "can you mend it by friday",
        "it has been broken for a week",
    ],
    "options/repair-or-buy/repair": ["repair it", "mine can be saved", "fix what I have"],
    "options/repair-or-buy/buy": ["a new one", "I'd rather buy", "time for another bike"],
    "options/which-part/brakes": ["it does not stop", "brake pads", "the lever feels soft"],
    "options/which-part/tyre": ["no air in it", "a puncture", "the tube has a hole"],
    "none": [
        "bake bread without yeast",
        "who won the match",
        "translate a letter into French",
        "water the tomatoes twice a day",
    ],
}


def tiny_pack(folder: Path) -> Path:
    """Write a small pack that holds: 2 categories, 3 skills, 1 neighbour, 2 questions."""
    for name, lines in TINY_EXEMPLARS.items():
        path = folder / "exemplars" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# One exemplar a line.\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
    (folder / "pack.yaml").write_text(TINY_YAML, encoding="utf-8")
    (folder / "skills").mkdir()
    (folder / "skills" / "brakes.md").write_text("# Brakes\n\nPads first, then cables.\n")
    return folder


@cache
def shared_encoder() -> Encoder:
    """Load the model once for all tests."""
    return default_encoder()


def fitted_router(folder: Path) -> Router:
    """Fit a router on a pack here and now, whatever model the cache holds."""
    pack, encoder = load_pack(folder), shared_encoder()
    return Router(pack, encoder, fit_model(pack, encoder))


def write_skills(root: Path, descriptions: dict[str, str]) -> None:
    """Write a folder with a SKILL.md for each name and description."""
    for name, text in descriptions.items():
        (root / name).mkdir()
        head = f"---\nname: {name}\ndescription: {json.dumps(text)}\n---\n# {name.title()}\n"
        (root / name / "SKILL.md").write_text(head, encoding="utf-8")


def skills_router(root: Path, descriptions: dict[str, str]) -> Router:
    """Write such a folder, and make a router of it."""
    write_skills(root, descriptions)
    pack, _ = init_pack(root, None, shared_encoder(), False, lambda _: None)
    return Router(pack, shared_encoder(), fit_model(pack, shared_encoder()))


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """No vectors and no models; the encoder is prepared already."""
    for module in ("fitting.model_cache", "encoders.cached"):
        monkeypatch.setattr(f"router.{module}.cache_folder", lambda: tmp_path / "cache")


@pytest.fixture(autouse=True)
def own_vectors_of_logs(tmp_path_factory, monkeypatch):
    """No test finds what another has embedded, nor what the user has."""
    monkeypatch.setattr(
        "router.encoders.cached.LOG_VECTORS", str(tmp_path_factory.mktemp("vectors"))
    )


@pytest.fixture
def tiny(tmp_path):
    return tiny_pack(tmp_path / "bike-shop")


@pytest.fixture(scope="session")
def bike_shop(tmp_path_factory):
    """The small pack as a value."""
    return load_pack(tiny_pack(tmp_path_factory.mktemp("tiny") / "bike-shop"))


@pytest.fixture(scope="session")
def tiny_router(tmp_path_factory):
    return fitted_router(tiny_pack(tmp_path_factory.mktemp("tiny") / "bike-shop"))


@pytest.fixture(scope="session")
def router():
    return Router.load()
