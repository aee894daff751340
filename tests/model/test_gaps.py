import dataclasses
import json

import numpy as np
import pytest
from lines import decided
from msgspec.structs import replace

from router.commands.gaps import print_gaps
from router.errors import LogError
from router.evaluation.clusters import clusters_of
from router.evaluation.decisions_file import RunFolder
from router.evaluation.gaps import export_gaps, find_gaps
from router.evaluation.run import evaluate
from router.logs.labels import Gold
from router.packs.exemplar_file import read_exemplars
from router.paths import SAMPLE_LOG

COOKING = [
    "how long do I boil eggs",
    "boil eggs for ten minutes or less",
    "boil an egg so that the yolk stays soft",
    "the eggs crack when I boil them",
    "cook soft boiled eggs without a timer",
    "how many minutes for hard boiled eggs",
]
GARDEN = [
    "when to prune roses in spring",
    "prune old roses after they flower",
    "which roses grow well in the shade",
    "my roses have black spots on their leaves",
    "plant roses next to a wall",
    "feed the roses in spring",
]


def refused(texts):
    return [decided(line, text, "none") for line, text in enumerate(texts, start=1)]


def test_two_topics_are_two_clusters_and_a_stranger_is_in_none(tiny_router):
    texts = [*COOKING, *GARDEN, "tax return for the self-employed"]
    codes = clusters_of(tiny_router.encoder.encode(texts))
    assert len({*codes[:6]}) == len({*codes[6:12]}) == 1
    assert codes[0] != codes[6]
    assert codes[12] == -1


def test_texts_of_different_kinds_are_not_put_together(tiny_router):
    vectors = tiny_router.encoder.encode([*COOKING, *GARDEN])
    kinds = np.array([0, 0, 0, 0, 0, 1] + [2] * 6)
    first, *_, last = apart = clusters_of(vectors, kinds=kinds).tolist()
    assert {first, last} == {0, 1}
    assert apart == [first] * 5 + [-1] + [last] * 6


def test_gaps_have_words_typical_queries_and_sizes(tiny_router):
    gaps = find_gaps(refused([*COOKING, *GARDEN, *GARDEN]), tiny_router)
    assert (gaps.n_lines, gaps.n_unfit, gaps.n_texts) == (18, 18, 12)
    assert [gap.n_lines for gap in gaps.gaps] == [12, 6]
    assert gaps.gaps[0].words[0] == "roses"
    assert set(gaps.gaps[0].typical) <= set(GARDEN)
    assert dict(gaps.gaps[0].queries) == dict.fromkeys(GARDEN, 2)
    assert gaps.gaps[0].takes_exemplars is None
    assert "a new skill" in gaps.gaps[0].suggestion


def test_a_gap_near_a_skill_asks_for_exemplars(tiny_router):
    brakes = [
        "my bike brakes are squealing",
        "the brake pads of my bike are worn",
        "bike brakes squeal in the rain",
        "the front brake of the bike squeals",
        "new pads for squealing bike brakes",
        "brake cable of the bike is loose",
    ]
    gap = find_gaps(refused([*brakes, *COOKING]), tiny_router).gaps
    near = next(one for one in gap if one.queries[0][0] in brakes)
    assert near.takes_exemplars == "skill:fix-brakes"
    assert near.suggestion.startswith("Add exemplars like these to fix-brakes")


def test_labels_say_where_a_gap_belongs(tiny_router):
    gold = Gold("route", skills=("sell-bikes",))
    rows = [
        decided(1, text, "route", skills=("fix-tyres",), gold=gold, accepted=False)
        for text in [*COOKING, *GARDEN]
    ]
    gaps = find_gaps(rows, tiny_router).gaps
    assert len(gaps) == 2
    for gap in gaps:
        assert gap.takes_exemplars == "skill:sell-bikes"
        assert "labels" in gap.suggestion


def test_too_few_queries_are_no_gap(tiny_router):
    gaps = find_gaps(refused(COOKING), tiny_router)
    assert (gaps.gaps, gaps.n_unfit) == ((), 6)


def test_a_query_that_comes_often_is_a_gap_and_a_greeting_is_none(tiny_router):
    often = "tax return for the self-employed"
    gaps = find_gaps(refused([*[often] * 9, *["Good morning!"] * 20, "thanks a lot"]), tiny_router)
    assert (gaps.n_lines, gaps.n_unfit) == (30, 9)
    assert [(gap.n_lines, gap.queries) for gap in gaps.gaps] == [(9, ((often, 9),))]


def test_a_gap_named_by_a_long_word_is_exported(tiny_router, tmp_path):
    texts = [f"decode {'eyj0' * 80} {number}" for number in range(9)]
    gaps = find_gaps(refused(texts), tiny_router)
    assert [len(path.name) <= 75 for path in export_gaps(gaps, tmp_path)] == [True]


def test_the_gaps_of_another_pack_are_refused(tiny_router, tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("a flat tyre\n")
    evaluate(tiny_router, log, tmp_path / "run")
    policy = replace(tiny_router.pack.file.policy, max_skills=1)
    pack = replace(tiny_router.pack, file=replace(tiny_router.pack.file, policy=policy))
    other = dataclasses.replace(tiny_router, pack=pack)
    run = RunFolder.open(tmp_path / "run")
    run.check_pack(tiny_router)
    with pytest.raises(LogError, match="made with the pack bike-shop .*; cure: give that pack"):
        run.check_pack(other)


def test_an_exported_gap_is_an_exemplar_file(tiny_router, tmp_path):
    long = "boil eggs " * 300
    broken = "boil\neggs   in\n# one pot"
    gaps = find_gaps(refused([*COOKING, *GARDEN, long, broken]), tiny_router)
    paths = export_gaps(gaps, tmp_path / "review")
    assert [path.name[:6] for path in paths] == [f"gap-{i:02d}" for i in range(1, len(paths) + 1)]
    kept = [line for path in paths for line in read_exemplars(path)]
    wanted = [text for gap in gaps.gaps for text, _ in gap.queries if len(text) <= 2_000]
    assert sorted(kept) == sorted(" ".join(text.split()) for text in wanted)
    assert paths[0].read_text().startswith(f"# {gaps.gaps[0].suggestion}")


def test_the_theme_of_the_sample_log_that_no_skill_serves_is_one_gap(router):
    lines = [json.loads(line) for line in SAMPLE_LOG.read_text(encoding="utf-8").splitlines()]
    unrelated = list(dict.fromkeys(line["text"] for line in lines if line["action"] == "none"))
    found = find_gaps(refused(unrelated), router).gaps
    legal = next(gap for gap in found if "gdpr" in gap.words)
    assert len(legal.queries) >= 8
    assert sum("gdpr" in gap.words for gap in found) == 1
    assert legal.takes_exemplars is None
    assert not any("docker" in text or "boil" in text for text, _ in legal.queries)


def test_the_command_says_what_a_gap_is_and_what_to_do(tiny_router, capsys):
    print_gaps(find_gaps(refused([*COOKING, *GARDEN, *GARDEN]), tiny_router))
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("18 of 18 queries fit no skill well: they were refused")
    assert "They contain 2 groups" in said
    assert "1. roses" in said
    assert "(12 queries)" in said
    assert "-> Write a new skill, or refuse them" in said
    print_gaps(find_gaps(refused(COOKING[:2]), tiny_router))
    assert "No group of them is similar enough" in capsys.readouterr().out
